// From a request to its row of the table, and what the table says to requests
// that have none.

#include <algorithm>
#include <set>

#include "runtime/api/reading.hpp"
#include "runtime/api/routes.hpp"

namespace troupe::runtime::api {

namespace {

bool is_name(std::string_view segment) {
  return segment.starts_with('{');
}

/// Takes the next segment off a pattern or a list of words.
std::string_view take(std::string_view& from, char separator) {
  auto end = std::min(from.find(separator), from.size());
  auto result = from.substr(0, end);
  from.remove_prefix(std::min(end + 1, from.size()));
  return result;
}

/// The names in `segments` if they look like `pattern`.
std::optional<std::vector<std::string>>
match(std::string_view pattern, const std::vector<std::string>& segments) {
  std::vector<std::string> result;
  pattern.remove_prefix(1);
  for (auto& segment : segments) {
    if (pattern.empty())
      return std::nullopt;
    auto wanted = take(pattern, '/');
    if (is_name(wanted) ? segment.empty() : wanted != segment)
      return std::nullopt;
    if (is_name(wanted))
      result.push_back(segment);
  }
  return pattern.empty() ? std::optional{std::move(result)} : std::nullopt;
}

http::method asked_for(const http::request& x) {
  return x.method == http::method::head ? http::method::get : x.method;
}

problem_response no_such_path(const http::request& x) {
  return {404,
          "there is no path " + quoted(x.path)
            + "; GET /openapi.json lists all there are",
          {},
          {}};
}

problem_response not_with(const http::request& x) {
  std::set<std::string> methods;
  for (auto& row : routes())
    if (match(row.pattern, x.segments)) {
      methods.emplace(http::to_string(row.method));
      if (row.method == http::method::get)
        methods.emplace("HEAD");
    }
  std::string allow;
  for (auto& name : methods)
    allow += (allow.empty() ? "" : ", ") + name;
  return {405,
          "this path does not take " + std::string{http::to_string(x.method)}
            + ", only " + allow,
          {},
          {{"Allow", allow}}};
}

/// Refuses parameters of a write that it does not have: a `dryRun` that is
/// misspelt must not become a real run. Questions ignore what they do not know.
void check_parameters(reading& x, const route& row) {
  if (!http::is_write(row.method))
    return;
  std::vector<std::string> known{"dryRun"};
  for (auto rest = row.parameters; !rest.empty();)
    known.emplace_back(take(rest, ' '));
  std::vector<std::string_view> words{known.begin(), known.end()};
  for (auto& [key, value] : x.request().query)
    if (std::find(known.begin(), known.end(), key) == known.end())
      x.wrong(key, "is not a parameter here; the nearest is \""
                     + std::string{nearest_key(key, words)} + '"');
}

} // namespace

std::string_view pattern_of(const http::request& x) {
  for (auto& row : routes())
    if (match(row.pattern, x.segments))
      return row.pattern;
  return "none";
}

expected<call, problem_response>
parse(const http::request& x, uint64_t chance) {
  auto known = false;
  for (auto& row : routes()) {
    auto names = match(row.pattern, x.segments);
    known = known || names;
    if (!names || row.method != asked_for(x))
      continue;
    reading from{x, std::move(*names), chance};
    check_parameters(from, row);
    auto result = row.read(from);
    if (auto problem = std::move(from).finish())
      return make_unexpected(std::move(*problem));
    return result;
  }
  return make_unexpected(known ? not_with(x) : no_such_path(x));
}

} // namespace troupe::runtime::api
