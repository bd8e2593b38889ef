#include "runtime/rehearsal/again.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace troupe::runtime::rehearsal {

namespace {

/// Measured loads are in no journal; whose turn it is, a policy that was started
/// anew has forgotten.
bool is_unknowable(std::string_view policy) {
  return policy == "leastLoaded" || policy == "roundRobin";
}

/// The places of one job that facts tell, in their order.
struct recorded_place {
  uint32_t index = 0;
  std::string node;
};
using recorded_places
  = std::map<std::string, std::vector<recorded_place>, std::less<>>;

recorded_places places_in(std::span<const event> facts, const cluster& before) {
  recorded_places result;
  for (auto& x : facts) {
    if (auto* placed = std::get_if<task_placed>(&x.what)) {
      // Its place was decided on long ago.
      auto* job = before.find_job(placed->task.job);
      if (job == nullptr || !job->holds.contains(placed->task.index))
        result[placed->task.job].push_back({placed->task.index, placed->node});
    } else if (auto* reserved = std::get_if<gang_reserved>(&x.what)) {
      for (auto& y : reserved->places)
        result[y.task.job].push_back({y.task.index, y.node});
    }
  }
  return result;
}

} // namespace

again::again(uint32_t batch_tasks_max) : batch_tasks_max_{batch_tasks_max} {
  // nop
}

expected<void, std::string>
again::begin(const std::vector<std::string>& lines) {
  size_t next = 0;
  if (lines.empty())
    return {};
  return core_.restore([&](std::string_view& line) {
    if (next == lines.size())
      return false;
    line = lines[next++];
    return true;
  });
}

// -- steps -------------------------------------------------------------------

void again::tell(const command& x, timestamp at) {
  static_cast<void>(core_.decide(x, at));
  listen();
}

void again::pass_time(timestamp at) {
  core_.advance(at);
  listen();
}

bool again::serve(const std::vector<std::string>& names) {
  for (auto& name : names)
    if (auto made = placement::make_policy(name))
      policies_[name] = std::move(made);
    else
      return false;
  std::set<std::string, std::less<>> all;
  for (auto& [name, policy] : policies_)
    all.insert(name);
  core_.set_policies(std::move(all));
  listen();
  return true;
}

void again::ask() {
  if (open_)
    return;
  auto batch = core_.next_batch(batch_tasks_max_);
  if (!batch)
    return;
  auto answer = policies_.at(batch->policy)
                  ->propose(core_.nodes_for(*batch), batch->asks);
  open_ = question{std::move(*batch), std::move(answer)};
}

void again::abandon() {
  open_.reset();
  core_.abandon();
}

again::answered again::answer(timestamp at, std::span<const event> recorded) {
  if (!open_)
    return answered::unasked;
  auto unknowable = is_unknowable(open_->what.policy);
  if (unknowable && !take_places(recorded))
    return answered::unknowable;
  core_.commit(open_->answer, at);
  open_.reset();
  listen();
  return unknowable ? answered::as_recorded : answered::yes;
}

/// Makes the open answer one with the places that were taken. False if these are
/// fewer than were found here.
bool again::take_places(std::span<const event> recorded) {
  auto places = places_in(recorded, core_);
  for (size_t i = 0; i < open_->answer.runs.size(); ++i) {
    auto& run = open_->answer.runs[i];
    auto& about = open_->what.about[i];
    auto job = std::find_if(core_.jobs().begin(), core_.jobs().end(),
                            [&](auto& x) { return x.second.born == run.id; });
    if (job == core_.jobs().end())
      continue;
    auto& all = places[job->first];
    // A gang that does not fit takes none of those that were found.
    if (all.empty())
      continue;
    for (auto& row : run.nodes) {
      auto next = std::find_if(all.begin(), all.end(), [&](auto& x) {
        return !about.index || x.index == *about.index;
      });
      if (next == all.end())
        return false;
      auto* node = core_.find_node(next->node);
      if (node == nullptr)
        return false;
      places_taken_ += node->row != row ? 1 : 0;
      row = node->row;
      all.erase(next);
    }
  }
  return true;
}

void again::listen() {
  for (auto& x : core_.take_events())
    said_.push_back(std::move(x));
  // Nobody is there to do it.
  static_cast<void>(core_.take_work());
}

} // namespace troupe::runtime::rehearsal
