#include "runtime/cache_key.hpp"

#include <algorithm>

#include <openssl/evp.h>

#include "messages/json.hpp"

namespace troupe::runtime {

namespace {

/// Text of which no two lists of parts give the same: each part has its length
/// before it.
class parts {
public:
  parts& add(std::string_view x) {
    text_ += std::to_string(x.size());
    text_ += ':';
    text_ += x;
    return *this;
  }
  parts& add(uint64_t x) { return add(std::to_string(x)); }
  parts& add_all(const std::vector<std::string>& xs) {
    add(xs.size());
    for (auto& x : xs)
      add(x);
    return *this;
  }

  [[nodiscard]] cache_key digest() const {
    cache_key result;
    unsigned int size = 0;
    EVP_Digest(text_.data(), text_.size(), result.bytes.data(), &size,
               EVP_sha256(), nullptr);
    return result;
  }

private:
  std::string text_;
};

std::string_view text_of(const cache_key& x) {
  return {reinterpret_cast<const char*>(x.bytes.data()), x.bytes.size()};
}

bool sets(const job_spec& x, std::string_view variable) {
  return std::any_of(x.env.begin(), x.env.end(),
                     [&](auto& y) { return y.first == variable; });
}

constexpr std::string_view digits = "0123456789abcdef";

} // namespace

std::string to_string(const cache_key& x) {
  std::string result;
  result.reserve(2 * x.bytes.size());
  for (auto byte : x.bytes) {
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

std::optional<cache_key> read_cache_key(std::string_view text) {
  cache_key result;
  if (text.size() != 2 * result.bytes.size())
    return std::nullopt;
  for (size_t i = 0; i < text.size(); ++i) {
    auto digit = digits.find(text[i]);
    if (digit == digits.npos)
      return std::nullopt;
    auto& byte = result.bytes[i / 2];
    byte = static_cast<uint8_t>(byte * 16U + digit);
  }
  return result;
}

bool is_cached(const job_spec& x) {
  return x.cache && x.kind == job_kind::batch && !x.gang;
}

cache_key work_key(const job_spec& x) {
  parts all;
  // The form of what follows: what had another is not looked for any more.
  all.add("troupe task 1").add(json::name_of(x.driver));
  all.add_all(x.command).add_all(x.args);
  all.add(x.env.size());
  for (auto& [name, text] : x.env)
    all.add(name).add(text);
  all.add(x.workdir).add(x.user);
  all.add(x.volumes.size());
  for (auto& volume : x.volumes)
    all.add(volume.host).add(volume.path).add(volume.read_only ? 1 : 0);
  if (x.cache)
    all.add_all(x.cache->inputs);
  if (x.driver == driver_kind::simulated)
    all.add(static_cast<uint64_t>(x.simulate.duration.count()))
      .add(std::to_string(x.simulate.exit_code));
  return all.digest();
}

cache_key task_key(const cache_key& work, const job_spec& spec, uint32_t index,
                   std::string_view image) {
  parts all;
  all.add(text_of(work)).add(image);
  // As the task finds them in its environment.
  if (spec.count > 1 || index > 0) {
    if (!sets(spec, "TROUPE_INDEX"))
      all.add("index").add(index);
    if (!sets(spec, "TROUPE_COUNT"))
      all.add("count").add(spec.count);
  }
  return all.digest();
}

std::string_view pinned_digest(std::string_view reference) {
  auto at = reference.find('@');
  return at == reference.npos ? std::string_view{} : reference.substr(at + 1);
}

} // namespace troupe::runtime
