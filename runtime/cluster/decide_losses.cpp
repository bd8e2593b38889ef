// What becomes of the tasks of nodes that fall silent.

#include <algorithm>

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/work_items.hpp"
#include "runtime/placement/table.hpp"

namespace troupe::runtime {

namespace {

/// Labels whose values are places that may be lost as a whole.
constexpr std::string_view place_labels[] = {"region", "zone"};

/// Whether those nodes are silent that are in certain places, and no others: then
/// it is these places that are lost, and not the network here that breaks.
bool only_places_lost(const cluster& c, const std::string& label) {
  struct place {
    size_t nodes = 0;
    size_t silent = 0;
  };
  std::map<std::string_view, place> places;
  for (auto& [name, node] : c.nodes()) {
    auto silent = node.state == node_state::unhealthy;
    auto* value = placement::value_of(node.labels, label);
    if (value == nullptr && silent)
      return false;
    if (value == nullptr)
      continue;
    auto& x = places[*value];
    ++x.nodes;
    x.silent += silent ? 1 : 0;
  }
  // A single node that is a place of its own says nothing about the network.
  return std::all_of(places.begin(), places.end(),
                     [](auto& x) {
                       return x.second.silent == 0
                              || (x.second.silent == x.second.nodes
                                  && x.second.nodes > 1);
                     })
         && std::any_of(places.begin(), places.end(),
                        [](auto& x) { return x.second.silent == 0; });
}

bool only_places_lost(const cluster& c) {
  return std::any_of(
    std::begin(place_labels), std::end(place_labels),
    [&](auto label) { return only_places_lost(c, std::string{label}); });
}

} // namespace

/// Whether nodes are coming back after a brake: those that are still silent may be
/// heard in a moment too.
bool cluster::is_mending() const {
  return mending_since_ && now_ - mending_since_ < options_.loss_window;
}

/// Nodes are given up so many at a time: were it the network, the others will
/// have fallen silent before all of them are.
bool cluster::may_give_up(const node_record& node) const {
  if (node.gave_up_at)
    return true;
  auto most
    = std::max(static_cast<double>(options_.losses_min),
               options_.losses_share * static_cast<double>(nodes_.size()));
  auto lately = std::count_if(silent_.begin(), silent_.end(), [&](auto& name) {
    auto at = find_node(name)->gave_up_at;
    return at && now_ - at < options_.loss_window;
  });
  return static_cast<double>(lately) < most;
}

/// Ends what silent nodes run, as far as their jobs do not want to wait for it,
/// and places it anew.
void cluster::give_up_lost() {
  if (rehearsing_ || is_braked())
    return;
  auto names = silent_;
  // When there are as many as may be given up, unless they are whole places.
  std::optional<bool> enough;
  for (auto& name : names) {
    auto& node = *node_called(name);
    if (node.allocations.empty())
      continue;
    if (is_mending()) {
      agenda_.visit(node, mending_since_ + options_.loss_window);
      continue;
    }
    if (!enough && !may_give_up(node))
      enough = !only_places_lost(*this);
    if (node.gave_up_at || !enough.value_or(false))
      give_up_due(node);
    else
      agenda_.visit(node, now_ + options_.loss_window);
  }
}

/// The same for one node, and for those tasks whose time has come.
void cluster::give_up_due(node_record& node) {
  auto places = node.allocations;
  for (auto& [allocation, place] : places) {
    auto patience
      = place.job->spec_of(place.job->tasks[place.index].job_version)
          ->replace_after.value_or(milliseconds{0});
    auto due = node.unhealthy_at + patience;
    if (due > now_)
      agenda_.visit(node, due);
    else
      give_up(node, place, reason::node_lost,
              "node " + node.profile.name + " is unhealthy: it is silent");
  }
}

/// Ends one task of `node`, as far as anybody here knows. What does run on is
/// stopped when the node comes back, before it gets new work.
void cluster::give_up(node_record& node, const task_place& place, reason why,
                      const std::string& message) {
  // It may run on all the same: if the silence ends without a new hello, this
  // is the only stop that reaches it.
  work_item stop = item_of(work_kind::stop, *place.job, place.index);
  stop.why = why;
  node.strays.insert(stop.allocation);
  task_report gone;
  gone.state = task_state::lost;
  gone.why = why;
  gone.message = message;
  end_attempt(*place.job, place.index, gone);
  give(node.profile.name, std::move(stop));
}

/// Does what time brings to a node.
void cluster::visit(node_record& node) {
  if (node.state == node_state::unhealthy) {
    if (node.leaving)
      give_up_due(node);
    else
      give_up_lost();
    if (node.leaving && node.allocations.empty())
      say(node_removed{node.profile.name, "silent for too long"});
    return;
  }
  if (node.quarantine.active)
    probe(node);
  if (node.eligibility == node_eligibility::draining)
    move_away(node);
}

} // namespace troupe::runtime
