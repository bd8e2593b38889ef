#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <boost/json/value.hpp>

#include "messages/expected.hpp"
#include "messages/fact.hpp"
#include "messages/result.hpp"
#include "messages/view.hpp"

#include "runtime/cache_key.hpp"

namespace troupe::runtime {

/// A result, as it is found by tasks that are identical to the one that had it.
struct kept_result {
  task_result result;
  /// As its job names it, and what stood for it in the key.
  std::string image;
  std::string digest;
  milliseconds ttl{0};
  /// By which fact it was kept or used last, and when.
  version_number used = 0;
  timestamp used_at;
  uint64_t hits = 0;
  bool operator==(const kept_result&) const = default;
  BOOST_DESCRIBE_CLASS(kept_result, (),
                       (result, image, digest, ttl, used, used_at, hits), (),
                       ())
};

/// Results by key. Beyond `resize`, those that were used longest ago go first.
/// Folded from facts: what is given as `now` is the time of one, and what as
/// `version` its version, which rises.
///
/// An image is known by the digest that it had in the last result: whether a tag
/// has moved since, only the next run can tell.
class result_cache {
public:
  void resize(uint32_t most);

  /// Keeps a result that came at `now`, by fact `x.used`. Returns whether its
  /// image has another digest than before.
  bool keep(const cache_key& key, kept_result x, timestamp now);

  /// What is kept under `key` and younger than `ttl` at `now`; null if there is
  /// no such result.
  [[nodiscard]] const kept_result*
  find(const cache_key& key, milliseconds ttl, timestamp now) const;

  /// A result of `key` was used. Whether it is still there does not matter.
  void
  note_hit(const cache_key& key, bool joined, version_number by, timestamp now);
  void note_miss() { ++statistics_.misses; }

  void forget(const result_filter& which);
  /// How many `forget` would.
  [[nodiscard]] uint64_t count(const result_filter& which) const;

  /// What stands for an image in a key: its digest as far as it is known.
  [[nodiscard]] std::string_view identity_of(const std::string& image) const;

  [[nodiscard]] const auto& entries() const { return entries_; }
  [[nodiscard]] const cache_statistics& statistics() const {
    return statistics_;
  }

  /// Writes all that facts determine as kinds and bodies of lines.
  void save(
    const std::function<void(const char* kind, boost::json::value)>& out) const;
  /// Reads one of these lines. False if `kind` is not one of its own.
  [[nodiscard]] expected<bool, std::string>
  restore(std::string_view kind, const boost::json::value& body);

private:
  struct known_image {
    std::string digest;
    /// Entries of that image: with the last of them it is forgotten.
    uint32_t entries = 0;
  };
  using entry_map = std::map<cache_key, kept_result>;

  void insert(const cache_key& key, kept_result x);
  void erase(entry_map::iterator at);

  uint32_t most_ = settings{}.cache_entries;
  entry_map entries_;
  std::map<version_number, cache_key> by_use_;
  std::set<std::pair<timestamp, cache_key>> ends_;
  std::map<std::string, known_image> images_;
  cache_statistics statistics_;
};

[[nodiscard]] bool
matches(const result_filter& which, const cache_key& key, const kept_result& x);

} // namespace troupe::runtime
