#include <algorithm>
#include <array>
#include <map>
#include <optional>
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

/// What `verdict` comes to, without the words.
double score_of(const scorer& by, const table& t, node_index n,
                const known_class& c, const group_counts& groups) {
  auto result = to_points(to_units(by.score(t, n, c)));
  auto& labels = t.row(n).labels;
  if (!c.of.preferences.empty())
    result += preference_points(labels, c.of.preferences);
  for (size_t k = 0; k < groups.size(); ++k)
    result
      -= static_cast<double>(groups[k].at(value_at(t, n, c.of.spread_by[k]))
                             * spread_cost(k, groups.size()));
  return result;
}

} // namespace

explanation explain_by(const scorer& by, const table& t, const task_class& x) {
  constexpr size_t shown = 4;
  known_class c{x};
  explanation result;
  reason_counts counts{};
  // [reason] The lowest node that says so.
  std::array<std::optional<node_index>, reasons> first;
  auto groups = count_group(t, c);
  // Words are made for few nodes only: there may be thousands.
  std::vector<std::pair<double, node_index>> best;
  for (node_index n = 0; n < t.rows(); ++n) {
    if (!t.has(n))
      continue;
    if (auto why = t.refuses(n, c); why != reason::none) {
      auto& example = first[static_cast<size_t>(why)];
      if (counts[static_cast<size_t>(why)]++ == 0)
        example = n;
      continue;
    }
    auto score = score_of(by, t, n, c, groups);
    if (best.size() == shown && score <= best.back().first)
      continue;
    best.insert(std::upper_bound(best.begin(), best.end(), score,
                                 [](double a, auto& b) { return a > b.first; }),
                {score, n});
    if (best.size() > shown)
      best.pop_back();
  }
  for (auto& [score, n] : best)
    result.best.push_back(verdict(by, t, n, c, groups));
  result.refused = refusal_of(t, counts);
  for (auto& [why, nodes] : result.refused.nodes)
    if (auto n = first[static_cast<size_t>(why)]) {
      node_verdict example;
      example.node = *n;
      example.refused = why;
      example.detail = refusal_text(t, *n, c, why);
      result.examples.push_back(std::move(example));
    }
  return result;
}

} // namespace troupe::runtime::placement
