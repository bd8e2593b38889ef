// The fold: what each fact does to the state. Nothing is decided here, so that
// a journal gives the same state whoever reads it. Facts about jobs, tasks and
// nodes are folded in `fold_jobs`, `fold_tasks` and `fold_nodes`; those that belong
// to a role, where that decides.

#include <utility>

#include "messages/contract.hpp"

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

void cluster::say(fact x) {
  if (rehearsing_)
    return;
  events_.push_back({version_ + 1, now_, std::move(x)});
  // A fold may append work, never events: the reference stays good.
  fold_event(events_.back());
}

void cluster::apply(const event& x) {
  folding_ = true;
  fold_event(x);
  folding_ = false;
  helped_.clear();
  populated_.clear();
  dependents_.forget_ends();
  idle_.clear();
  nodes_due_.clear();
  members_due_.clear();
}

void cluster::fold_event(const event& x) {
  TROUPE_ASSERT(x.version == version_ + 1);
  version_ = x.version;
  now_ = x.time;
  said_at_ = x.time;
  std::visit([this](const auto& y) { fold(y); }, x.what);
  note_for_members(x.what);
}

void cluster::fold(const leader_elected&) {
  term_ = version_;
}

} // namespace troupe::runtime
