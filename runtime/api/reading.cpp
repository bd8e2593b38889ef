#include "runtime/api/reading.hpp"

#include <algorithm>
#include <charconv>

#include "messages/job_grammar.hpp"
#include "messages/job_text.hpp"
#include "messages/quantity.hpp"

namespace troupe::runtime::api {

namespace {

bool is_blank(std::string_view x) {
  return x.find_first_not_of(" \t\r\n") == x.npos;
}

std::string list_of(const std::vector<std::string>& xs) {
  std::vector<std::string_view> views{xs.begin(), xs.end()};
  return one_of(views);
}

} // namespace

bool is_node_name(std::string_view x) {
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9');
  };
  return !x.empty() && x.size() <= 63 && plain(x.front()) && plain(x.back())
         && std::all_of(x.begin(), x.end(), [&](char c) {
              return plain(c) || c == '-' || c == '.' || c == '_';
            });
}

reading::reading(const http::request& x, std::vector<std::string> names,
                 uint64_t chance)
  : request_{x}, names_{std::move(names)}, chance_{chance} {
  // nop
}

// -- names -------------------------------------------------------------------

std::string reading::name() const {
  return names_.empty() ? std::string{} : names_.front();
}

std::string reading::job() {
  if (!is_job_name(name()))
    refuse(404, "there is no job " + quoted(name()) + ": a job's name "
                  + std::string{job_name_rule});
  return name();
}

std::string reading::node() {
  if (!is_node_name(name()))
    refuse(404, "there is no node " + quoted(name())
                  + "; `troupe nodes` lists the nodes");
  return name();
}

task_ref reading::task() {
  auto result = task_ref::parse(name());
  if (!result || !is_job_name(result->job)) {
    refuse(404, "there is no task " + quoted(name())
                  + ": a task is named by its job and its index, as in web.0");
    return {};
  }
  return *result;
}

// -- parameters --------------------------------------------------------------

std::string reading::text(std::string_view parameter) {
  return std::string{request_.parameter(parameter).value_or("")};
}

bool reading::flag(std::string_view parameter) {
  auto value = request_.parameter(parameter);
  if (!value || *value == "false" || *value == "0")
    return false;
  if (*value == "true" || *value == "1" || value->empty())
    return true;
  wrong(parameter, "must be true or false, not " + quoted(*value));
  // Whoever wanted a dry run and misspelt it must not get a real one; but the
  // problem is what is answered.
  return true;
}

std::optional<uint64_t>
reading::number(std::string_view parameter, uint64_t min, uint64_t max) {
  auto value = request_.parameter(parameter);
  if (!value)
    return std::nullopt;
  uint64_t result = 0;
  auto end = value->data() + value->size();
  auto [at, error] = std::from_chars(value->data(), end, result);
  if (error == std::errc{} && at == end && result >= min && result <= max)
    return result;
  wrong(parameter, "must be a whole number from " + std::to_string(min) + " to "
                     + std::to_string(max) + ", not " + quoted(*value));
  return std::nullopt;
}

uint32_t reading::limit() {
  auto value = number("limit", 1, list_limit_max);
  return value ? static_cast<uint32_t>(*value) : list_limit_default;
}

milliseconds reading::wait() {
  auto value = request_.parameter("wait");
  if (!value)
    return milliseconds{0};
  auto result = read_duration(*value);
  if (!result)
    wrong("wait", result.error());
  else if (*result < milliseconds{0} || *result > wait_max)
    wrong("wait", "must be at most " + duration_text(wait_max));
  else
    return *result;
  return milliseconds{0};
}

std::vector<std::string> reading::values(std::string_view parameter) {
  std::vector<std::string> result;
  for (auto& [key, value] : request_.query) {
    if (key != parameter)
      continue;
    std::string_view rest{value};
    while (!rest.empty()) {
      auto end = std::min(rest.find(','), rest.size());
      if (end > 0)
        result.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
  return result;
}

std::vector<label_filter> reading::labels() {
  std::vector<label_filter> result;
  for (auto& x : values("label")) {
    auto sign = x.find('=');
    auto name = x.substr(0, sign);
    std::string value = "*";
    if (sign != x.npos)
      value = x.substr(sign + 1);
    if (sign != x.npos && name.ends_with('!')) {
      name.pop_back();
      value.insert(0, 1, '!');
    }
    if (!is_label_name(name) || !is_label_value(value))
      wrong("label", "must be like \"zone=us-east\", \"zone!=us-east\" or "
                     "\"gpu\", not "
                       + quoted(x));
    else
      result.push_back({std::move(name), std::move(value)});
  }
  return result;
}

// -- body --------------------------------------------------------------------

const boost::json::value* reading::body() {
  if (is_blank(request_.body)) {
    problems_.push_back({"", "the body is empty; it must be JSON"});
    return nullptr;
  }
  auto read = read_json_text(request_.body, json_dialect::wire);
  if (!read) {
    add(std::move(read.error()));
    return nullptr;
  }
  return &body_.emplace(std::move(*read));
}

void reading::no_body() {
  if (is_blank(request_.body))
    return;
  auto* value = body();
  if (value != nullptr && (!value->is_object() || !value->get_object().empty()))
    problems_.push_back({"", "there is nothing to tell here: leave the body "
                             "out, or write {}"});
}

void reading::add(std::vector<problem> xs) {
  problems_.insert(problems_.end(), std::make_move_iterator(xs.begin()),
                   std::make_move_iterator(xs.end()));
}

// -- problems ----------------------------------------------------------------

void reading::wrong(std::string_view parameter, std::string detail) {
  std::string pointer;
  append_token(pointer, parameter);
  problems_.push_back({std::move(pointer), std::move(detail)});
}

void reading::unknown_value(std::string_view parameter, std::string_view value,
                            const std::vector<std::string>& known) {
  wrong(parameter, "must be " + list_of(known) + ", not " + quoted(value));
}

void reading::refuse(int status, std::string detail) {
  if (!refused_)
    refused_ = problem_response{status, std::move(detail), {}, {}};
}

std::optional<problem_response> reading::finish() && {
  if (refused_)
    return std::move(refused_);
  if (problems_.empty())
    return std::nullopt;
  auto& first = problems_.front();
  auto detail
    = problems_.size() == 1
        ? (first.pointer.empty() ? "" : first.pointer + ": ") + first.detail
        : std::to_string(problems_.size())
            + " things are wrong with the request, see errors";
  return problem_response{400, std::move(detail), std::move(problems_), {}};
}

} // namespace troupe::runtime::api
