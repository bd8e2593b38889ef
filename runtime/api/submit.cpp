// `POST /v1/jobs`.

#include <algorithm>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "messages/job_text.hpp"

#include "runtime/access/tokens.hpp"
#include "runtime/api/handlers.hpp"

namespace troupe::runtime::api {

namespace {

constexpr size_t key_size_max = 255;
constexpr size_t suffix_size = 5;

/// Five letters or digits, none of which looks like another: 2^25 of them. A
/// name that two jobs get all the same would make the second an update of the
/// first, so `chance` should be good.
std::string suffix_from(uint64_t chance) {
  constexpr std::string_view signs = "abcdefghijkmnpqrstuvwxyz23456789";
  static_assert(signs.size() == 32);
  std::string result;
  for (size_t i = 0; i < suffix_size; ++i) {
    result += signs[chance % 32];
    chance /= 32;
  }
  return result;
}

bool has_name(const boost::json::value& x) {
  auto* object = x.if_object();
  return object != nullptr && object->contains("name");
}

/// Which of the jobs in `x` were named by the user, in order.
std::vector<bool> named_in(const boost::json::value& x) {
  auto* items = x.if_array();
  if (items == nullptr && !has_name(x) && x.is_object())
    if (auto* jobs = x.get_object().if_contains("jobs"))
      items = jobs->if_array();
  if (items == nullptr)
    return {has_name(x)};
  std::vector<bool> result;
  for (auto& item : *items)
    result.push_back(has_name(item));
  return result;
}

/// A digest of a document: so much of it that nobody meets another by chance.
std::string digest_of(const boost::json::value& x) {
  constexpr size_t bytes = 16;
  auto all = access::sha256(boost::json::serialize(x));
  std::string result;
  for (size_t i = 0; i < bytes; ++i)
    result += fmt::format("{:02x}", all[i]);
  return result;
}

std::string read_key(reading& x) {
  std::string key{x.request().header("Idempotency-Key").value_or("")};
  if (key.size() > key_size_max
      || !std::all_of(key.begin(), key.end(),
                      [](char c) { return c >= ' ' && c <= '~'; }))
    x.refuse(400, "the header Idempotency-Key must be at most "
                    + std::to_string(key_size_max)
                    + " printable ASCII characters");
  return key;
}

/// Where the jobs of a document stand; nothing if it is a job itself.
std::optional<std::string> place_of_jobs(const boost::json::value& x) {
  if (x.is_array())
    return "";
  auto* object = x.if_object();
  if (object != nullptr && object->contains("jobs"))
    return "/jobs";
  return std::nullopt;
}

size_t count_of_jobs(const boost::json::value& x) {
  auto& jobs = x.is_array() ? x : x.at("jobs");
  return jobs.is_array() ? jobs.get_array().size() : 1;
}

} // namespace

refusal placed_in(refusal x, const std::string& body) {
  auto document = read_json_text(body, json_dialect::wire);
  if (!document)
    return x;
  auto place = place_of_jobs(*document);
  if (!place)
    return x;
  // A single job is not numbered.
  if (count_of_jobs(*document) == 1)
    *place += "/0";
  for (auto& problem : x.problems)
    problem.pointer.insert(0, *place);
  return x;
}

call read_submission(reading& x) {
  submit_jobs result;
  result.key = read_key(x);
  auto* body = x.body();
  if (body != nullptr) {
    if (!result.key.empty())
      result.key += '\n' + digest_of(*body);
    auto specs = read_jobs(*body);
    if (!specs) {
      x.add(std::move(specs.error()));
    } else {
      auto named = named_in(*body);
      for (size_t i = 0; i < specs->size(); ++i) {
        auto& spec = (*specs)[i];
        // The reader makes names differ within a document; these must differ
        // from all that the cluster has as well.
        if (i < named.size() && !named[i])
          spec.name += '-' + suffix_from(x.chance());
        result.specs.push_back(
          std::make_shared<const job_spec>(std::move(spec)));
      }
    }
  }
  return command_call{std::move(result), x.dry_run(), telling::submission};
}

} // namespace troupe::runtime::api
