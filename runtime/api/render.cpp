#include "runtime/api/render.hpp"

#include <charconv>
#include <cmath>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "messages/json.hpp"

#include "runtime/http/target.hpp"

namespace troupe::runtime::api {

namespace {

void append(std::string& out, double x) {
  if (!std::isfinite(x)) {
    out += "null";
    return;
  }
  char digits[32];
  auto end = std::to_chars(digits, digits + sizeof(digits), x).ptr;
  out.append(digits, end);
}

void append_string(std::string& out, boost::json::string_view x) {
  auto plain = true;
  for (auto c : x)
    plain
      = plain && static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
  if (plain) {
    out += '"';
    out.append(x.data(), x.size());
    out += '"';
  } else {
    out += boost::json::serialize(x);
  }
}

void append(std::string& out, const boost::json::value& x) {
  switch (x.kind()) {
  case boost::json::kind::null:
  case boost::json::kind::bool_:
  case boost::json::kind::int64:
  case boost::json::kind::uint64:
    out += boost::json::serialize(x);
    break;
  case boost::json::kind::double_:
    append(out, x.get_double());
    break;
  case boost::json::kind::string:
    append_string(out, x.get_string());
    break;
  case boost::json::kind::array: {
    auto sign = '[';
    for (auto& y : x.get_array()) {
      out += sign;
      append(out, y);
      sign = ',';
    }
    out += sign == '[' ? "[]" : "]";
    break;
  }
  case boost::json::kind::object: {
    auto sign = '{';
    for (auto& [key, y] : x.get_object()) {
      out += sign;
      append_string(out, key);
      out += ':';
      append(out, y);
      sign = ',';
    }
    out += sign == '{' ? "{}" : "}";
    break;
  }
  }
}

http::response json_response(int status, const boost::json::object& body) {
  return {.status = status,
          .content_type = "application/json",
          .body = json_text(body),
          .headers = {}};
}

bool makes_a_job(const outcome& x) {
  for (auto& job : x.jobs)
    if (job.created)
      return true;
  return false;
}

} // namespace

std::string json_text(const boost::json::value& x) {
  std::string result;
  append(result, x);
  return result;
}

http::response render(const boost::json::value& x) {
  return {.status = 200,
          .content_type = "application/json",
          .body = json_text(x),
          .headers = {}};
}

http::response render(const command_call& x, const outcome& y) {
  boost::json::object body;
  body["version"] = y.version;
  if (x.dry_run)
    body["dryRun"] = true;
  if (!y.jobs.empty())
    body["jobs"] = json::write(y.jobs, json::detail::full);
  if (x.how == telling::removal)
    body["removed"] = y.removed;
  auto* joined = std::get_if<join_node>(&x.what);
  if (joined != nullptr)
    body["name"] = joined->profile.name;
  if (x.dry_run || x.how == telling::done || x.how == telling::removal)
    return json_response(200, body);
  if (x.how == telling::accepted)
    return json_response(202, body);
  auto location = std::string{};
  if (joined != nullptr) {
    location = "/v1/nodes/" + http::percent_encode(joined->profile.name);
  } else if (y.jobs.empty() || !makes_a_job(y)) {
    return json_response(200, body);
  } else {
    location = "/v1/jobs/" + http::percent_encode(y.jobs.front().name);
  }
  auto result = json_response(201, body);
  result.headers.emplace_back("Location", std::move(location));
  return result;
}

http::response
render_settings(const boost::json::object& cluster, std::string log_level) {
  boost::json::object result;
  for (auto* key : {"strategy", "queueOrder", "fairBy", "fairWeights",
                    "overcommit", "priorityClasses", "concurrency", "shadow",
                    "cacheEntries", "batchSize", "version"})
    if (auto* value = cluster.if_contains(key))
      result[key] = *value;
  result["logLevel"] = std::move(log_level);
  return render(result);
}

http::response render(const std::vector<work_item>& xs) {
  boost::json::array items;
  for (auto& x : xs) {
    auto& item = items.emplace_back(json::write(x, json::detail::full));
    if (!x.deadline)
      item.get_object()["deadline"] = nullptr;
    if (x.why == reason::none)
      item.get_object()["reason"] = nullptr;
  }
  return render(boost::json::object{{"items", std::move(items)}});
}

http::response render(const refusal& x) {
  return to_response(problem_of(x));
}

} // namespace troupe::runtime::api
