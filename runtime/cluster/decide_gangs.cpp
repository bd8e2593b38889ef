// Starting gangs, all members or none, and ending what is left of them.
//
// A start is decided on one table for all members. Then their places are kept,
// those in the way are stopped, and each node is asked; with the last answer all
// are placed. What fails on the way gives back everything at once, so no two
// gangs ever wait for each other.

#include <algorithm>

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/gang_members.hpp"
#include "runtime/cluster/node_rows.hpp"
#include "runtime/cluster/places.hpp"
#include "runtime/placement/explain.hpp"

namespace troupe::runtime {

namespace {

/// After a start that failed, a gang is left alone for longer than single tasks:
/// a try costs more.
constexpr retry_rule gang_rule{milliseconds{2'000}, 5};

/// What could help is looked at at once, but on many nodes not more often than
/// this.
constexpr milliseconds long_pause{1'000};
constexpr uint32_t many_nodes = 1'000;

std::string number(uint64_t x) {
  return std::to_string(x);
}

std::string members_text(uint32_t n) {
  return number(n) + (n == 1 ? " member" : " members");
}

/// The first `most` tasks of `job` that could be placed.
std::vector<uint32_t> open_tasks(const job_record& job, uint32_t most) {
  std::vector<uint32_t> result;
  for (auto index : job.requeued)
    if (result.size() < most)
      result.push_back(index);
  auto fresh = static_cast<uint32_t>(job.tasks.size());
  while (result.size() < most && fresh < job.wanted())
    result.push_back(fresh++);
  return result;
}

/// Which limit keeps a gang from `places` places; empty if none does.
std::string
full_quota_of(const cluster& c, const gang_record& gang, uint32_t places) {
  for (auto& [name, quota] : c.limits()) {
    uint32_t others = 0;
    for (auto& [born, job] : gang.jobs) {
      auto& its = c.queue().at(job->klass).quotas;
      if (std::find(its.begin(), its.end(), name) == its.end())
        others += job->held_back() ? 0 : job->waiting();
    }
    if (places > others && places - others > quota.left())
      return number(quota.used) + " of " + number(quota.limit)
             + " tasks with the label " + name
             + " have a place, which is too many for it to start";
  }
  return {};
}

milliseconds shortest_pause(const placement::table& nodes) {
  return nodes.nodes() < many_nodes ? milliseconds{0} : long_pause;
}

/// Why a reservation was not confirmed in time.
std::string late_text(const cluster& c, const gang_record& gang) {
  if (!is_clear(gang))
    return "those who have the places did not stop in time";
  for (auto& [born, job] : gang.jobs)
    for (auto& [index, kept] : job->holds)
      if (kept.gang && !gang.confirmed.contains({born, index}))
        return "node " + c.name_at(kept.node) + " did not confirm the place of "
               + to_string(task_ref{job->name, index}) + " in time";
  return {};
}

/// The same as of one place, of all that are kept.
std::string driver_trouble(const cluster& c, const gang_record& gang) {
  for (auto& [born, job] : gang.jobs)
    for (auto& [index, kept] : job->holds)
      if (kept.gang)
        if (auto trouble
            = driver_trouble(*c.find_node(c.name_at(kept.node)), *job->spec);
            !trouble.empty())
          return trouble;
  return {};
}

} // namespace

/// What a start would do.
struct cluster::gang_plan {
  /// The nodes with all that is planned.
  placement::table nodes;
  std::vector<gang_place> places;
  /// [job's birth] Tasks that have a place.
  std::map<version_number, uint32_t> taken;
  std::vector<task_preempted> victims;
  std::vector<allocation_id> awaits;
  milliseconds grace{0};
};

// -- asking ------------------------------------------------------------------

std::optional<waiting::batch> cluster::next_gang() {
  auto first = waiting_.first();
  while (!open_gangs_.empty()) {
    auto [key, name] = *open_gangs_.begin();
    if (first && *first < key)
      return std::nullopt;
    auto& gang = gangs_.find(name)->second;
    auto members = members_of(gang);
    waiting::batch result;
    result.gang = name;
    auto left = members.places_max();
    for (auto& [born, job] : gang.jobs) {
      auto count = std::min(job->held_back() ? 0 : job->waiting(), left);
      if (count == 0)
        continue;
      auto& klass = waiting_.at(job->klass);
      if (result.policy.empty())
        result.policy = klass.policy;
      result.asks.push_back({born, klass.of, count, std::nullopt});
      result.about.push_back({born, klass.of, std::nullopt});
      left -= count;
    }
    gang.helped = false;
    if (policies_.contains(result.policy)) {
      milliseconds estimate{0};
      for (auto& [born, job] : gang.jobs)
        estimate = std::max(estimate, estimate_of(*job->spec));
      result.behind = backfill_.is_behind(key, estimate, now_);
      asked_gang_ = name;
      list_gang(gang, members);
      return result;
    }
    block_gang(gang, reason::unknown_scheduler,
               "no policy is named \"" + result.policy
                 + "\"; the gang is left alone until there is one");
  }
  return std::nullopt;
}

// -- deciding ----------------------------------------------------------------

void cluster::commit_gang(const placement::proposal& x) {
  auto name = std::exchange(asked_gang_, {});
  auto asked = std::exchange(asked_, {});
  auto behind = std::exchange(asked_behind_, false) && ahead();
  auto at = gangs_.find(name);
  if (at == gangs_.end())
    return;
  auto& gang = at->second;
  gang.tried_at = now_;
  auto members = members_of(gang);
  if (gang.state != gang_state::waiting || !members.complete()
      || members.open < members.places_min())
    return list_gang(gang, members);
  if (auto over = full_quota_of(*this, gang, members.places_min());
      !over.empty())
    return block_gang(gang, reason::quota, std::move(over));
  // Nodes may have gone since it was asked.
  if (behind)
    backfill_.bring_up(table_, version_);
  gang_plan plan;
  plan.nodes = backfill_.open_to(behind, table_);
  take_places(plan, gang, x, asked);
  auto fit = static_cast<uint32_t>(plan.places.size());
  if (fit < members.places_min())
    make_room(plan, gang, members.places_min() - fit);
  if (plan.places.size() < members.places_min())
    return block_gang(gang, members,
                      {fit, static_cast<uint32_t>(plan.places.size())}, behind);
  gang_reserved fact;
  fact.gang = gang.name;
  fact.places = std::move(plan.places);
  fact.awaits = std::move(plan.awaits);
  for (auto& victim : plan.victims)
    fact.victims.push_back(victim.task);
  fact.until = now_ + options_.reserve_patience;
  if (!fact.awaits.empty())
    fact.until = fact.until + plan.grace + options_.hold_patience;
  for (auto& victim : plan.victims)
    say(std::move(victim));
  say(std::move(fact));
}

/// Takes what is proposed and still fits.
void cluster::take_places(gang_plan& plan, const gang_record& gang,
                          const placement::proposal& x,
                          const std::vector<waiting::asked>& asked) {
  for (size_t at = 0; at < x.runs.size() && at < asked.size(); ++at) {
    auto& run = x.runs[at];
    auto found = gang.jobs.find(run.id);
    // A policy answers each ask, in their order.
    if (found == gang.jobs.end() || asked[at].born != run.id)
      continue;
    auto& job = *found->second;
    if (asked[at].of != waiting_.at(job.klass).of || job.held_back())
      continue;
    auto& klass = *job.classes.at(job.job_version);
    auto open = open_tasks(
      job, std::min(job.waiting(), static_cast<uint32_t>(run.nodes.size())));
    auto& taken = plan.taken[run.id];
    for (auto row : run.nodes) {
      if (taken == open.size() || row >= rows_.size() || rows_[row] == nullptr)
        continue;
      auto held = plan.nodes.occupy(row, klass);
      if (held)
        plan.places.push_back({{job.name, open[taken++]},
                               name_of(row),
                               bindings_of(*job.spec, *held),
                               held->gpus});
    }
  }
}

/// Plans room for `missing` more members: every victim counts less than the
/// highest of the gang.
void cluster::make_room(gang_plan& plan, const gang_record& gang,
                        uint32_t missing) {
  auto priority = priority_of(gang);
  if (!tenants_.any_below(priority))
    return;
  placement::room_maker::gone_tenants gone;
  for (auto& [born, job] : gang.jobs) {
    if (missing == 0 || job->held_back())
      continue;
    auto taken = plan.taken[born];
    auto open = open_tasks(*job, std::min(job->waiting(), taken + missing));
    placement::room_maker maker{{plan.nodes, tenants_,
                                 [this](placement::node_index n, uint64_t id) {
                                   return holding_of(n, id);
                                 },
                                 now_},
                                *job->classes.at(job->job_version),
                                priority,
                                std::move(gone)};
    for (; taken < open.size(); ++taken, --missing) {
      auto found = maker.next();
      if (!found)
        break;
      plan_room(plan, *job, open[taken], *found, priority);
    }
    plan.nodes = maker.nodes();
    gone = maker.gone();
  }
}

void cluster::plan_room(gang_plan& plan, const job_record& job, uint32_t index,
                        const placement::room& x, int32_t priority) {
  auto& node = *rows_[x.node];
  task_ref by{job.name, index};
  auto await = [&](uint64_t id) {
    auto& [other, number] = node.allocations.at({id});
    plan.grace = std::max(
      plan.grace, other->spec_of(other->tasks[number].job_version)->stop_grace);
    if (std::find(plan.awaits.begin(), plan.awaits.end(), allocation_id{id})
        == plan.awaits.end())
      plan.awaits.push_back({id});
    return task_ref{other->name, number};
  };
  for (auto id : x.victims)
    plan.victims.push_back(
      victim_of(tenants_, node, id, await(id), by, priority));
  for (auto id : x.leaving)
    await(id);
  plan.places.push_back(
    {by, node.profile.name, bindings_of(*job.spec, x.place), x.place.gpus});
}

// -- waiting -----------------------------------------------------------------

/// Why the members that are needed do not fit.
void cluster::block_gang(gang_record& gang, const gang_members& members,
                         const gang_room& room, bool behind) {
  auto needed = members.places_min();
  uint32_t most = 0;
  for (auto& [born, job] : gang.jobs)
    if (!job->held_back())
      most += most_that_fit(table_, *job->classes.at(job->job_version),
                            job->waiting());
  if (table_.nodes() == 0)
    return block_gang(gang, reason::no_nodes, "there are no nodes");
  if (most < needed)
    return block_gang(gang, reason::never_fits,
                      "it needs " + members_text(needed)
                        + " at once, and all nodes together would hold "
                        + number(most) + " if they were empty");
  block_gang(
    gang, reason::gang_does_not_fit,
    "it needs places for " + members_text(needed) + " at once; "
      + number(room.free) + (room.free == 1 ? " is" : " are") + " free, and "
      + number(room.most) + " if all tasks of lower priority made room"
      + (behind
           ? "; others are kept for " + ahead()->job + ", which is ahead of it"
           : std::string{}));
  gang.behind = behind;
}

void cluster::block_gang(gang_record& gang, reason why, std::string message) {
  gang.blocked = true;
  gang.behind = false;
  gang.why = why;
  gang.message = std::move(message);
  if (std::exchange(gang.helped, false)) {
    gang.retry_at = gang.tried_at + shortest_pause(table_);
  } else if (auto pause
             = pause_before(gang_rule, gang.tries, gang.jobs.begin()->first);
             pause && why != reason::never_fits) {
    ++gang.tries;
    gang.retry_at = now_ + *pause;
  } else {
    gang.retry_at = {};
  }
  list_gang(gang, members_of(gang));
}

/// Lets gangs try again that could be helped by what came free in `helped_`.
void cluster::wake_gangs() {
  for (auto& [name, gang] : gangs_) {
    if (gang.state != gang_state::waiting
        || (!gang.blocked && asked_gang_ != name))
      continue;
    auto priority = priority_of(gang);
    auto helps = [&](const job_record& job) {
      auto& klass = *job.classes.at(job.job_version);
      return std::any_of(helped_.begin(), helped_.end(), [&](auto n) {
        return n < rows_.size() && rows_[n] != nullptr
               && (placement::could_fit(table_, klass, n)
                   || tenants_.could_make_room(table_, n, klass, priority));
      });
    };
    if (std::none_of(gang.jobs.begin(), gang.jobs.end(),
                     [&](auto& x) { return helps(*x.second); }))
      continue;
    gang.tries = 0;
    gang.helped = true;
    if (!gang.blocked)
      continue;
    if (gang.tried_at + shortest_pause(table_) > now_)
      gang.retry_at = gang.tried_at + shortest_pause(table_);
    else
      gang.blocked = false;
    list_gang(gang, members_of(gang));
  }
}

void cluster::pass_gang_times() {
  while (auto name = agenda_.gang_due(now_)) {
    auto& gang = gangs_.find(*name)->second;
    if (gang.state == gang_state::reserving) {
      give_up_reservation(gang, reason::backoff, late_text(*this, gang));
      continue;
    }
    gang.blocked = false;
    gang.has_gathered = true;
    list_gang(gang, members_of(gang));
  }
}

void cluster::give_up_reservation(gang_record& gang, reason why,
                                  const std::string& message) {
  say(gang_released{gang.name, why, message});
  block_gang(gang, why, message);
}

// -- what nodes say ----------------------------------------------------------

/// Takes what a node answers to a question about a member. False if `x` is about
/// something else.
bool cluster::hear_member(const node_record& node, const task_report& x) {
  auto* job = job_called(x.task.job);
  auto promised = x.state == task_state::placed;
  if (job == nullptr || job->gang == nullptr
      || job->gang->state != gang_state::reserving)
    return promised;
  auto& gang = *job->gang;
  auto kept = job->holds.find(x.task.index);
  if (kept == job->holds.end() || !kept->second.gang
      || kept->second.node != node.name)
    return promised;
  // A worker that speaks HTTP may name the attempt instead.
  auto meant = x.allocation ? x.allocation.value == gang.reservation
                            : x.attempt == job->tasks[x.task.index].attempt + 1;
  if (!meant)
    return promised;
  if (is_final(x.state) || x.state == task_state::lost) {
    give_up_reservation(
      gang, x.why == reason::none ? reason::driver_error : x.why,
      "node " + node.profile.name + " refuses " + to_string(x.task)
        + (x.message.empty() ? "" : ": " + x.message));
    return true;
  }
  if (!promised || !is_clear(gang))
    return true;
  gang.confirmed.insert({job->born, x.task.index});
  size_t asked = 0;
  for (auto& [born, other] : gang.jobs)
    for (auto& [index, y] : other->holds)
      asked += y.gang ? 1 : 0;
  if (gang.confirmed.size() == asked) {
    if (auto trouble = driver_trouble(*this, gang); !trouble.empty()) {
      give_up_reservation(gang, reason::driver_error, trouble);
      return true;
    }
    gang.tries = 0;
    say(gang_committed{gang.name});
  }
  return true;
}

// -- losing members ----------------------------------------------------------

void cluster::check_gangs() {
  if (rehearsing_)
    return;
  while (!shaken_gangs_.empty()) {
    auto name = *shaken_gangs_.begin();
    shaken_gangs_.erase(shaken_gangs_.begin());
    auto at = gangs_.find(name);
    if (at == gangs_.end())
      continue;
    auto& gang = at->second;
    if (std::exchange(gang.lost_places, false))
      say(gang_released{name, reason::none, "a place that was kept is gone"});
    auto members = members_of(gang);
    if (members.hopeless())
      end_gang(gang);
    else if (gang.state == gang_state::running
             && members.able + members.done < std::min(gang.needs, members.all))
      break_gang(gang, members);
    else if (gang.state == gang_state::broken && members.able > 0)
      // They came while the others were being stopped.
      stop_members(gang, "its gang " + gang.name + " starts again whole");
  }
}

/// Stops the members that are left: they start again together.
void cluster::break_gang(gang_record& gang, const gang_members& members) {
  auto message = "its gang " + gang.name + " has "
                 + number(members.able + members.done) + " of "
                 + members_text(gang.needs)
                 + " that it needs: it starts again whole";
  say(gang_broken{gang.name, message});
  stop_members(gang, message);
}

void cluster::stop_members(const gang_record& gang,
                           const std::string& message) {
  auto jobs = gang.jobs;
  for (auto& [born, job] : jobs)
    for (uint32_t i = 0; i < job->tasks.size(); ++i)
      if (holds_capacity(job->tasks[i].state) && !job->tasks[i].stopping)
        say(task_stopping{
          {job->name, i}, reason::gang_incomplete, message, true});
}

/// Ends all members, since there can never be enough of them.
void cluster::end_gang(gang_record& gang) {
  auto message = "its gang " + gang.name
                 + " lost a member for good; `troupe restart` starts it again";
  auto jobs = gang.jobs;
  for (auto& [born, job] : jobs)
    for (uint32_t i = 0; i < job->wanted() && !job->stopped; ++i) {
      task_ref task{job->name, i};
      auto* record = i < job->tasks.size() ? &job->tasks[i] : nullptr;
      if (record == nullptr || record->state == task_state::pending)
        say(task_ended{task, record == nullptr ? 0 : record->attempt, "",
                       task_state::stopped, reason::gang_incomplete, message,
                       std::nullopt});
      else if (holds_capacity(record->state)
               && (!record->stopping || record->restart))
        say(task_stopping{task, reason::gang_incomplete, message, false});
    }
}

} // namespace troupe::runtime
