#include "runtime/result_cache.hpp"

#include <algorithm>

#include "messages/json.hpp"

namespace troupe::runtime {

namespace {

/// A key is named by its first digits only if these are many enough not to be
/// the beginning of a word by chance.
constexpr size_t digits_min = 4;

struct result_image {
  std::string key;
  kept_result kept;
  bool operator==(const result_image&) const = default;
  BOOST_DESCRIBE_CLASS(result_image, (), (key, kept), (), ())
};

struct image_image {
  std::string image;
  std::string digest;
  bool operator==(const image_image&) const = default;
  BOOST_DESCRIBE_CLASS(image_image, (), (image, digest), (), ())
};

template <class T>
expected<T, std::string> read_body(const json::value& from) {
  T result;
  if (auto ok = json::read(from, result); !ok)
    return make_unexpected("in the snapshot, " + ok.error().pointer + ": "
                           + ok.error().detail);
  return result;
}

timestamp end_of(const kept_result& x) {
  return x.result.at + x.ttl;
}

} // namespace

bool matches(const result_filter& which, const cache_key& key,
             const kept_result& x) {
  auto text = to_string(key);
  auto& job = x.result.task.job;
  return (which.key.empty() || which.key == text)
         && (which.job.empty() || which.job == job)
         && (job.starts_with(which.prefix)
             || (which.prefix.size() >= digits_min
                 && text.starts_with(which.prefix)));
}

// -- entries -----------------------------------------------------------------

void result_cache::insert(const cache_key& key, kept_result x) {
  ends_.insert({end_of(x), key});
  by_use_[x.used] = key;
  if (!x.image.empty())
    ++images_[x.image].entries;
  entries_.insert_or_assign(key, std::move(x));
}

void result_cache::erase(entry_map::iterator at) {
  auto& [key, x] = *at;
  ends_.erase({end_of(x), key});
  by_use_.erase(x.used);
  if (auto image = images_.find(x.image);
      image != images_.end() && --image->second.entries == 0)
    images_.erase(image);
  entries_.erase(at);
}

void result_cache::resize(uint32_t most) {
  most_ = most;
  while (entries_.size() > most_) {
    erase(entries_.find(by_use_.begin()->second));
    ++statistics_.evictions;
  }
}

bool result_cache::keep(const cache_key& key, kept_result x, timestamp now) {
  while (!ends_.empty() && ends_.begin()->first <= now) {
    erase(entries_.find(ends_.begin()->second));
    ++statistics_.expirations;
  }
  auto image = x.image;
  auto digest = x.digest;
  auto before = std::string{identity_of(image)};
  if (auto old = entries_.find(key); old != entries_.end())
    erase(old);
  insert(key, std::move(x));
  if (!image.empty())
    images_[image].digest = digest;
  resize(most_);
  return !image.empty() && digest != before;
}

const kept_result* result_cache::find(const cache_key& key, milliseconds ttl,
                                      timestamp now) const {
  auto at = entries_.find(key);
  if (at == entries_.end()
      || now - at->second.result.at >= std::min(ttl, at->second.ttl))
    return nullptr;
  return &at->second;
}

void result_cache::note_hit(const cache_key& key, bool joined,
                            version_number by, timestamp now) {
  ++statistics_.hits;
  statistics_.joined += joined ? 1 : 0;
  auto at = entries_.find(key);
  if (at == entries_.end())
    return;
  auto& x = at->second;
  by_use_.erase(x.used);
  by_use_[by] = key;
  x.used = by;
  x.used_at = now;
  ++x.hits;
}

void result_cache::forget(const result_filter& which) {
  for (auto at = entries_.begin(); at != entries_.end();) {
    auto next = std::next(at);
    if (matches(which, at->first, at->second)) {
      erase(at);
      ++statistics_.invalidations;
    }
    at = next;
  }
}

uint64_t result_cache::count(const result_filter& which) const {
  return static_cast<uint64_t>(
    std::count_if(entries_.begin(), entries_.end(),
                  [&](auto& x) { return matches(which, x.first, x.second); }));
}

std::string_view result_cache::identity_of(const std::string& image) const {
  if (auto pinned = pinned_digest(image); !pinned.empty())
    return pinned;
  auto at = images_.find(image);
  return at == images_.end() ? std::string_view{image}
                             : std::string_view{at->second.digest};
}

// -- snapshots ---------------------------------------------------------------

void result_cache::save(
  const std::function<void(const char* kind, json::value)>& out) const {
  if (statistics_ != cache_statistics{})
    out("resultStatistics", json::write(statistics_));
  for (auto& [key, x] : entries_)
    out("result", json::write(result_image{to_string(key), x}));
  for (auto& [image, x] : images_)
    out("image", json::write(image_image{image, x.digest}));
}

expected<bool, std::string>
result_cache::restore(std::string_view kind, const json::value& body) {
  if (kind == "resultStatistics") {
    auto read = read_body<cache_statistics>(body);
    if (!read)
      return make_unexpected(read.error());
    statistics_ = *read;
  } else if (kind == "result") {
    auto read = read_body<result_image>(body);
    if (!read)
      return make_unexpected(read.error());
    auto key = read_cache_key(read->key);
    if (!key)
      return make_unexpected("in the snapshot, a result has no key");
    insert(*key, std::move(read->kept));
  } else if (kind == "image") {
    auto read = read_body<image_image>(body);
    if (!read)
      return make_unexpected(read.error());
    images_[read->image].digest = std::move(read->digest);
  } else {
    return false;
  }
  return true;
}

} // namespace troupe::runtime
