#include "runtime/live/changes.hpp"

#include <string>
#include <unordered_map>
#include <vector>

#include <boost/json/array.hpp>

namespace troupe::runtime {

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

constexpr auto age = "heartbeatAgeSeconds";

double number(const value& x) {
  return x.is_number() ? x.to_number<double>() : -1;
}

bool same(const value& a, const value& b) {
  if (!a.is_object() || !b.is_object())
    return a == b;
  auto& x = a.get_object();
  auto& y = b.get_object();
  if (x.size() != y.size())
    return false;
  for (auto& [key, now] : y) {
    auto* before = x.if_contains(key);
    if (before == nullptr)
      return false;
    if (key == age && number(*before) >= 0 && number(now) >= number(*before))
      continue;
    if (*before != now)
      return false;
  }
  return true;
}

/// Empty if `x` has none.
std::string key_of(const value& x) {
  if (!x.is_object())
    return {};
  auto& members = x.get_object();
  for (auto name : {"id", "name"})
    if (auto* found = members.if_contains(name); found && found->is_string())
      return std::string{found->get_string()};
  auto* job = members.if_contains("job");
  if (job == nullptr || !job->is_string())
    return {};
  auto* due = members.if_contains("notBefore");
  return std::string{job->get_string()}
         + (due != nullptr && !due->is_null() ? " late" : "");
}

const array* items_of(const value& x) {
  auto* members = x.if_object();
  auto* items = members ? members->if_contains("items") : nullptr;
  return items ? items->if_array() : nullptr;
}

object whole(const value& x) {
  return {{"all", x}};
}

/// Members other than the items that `now` has otherwise than `before`.
object changed_members(const object& before, const object& now) {
  object result;
  for (auto& [key, x] : now) {
    auto* old = before.if_contains(key);
    if (key != "items" && key != "version" && (!old || *old != x))
      result[key] = x;
  }
  return result;
}

} // namespace

std::optional<object> changes(const value* before, const value& now) {
  auto* items = items_of(now);
  auto* old_items = before ? items_of(*before) : nullptr;
  if (items == nullptr || old_items == nullptr) {
    auto unchanged
      = before != nullptr
        && (before->is_object() && now.is_object()
              ? before->get_object().size() == now.get_object().size()
                  && changed_members(before->get_object(), now.get_object())
                       .empty()
              : *before == now);
    // A single node is looked at like one of a list.
    return unchanged || (before != nullptr && same(*before, now))
             ? std::nullopt
             : std::optional{whole(now)};
  }
  std::unordered_map<std::string, const value*> known;
  std::vector<std::string> old_keys;
  for (auto& x : *old_items) {
    old_keys.push_back(key_of(x));
    known[old_keys.back()] = &x;
  }
  array changed;
  array keys;
  auto reordered = items->size() != old_items->size();
  for (size_t i = 0; i < items->size(); ++i) {
    auto& x = (*items)[i];
    auto key = key_of(x);
    if (key.empty())
      return whole(now);
    reordered = reordered || old_keys[i] != key;
    auto at = known.find(key);
    if (at == known.end() || !same(*at->second, x))
      changed.push_back(x);
    keys.emplace_back(key);
  }
  auto members = changed_members(before->get_object(), now.get_object());
  if (changed.empty() && !reordered && members.empty())
    return std::nullopt;
  object result{{"members", std::move(members)}, {"items", std::move(changed)}};
  if (reordered)
    result["keys"] = std::move(keys);
  return result;
}

} // namespace troupe::runtime
