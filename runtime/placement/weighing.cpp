#include "runtime/placement/weighing.hpp"

#include <algorithm>
#include <set>
#include <utility>

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

/// Which asks are told of: of each class the first that was placed and the first
/// that was not, or all that were placed if they are few.
std::vector<size_t>
told_asks(const table& t, std::span<const ask> asks, const proposal& x) {
  std::vector<size_t> result;
  std::set<std::pair<const task_class*, bool>> known;
  auto left = explanations_max(t);
  auto few = asks.size() <= left;
  for (size_t i = 0; i < std::min(asks.size(), x.runs.size()); ++i) {
    auto placed = !x.runs[i].nodes.empty();
    auto is_first = known.insert({asks[i].of.get(), placed}).second;
    if (placed && (left == 0 || (!is_first && !few)))
      continue;
    if (!placed && !is_first)
      continue;
    left -= placed ? 1 : 0;
    result.push_back(i);
  }
  return result;
}

} // namespace

std::vector<weighed_ask> weigh(const policy& by, const table& snapshot,
                               std::span<const ask> asks, const proposal& x) {
  std::vector<weighed_ask> result;
  auto told_of = told_asks(snapshot, asks, x);
  // The state that each ask found: after those before it.
  auto then = snapshot;
  size_t next = 0;
  for (auto i : told_of) {
    auto& run = x.runs[i];
    weighed_ask told{asks[i].id, asks[i].of, asks[i].count,
                     static_cast<uint32_t>(run.nodes.size())};
    if (run.nodes.empty()) {
      told.refused = run.why_not_more;
    } else {
      for (; next < i; ++next)
        for (auto node : x.runs[next].nodes)
          // Of what does not fit after all, somebody else tells.
          static_cast<void>(then.occupy(node, *asks[next].of));
      explain(told, by, then, run.nodes.front());
    }
    result.push_back(std::move(told));
  }
  return result;
}

} // namespace troupe::runtime::placement
