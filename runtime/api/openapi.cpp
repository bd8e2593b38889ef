// The description of the interface, OpenAPI 3.1: the table of routes, with what
// each takes and answers.

#include "runtime/api/openapi.hpp"

#include <algorithm>
#include <array>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "messages/contract.hpp"
#include "messages/query.hpp"

#include "runtime/api/routes.hpp"
#include "runtime/api/schemas.hpp"

namespace troupe::runtime::api {

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using http::method;

/// What a route takes and answers, by names of schemas.
struct contents {
  http::method method;
  std::string_view pattern;
  /// Empty: it has no body.
  std::string_view body;
  /// Of its answer: a schema, a schema with `[]` for a page of such items, or a
  /// media type.
  std::string_view answer;
  /// Success, and another one if there is.
  int status = 200;
  int other = 0;
};

// In the order of the table of routes. A test fails for a route that is not here.
constexpr auto all_contents = std::to_array<contents>({
  {method::post, "/v1/jobs", "jobs", "done", 201, 200},
  {method::get, "/v1/jobs", "", "jobView[]"},
  {method::get, "/v1/jobs/{job}", "", "jobView"},
  {method::del, "/v1/jobs/{job}", "", "done", 202, 200},
  {method::post, "/v1/jobs/{job}/scale", "scale", "done"},
  {method::post, "/v1/jobs/{job}/stop", "nothing", "done", 202, 200},
  {method::post, "/v1/jobs/{job}/restart", "nothing", "done", 202, 200},
  {method::post, "/v1/jobs/{job}/rollback", "nothing", "done", 202, 200},
  {method::get, "/v1/jobs/{job}/why", "", "why"},
  {method::get, "/v1/tasks", "", "taskView[]"},
  {method::get, "/v1/tasks/{task}", "", "taskView"},
  {method::post, "/v1/tasks/{task}/stop", "nothing", "done", 202, 200},
  {method::post, "/v1/tasks/{task}/restart", "nothing", "done", 202, 200},
  {method::get, "/v1/tasks/{task}/logs", "", "text/plain"},
  {method::post, "/v1/tasks/{task}/exec", "exec", "execResult"},
  {method::get, "/v1/tasks/{task}/why", "", "why"},
  {method::get, "/v1/nodes", "", "nodeView[]"},
  {method::post, "/v1/nodes", "profile", "done", 201, 200},
  {method::get, "/v1/nodes/{node}", "", "nodeView"},
  {method::del, "/v1/nodes/{node}", "", "done"},
  {method::patch, "/v1/nodes/{node}", "nodeChange", "done"},
  {method::get, "/v1/nodes/{node}/work", "", "workBatch"},
  {method::post, "/v1/nodes/{node}/reports", "reports", "taken"},
  {method::post, "/v1/nodes/{node}/drain", "drain", "done", 202, 200},
  {method::post, "/v1/nodes/{node}/cordon", "nothing", "done"},
  {method::post, "/v1/nodes/{node}/uncordon", "nothing", "done"},
  {method::post, "/v1/nodes/{node}/heartbeat", "beat", "heard"},
  {method::get, "/v1/nodes/{node}/why", "", "whyNode"},
  {method::get, "/v1/gangs", "", "gangView[]"},
  {method::get, "/v1/queue", "", "queueView[]"},
  {method::get, "/v1/cluster", "", "cluster"},
  {method::get, "/v1/policies", "", "policyView[]"},
  {method::get, "/v1/actors", "", "actorView[]"},
  {method::get, "/v1/map", "", "map"},
  {method::get, "/v1/usage", "", "usage"},
  {method::get, "/v1/events", "", "event[]"},
  {method::get, "/v1/live", "", "", 101},
  {method::post, "/v1/plan", "planRequest", "plan"},
  {method::get, "/v1/backup", "", "application/octet-stream"},
  {method::get, "/v1/cache", "", "resultView[]"},
  {method::del, "/v1/cache", "", "done"},
  {method::get, "/v1/settings", "", "settings"},
  {method::put, "/v1/settings", "settingsChange", "done"},
  {method::get, "/healthz", "", "status"},
  {method::get, "/readyz", "", "status"},
  {method::get, "/metrics", "", "text/plain"},
  {method::get, "/openapi.json", "", "anything"},
  {method::get, "/", "", "text/html"},
  {method::get, "/dashboard/{file}", "", "*/*"},
});

object reference(std::string_view name) {
  return {{"$ref", "#/components/schemas/" + std::string{name}}};
}

object typed(const char* type) {
  return {{"type", type}};
}

// -- parameters -----------------------------------------------------------------

object schema_of_parameter(std::string_view name) {
  if (name == "limit")
    return {{"type", "integer"},
            {"minimum", 1},
            {"maximum", list_limit_max},
            {"default", list_limit_default}};
  if (name == "version" || name == "since" || name == "tail" || name == "last"
      || name == "attempt")
    return {{"type", "integer"}, {"minimum", 0}};
  if (name == "dryRun" || name == "follow")
    return {{"type", "boolean"}, {"default", false}};
  if (name == "wait")
    return reference("duration");
  if (name == "stream")
    return {{"enum", {"both", "stdout", "stderr"}}};
  return typed("string");
}

/// Of those that their name does not explain.
std::string_view description_of_parameter(std::string_view name) {
  if (name == "tail")
    return "The last lines of each stream, counted by itself: which line of "
           "one came before which of the other is not kept.";
  if (name == "Idempotency-Key")
    return "A second submission of the same with the same key changes nothing "
           "and is answered like the first, also after the controller has "
           "started again. Something else with the same key is a 422.";
  return {};
}

object parameter(std::string_view name, const char* in) {
  object result{{"name", name}, {"in", in}};
  if (std::string_view{in} == "path")
    result["required"] = true;
  result["schema"] = schema_of_parameter(name);
  if (auto text = description_of_parameter(name); !text.empty())
    result["description"] = text;
  return result;
}

/// Parameters in the path, then those of the query and of headers.
array parameters_of(const route& x) {
  array result;
  for (size_t at = 0; (at = x.pattern.find('{', at)) != x.pattern.npos; ++at)
    result.push_back(parameter(
      x.pattern.substr(at + 1, x.pattern.find('}', at) - at - 1), "path"));
  for (auto rest = x.parameters; !rest.empty();) {
    auto end = std::min(rest.find(' '), rest.size());
    result.push_back(parameter(rest.substr(0, end), "query"));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (http::is_write(x.method))
    result.push_back(parameter("dryRun", "query"));
  if (x.method == method::post && x.pattern == "/v1/jobs")
    result.push_back(parameter("Idempotency-Key", "header"));
  if (x.pattern == "/v1/events")
    result.push_back(parameter("Last-Event-ID", "header"));
  return result;
}

// -- answers --------------------------------------------------------------------

/// A page of items.
object page_of(std::string_view items) {
  object members{
    {"items", object{{"type", "array"}, {"items", reference(items)}}},
    {"nextCursor", object{{"type", {"string", "null"}}}},
    {"version", reference("version")}};
  return {{"type", "object"},
          {"required", {"items", "nextCursor", "version"}},
          {"properties", std::move(members)}};
}

object content_of(std::string_view answer) {
  if (answer.empty())
    return {};
  if (answer == "anything")
    return {{"application/json", object{{"schema", typed("object")}}}};
  if (answer.find('/') != answer.npos)
    return {{answer, object{{"schema", typed("string")}}}};
  auto schema = answer.ends_with("[]")
                  ? page_of(answer.substr(0, answer.size() - 2))
                  : reference(answer);
  return {{"application/json", object{{"schema", std::move(schema)}}}};
}

object success_of(const contents& x, int status) {
  object result{{"description", http::reason_phrase(status)}};
  if (auto content = content_of(x.answer); !content.empty())
    result["content"] = std::move(content);
  if (status == 201)
    result["headers"]
      = object{{"Location", object{{"schema", typed("string")}}}};
  return result;
}

object responses_of(const contents& x) {
  object result;
  result[std::to_string(x.status)] = success_of(x, x.status);
  if (x.other != 0)
    result[std::to_string(x.other)] = success_of(x, x.other);
  result["default"] = object{{"$ref", "#/components/responses/problem"}};
  return result;
}

// -- operations -----------------------------------------------------------------

/// `postJobsScale` for `POST /v1/jobs/{job}/scale`.
std::string id_of(const route& x) {
  auto result = http::lower(http::to_string(x.method));
  auto begins = true;
  auto pattern
    = x.pattern.starts_with("/v1/") ? x.pattern.substr(3) : x.pattern;
  for (auto c : pattern) {
    if (c == '{')
      result += "Of";
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
      result += begins && c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    begins = !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
  }
  return result;
}

object operation_of(const route& x, const contents& y) {
  object result{{"operationId", id_of(x)},
                {"summary", x.summary},
                {"parameters", parameters_of(x)}};
  if (!y.body.empty())
    result["requestBody"] = object{
      // What says all by its path, or has only options, needs none.
      {"required",
       y.body != "nothing" && y.body != "drain" && y.body != "beat"},
      {"content",
       object{{"application/json", object{{"schema", reference(y.body)}}}}}};
  result["responses"] = responses_of(y);
  return result;
}

const contents& contents_of(const route& x) {
  auto at
    = std::find_if(all_contents.begin(), all_contents.end(), [&](auto& y) {
        return y.method == x.method && y.pattern == x.pattern;
      });
  TROUPE_ASSERT(at != all_contents.end());
  return *at;
}

} // namespace

value openapi() {
  object paths;
  for (auto& x : routes()) {
    auto& path = paths[x.pattern];
    if (!path.is_object())
      path.emplace_object();
    path.get_object()[http::lower(http::to_string(x.method))]
      = operation_of(x, contents_of(x));
  }
  object problem{
    {"description", "why not, as RFC 9457 has it"},
    {"content", object{{"application/problem+json",
                        object{{"schema", reference("problem")}}}}}};
  object bearer{{"type", "http"}, {"scheme", "bearer"}};
  return object{
    {"openapi", "3.1.0"},
    {"info", object{{"title", "Troupe"}, {"version", TROUPE_VERSION}}},
    {"servers", array{object{{"url", "/"}}}},
    // A token is asked for where the controller has been given some.
    {"security", array{object{}, object{{"token", array{}}}}},
    {"paths", std::move(paths)},
    {"components",
     object{{"securitySchemes", object{{"token", std::move(bearer)}}},
            {"responses", object{{"problem", std::move(problem)}}},
            {"schemas", schemas()}}}};
}

} // namespace troupe::runtime::api
