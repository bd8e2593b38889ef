#include "runtime/live/usage_history.hpp"

#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace troupe::runtime {

namespace {

using boost::json::array;
using boost::json::object;

constexpr uint8_t unknown = 255;
constexpr auto interval_seconds = 5;

uint8_t percent(const boost::json::value& x) {
  auto* number = x.if_int64();
  return number == nullptr || *number < 0
           ? unknown
           : static_cast<uint8_t>(std::min<int64_t>(*number, unknown - 1));
}

} // namespace

void usage_history::add(const boost::json::value& sample) {
  auto& names = sample.at("names").as_array();
  auto& values = sample.at("values").as_array();
  auto place = samples_ % length;
  ++samples_;
  for (size_t i = 0; i < names.size() && (i + 1) * kinds <= values.size();
       ++i) {
    auto& name = names[i].as_string();
    auto at = entries_.find(std::string_view{name.data(), name.size()});
    if (at == entries_.end()) {
      at = entries_.try_emplace(std::string{name}).first;
      for (auto& kind : at->second.values)
        kind.fill(unknown);
    }
    at->second.seen = samples_;
    for (size_t kind = 0; kind < kinds; ++kind)
      at->second.values[kind][place] = percent(values[i * kinds + kind]);
  }
  std::erase_if(entries_,
                [this](auto& x) { return x.second.seen != samples_; });
}

boost::json::value
usage_history::tell(const std::vector<std::string>& names, size_t last) const {
  auto count = std::min<uint64_t>({last, samples_, length});
  auto series = [&](const std::array<uint8_t, length>& from) {
    array result;
    for (auto at = samples_ - count; at < samples_; ++at) {
      auto x = from[at % length];
      result.push_back(x == unknown ? boost::json::value{}
                                    : boost::json::value(x));
    }
    return result;
  };
  array items;
  for (auto& name : names) {
    auto at = entries_.find(name);
    if (at == entries_.end())
      continue;
    object item{{"name", name}};
    constexpr std::array<const char*, 3> of{"cpu", "memory", "gpu"};
    for (size_t i = 0; i < of.size(); ++i)
      item[of[i]] = object{{"reserved", series(at->second.values[2 * i])},
                           {"used", series(at->second.values[2 * i + 1])}};
    items.push_back(std::move(item));
  }
  return object{{"intervalSeconds", interval_seconds},
                {"items", std::move(items)}};
}

} // namespace troupe::runtime
