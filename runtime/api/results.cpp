// `GET /v1/cache` and `DELETE /v1/cache`.

#include "messages/job_grammar.hpp"

#include "runtime/api/handlers.hpp"
#include "runtime/cache_key.hpp"

namespace troupe::runtime::api {

namespace {

constexpr size_t prefix_size_max = 64;

/// A parameter that is given without a value may be a variable of a script that
/// is not set: it must not mean all.
std::string read_named(reading& x, std::string_view parameter) {
  auto result = x.text(parameter);
  if (x.request().parameter(parameter) && result.empty())
    x.wrong(parameter, "must not be empty; leave it out for all results");
  return result;
}

} // namespace

result_filter read_result_filter(reading& x) {
  result_filter result;
  result.key = read_named(x, "key");
  if (!result.key.empty() && !read_cache_key(result.key))
    x.wrong("key", "must be 64 of 0-9 and a-f, as GET /v1/cache shows it");
  result.job = read_named(x, "job");
  if (!result.job.empty() && !is_job_name(result.job))
    x.wrong("job", std::string{job_name_rule});
  result.prefix = read_named(x, "prefix");
  if (result.prefix.size() > prefix_size_max)
    x.wrong("prefix", "must be at most " + std::to_string(prefix_size_max)
                        + " bytes: what a job's name or a key begins with");
  return result;
}

} // namespace troupe::runtime::api
