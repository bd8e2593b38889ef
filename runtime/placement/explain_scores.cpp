#include <algorithm>
#include <map>
#include <utility>

#include "runtime/placement/label_points.hpp"
#include "runtime/placement/scorer.hpp"
#include "runtime/placement/spread_view.hpp"

namespace troupe::runtime::placement {

namespace {

/// [key][value], tasks of the class's group; the value is null where a node has
/// no such label.
using group_counts = std::vector<std::map<std::optional<std::string>, int64_t>>;

std::optional<std::string>
value_at(const table& t, node_index n, const std::string& key) {
  auto value = value_of(t.row(n).labels, key);
  return value ? std::optional{*value} : std::nullopt;
}

group_counts count_group(const table& t, const known_class& c) {
  if (!c.grouped())
    return {};
  group_counts result(c.of.spread_by.size());
  for (node_index n = 0; n < t.rows(); ++n)
    for (size_t k = 0; t.has(n) && k < result.size(); ++k)
      result[k][value_at(t, n, c.of.spread_by[k])] += t.tasks_of_group(n, c);
  return result;
}

void add(node_verdict& to, std::string name, double value) {
  to.parts.push_back({std::move(name), value});
  to.score += value;
}

node_verdict verdict(const scorer& by, const table& t, node_index n,
                     const known_class& c, const group_counts& groups) {
  node_verdict result;
  result.node = n;
  auto& labels = t.row(n).labels;
  for (auto& x : c.of.preferences)
    if (preference_points(labels, {x}) != 0)
      add(result, "prefers " + x.name + '=' + x.value, x.weight);
  for (size_t k = 0; k < groups.size(); ++k) {
    auto tasks = groups[k].at(value_at(t, n, c.of.spread_by[k]));
    if (tasks != 0)
      add(result, "spread by " + c.of.spread_by[k],
          static_cast<double>(-tasks * spread_cost(k, groups.size())));
  }
  for (auto& [name, value] : by.parts(t, n, c))
    add(result, name, value);
  return result;
}

std::vector<node_verdict>
examples_of(const table& t, const known_class& c, const refusal& refused) {
  std::vector<node_verdict> result;
  for (auto& [why, count] : refused.nodes) {
    for (node_index n = 0; n < t.rows(); ++n) {
      if (!t.has(n) || t.refuses(n, c) != why)
        continue;
      node_verdict example;
      example.node = n;
      example.refused = why;
      example.detail = refusal_text(t, n, c, why);
      result.push_back(std::move(example));
      break;
    }
  }
  return result;
}

} // namespace

explanation explain_by(const scorer& by, const table& t, const task_class& x) {
  constexpr size_t shown = 4;
  known_class c{x};
  explanation result;
  result.refused = refusal_of(t, c);
  result.examples = examples_of(t, c, result.refused);
  auto groups = count_group(t, c);
  for (node_index n = 0; n < t.rows(); ++n) {
    if (t.refuses(n, c) != reason::none)
      continue;
    auto found = verdict(by, t, n, c, groups);
    auto at
      = std::upper_bound(result.best.begin(), result.best.end(), found,
                         [](auto& a, auto& b) { return a.score > b.score; });
    result.best.insert(at, std::move(found));
    if (result.best.size() > shown)
      result.best.pop_back();
  }
  return result;
}

} // namespace troupe::runtime::placement
