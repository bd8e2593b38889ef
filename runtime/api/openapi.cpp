#include "runtime/api/openapi.hpp"

#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "runtime/api/routes.hpp"

namespace troupe::runtime::api {

namespace {

using boost::json::array;
using boost::json::object;

object parameter(std::string_view name, const char* in) {
  object result;
  result["name"] = name;
  result["in"] = in;
  if (std::string_view{in} == "path")
    result["required"] = true;
  result["schema"] = object{{"type", "string"}};
  return result;
}

/// Parameters in the path, then those of the query.
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
  return result;
}

object operation_of(const route& x) {
  object result;
  result["summary"] = x.summary;
  result["parameters"] = parameters_of(x);
  if (http::is_write(x.method) && x.method != http::method::del)
    result["requestBody"] = object{
      {"content", object{{"application/json",
                          object{{"schema", object{{"type", "object"}}}}}}}};
  object fine{{"description", "as the reference says"}};
  object problem{{"$ref", "#/components/responses/problem"}};
  result["responses"] = object{{"2XX", fine}, {"default", problem}};
  return result;
}

object problem_schema() {
  object text{{"type", "string"}};
  object error{{"type", "object"},
               {"properties", object{{"pointer", text}, {"detail", text}}}};
  return {{"type", "object"},
          {"properties",
           object{{"type", text},
                  {"title", text},
                  {"status", object{{"type", "integer"}}},
                  {"detail", text},
                  {"errors", object{{"type", "array"}, {"items", error}}}}}};
}

} // namespace

boost::json::value openapi() {
  object paths;
  for (auto& x : routes()) {
    auto& path = paths[x.pattern];
    if (!path.is_object())
      path.emplace_object();
    path.get_object()[http::lower(http::to_string(x.method))] = operation_of(x);
  }
  object problem{
    {"description", "why not, as RFC 9457 has it"},
    {"content",
     object{{"application/problem+json",
             object{{"schema",
                     object{{"$ref", "#/components/schemas/problem"}}}}}}}};
  return object{
    {"openapi", "3.1.0"},
    {"info", object{{"title", "Troupe"}, {"version", TROUPE_VERSION}}},
    {"paths", std::move(paths)},
    {"components",
     object{{"responses", object{{"problem", std::move(problem)}}},
            {"schemas", object{{"problem", problem_schema()}}}}}};
}

} // namespace troupe::runtime::api
