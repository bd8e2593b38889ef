#include "runtime/placement/weighing.hpp"

#include <algorithm>
#include <set>

namespace troupe::runtime::placement {

namespace {

constexpr size_t shown = 4;

/// Asks that may be explained beyond the first of each class.
size_t explanations_max(const table& t) {
  return std::max<size_t>(1, weighed_rows_max / std::max(t.rows(), 1U));
}

/// Puts the node that was chosen first. If others were better, the choice followed
/// from more than the nodes: then scores say nothing about it.
void put_first(std::vector<weighed_node>& nodes, const std::string& chosen) {
  auto own = std::find_if(nodes.begin(), nodes.end(),
                          [&](auto& x) { return x.node == chosen; });
  if (own == nodes.begin() && own != nodes.end())
    return;
  if (own == nodes.end() || nodes.front().score > own->score)
    for (auto& x : nodes) {
      x.score.reset();
      x.parts.clear();
    }
  if (own == nodes.end())
    nodes.insert(nodes.begin(), {chosen, std::nullopt, {}});
  else
    std::rotate(nodes.begin(), own, own + 1);
  if (nodes.size() > shown)
    nodes.pop_back();
}

void explain(weighed_ask& to, const policy& by, const table& t,
             node_index chosen) {
  auto found = by.explain(t, *to.of);
  to.fit = t.nodes();
  for (auto& [why, nodes] : found.refused.nodes)
    to.fit -= std::min(nodes, to.fit);
  to.refused = std::move(found.refused);
  for (auto& x : found.best)
    to.best.push_back({t.row(x.node).name, x.score, std::move(x.parts)});
  put_first(to.best, t.row(chosen).name);
}

} // namespace

std::vector<weighed_ask> weigh(const policy& by, const table& snapshot,
                               std::span<const ask> asks, const proposal& x) {
  std::vector<weighed_ask> result;
  std::set<const task_class*> known;
  auto left = explanations_max(snapshot);
  // The state that each ask found: after those before it.
  auto then = snapshot;
  for (size_t i = 0; i < std::min(asks.size(), x.runs.size()); ++i) {
    auto& run = x.runs[i];
    weighed_ask told{asks[i].id, asks[i].of, asks[i].count,
                     static_cast<uint32_t>(run.nodes.size())};
    if (run.nodes.empty()) {
      told.refused = run.why_not_more;
      result.push_back(std::move(told));
      continue;
    }
    if (left == 0)
      continue;
    if (known.insert(asks[i].of.get()).second || asks.size() <= left) {
      --left;
      explain(told, by, then, run.nodes.front());
      result.push_back(std::move(told));
    }
    for (auto node : run.nodes)
      // Of what does not fit after all, somebody else tells.
      static_cast<void>(then.occupy(node, *asks[i].of));
  }
  return result;
}

} // namespace troupe::runtime::placement
