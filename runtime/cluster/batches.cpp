// What policies are asked, and what becomes of their answers.
//
//   next_batch --> a policy proposes --> commit: what still fits is placed
//                                    --> abandon: nothing was proposed

#include <algorithm>
#include <iterator>
#include <utility>

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/gang_members.hpp"
#include "runtime/cluster/job_upkeep.hpp"
#include "runtime/cluster/places.hpp"

namespace troupe::runtime {

namespace {

/// What could be reserved for, in the order of the queue.
std::vector<blocked_head> blocked_heads(const cluster& c) {
  std::vector<blocked_head> result;
  for (auto& [key, job] : c.queue().blocked(backfill::heads_max))
    result.push_back({key, job, 1});
  for (auto& [name, gang] : c.gangs()) {
    // Of several jobs, nobody knows together how long they will be.
    if (gang.state != gang_state::waiting || !gang.blocked
        || gang.jobs.size() != 1)
      continue;
    auto members = members_of(gang);
    if (members.complete() && members.places_min() > 0)
      result.push_back(
        {c.key_of(gang), gang.jobs.begin()->second, members.places_min()});
  }
  std::sort(result.begin(), result.end(),
            [](auto& x, auto& y) { return x.key < y.key; });
  if (result.size() > backfill::heads_max)
    result.resize(backfill::heads_max);
  return result;
}

} // namespace

// -- asking ------------------------------------------------------------------

void cluster::set_policies(std::set<std::string, std::less<>> names) {
  begin_step(step_kind::policies, now_);
  std::set_difference(names.begin(), names.end(), policies_.begin(),
                      policies_.end(),
                      std::back_inserter(recorder_.present().policies));
  policies_ = std::move(names);
  waiting_.wake_if([this](const waiting::job_class& x) {
    return policies_.find(x.policy) != policies_.end();
  });
  for (auto& [name, gang] : gangs_)
    if (std::exchange(gang.blocked, false))
      list_gang(gang, members_of(gang));
  end_step();
}

std::optional<waiting::batch> cluster::next_batch(uint32_t tasks_max) {
  recorder_.look();
  if (batch_open_)
    return std::nullopt;
  tasks_max = std::min(tasks_max, settings_.batch_size);
  waiting::row_finder row_of
    = [this](uint32_t name) -> std::optional<placement::node_index> {
    auto* node = find_node(names_[name]);
    return node == nullptr ? std::nullopt : std::optional{node->row};
  };
  auto look = [&] {
    renew_reservation();
    auto found = next_gang();
    if (!found)
      found = settings_.queue_order == "fair"
                ? next_fair(tasks_max, row_of)
                : waiting_.next(
                  tasks_max, policies_, row_of, first_gang(),
                  [this](const waiting::job_class& x) { return left_for(x); },
                  [this](queue_key key, const waiting::job_class& x) {
                    return backfill_.is_behind(key, x.estimate, now_);
                  });
    return found;
  };
  // Who was passed over for good may have stood before others. So to look twice
  // is as to look once.
  auto heads = [this] { return std::pair{waiting_.first(), first_gang()}; };
  auto before = heads();
  auto result = look();
  while (!result && heads() != before) {
    before = heads();
    result = look();
  }
  if (result) {
    batch_open_ = true;
    asked_behind_ = result->behind;
    asked_ = result->about;
    waiting_.begin_proposal();
  }
  return result;
}

void cluster::abandon() {
  if (!batch_open_)
    return;
  begin_step(step_kind::no_proposal, now_);
  batch_open_ = false;
  asked_behind_ = false;
  asked_.clear();
  if (auto at = gangs_.find(std::exchange(asked_gang_, {})); at != gangs_.end())
    list_gang(at->second, members_of(at->second));
  end_step();
}

void cluster::commit(const placement::proposal& x, timestamp now) {
  begin_step(step_kind::proposal, now);
  batch_open_ = false;
  if (asked_gang_.empty())
    commit_tasks(x);
  else
    commit_gang(x);
  settle();
  end_step();
}

void cluster::commit_tasks(const placement::proposal& x) {
  auto asked = std::exchange(asked_, {});
  auto behind = std::exchange(asked_behind_, false);
  // What is proposed and not carried out was counted as taken when the asks
  // behind it were refused: it may help them.
  auto drop = [this](placement::node_index row) {
    if (row < rows_.size() && rows_[row] != nullptr)
      helped_.push_back(row);
  };
  std::vector<refused_ask> refused;
  std::vector<version_number> stuck;
  auto stands_back = false;
  for (size_t at = 0; at < x.runs.size(); ++at) {
    auto& run = x.runs[at];
    // The first that fits nowhere may get a reservation, of which those after it
    // have not been told yet: they are asked about again.
    if (stands_back)
      break;
    auto found = jobs_by_birth_.find(run.id);
    // A policy answers each ask, in their order.
    if (found == jobs_by_birth_.end() || at >= asked.size()
        || asked[at].born != run.id) {
      std::for_each(run.nodes.begin(), run.nodes.end(), drop);
      continue;
    }
    auto& ask = asked[at];
    auto& job = *found->second;
    // A place that no longer fits leaves the task where it was: it is offered
    // again with the next batch.
    for (auto row : run.nodes) {
      auto index = next_index(job, ask.index);
      if (!index || row >= rows_.size() || rows_[row] == nullptr) {
        drop(row);
        continue;
      }
      if (left_for(waiting_.at(job.klass)) == 0) {
        drop(row);
        continue;
      }
      auto held = backfill_.occupy(table_, row,
                                   *job.classes.at(job.job_version), behind);
      if (!held) {
        drop(row);
        continue;
      }
      waiting_.note_placed(job.klass);
      say_placed(job, *index, row, std::move(*held));
    }
    // A job that was updated meanwhile is of another class now: what is said
    // here is not about that one.
    if (job.ready() > 0 && !run.why_not_more.nodes.empty()
        && ask.of == waiting_.at(job.klass).of) {
      refused.push_back({run.id, ask.index, run.why_not_more});
      stands_back
        = backfills() && job.queued && !(ahead() && ahead()->key < *job.queued);
    }
    if (job.extra > 0)
      stuck.push_back(job.born);
  }
  make_room(refused, behind);
  // Where nobody can stand in, members are replaced without.
  for (auto born : stuck)
    if (auto at = jobs_by_birth_.find(born);
        at != jobs_by_birth_.end() && waiting_.at(at->second->klass).blocked)
      roll(*at->second);
}

std::optional<queue_key> cluster::first_gang() const {
  return open_gangs_.empty() ? std::nullopt
                             : std::optional{open_gangs_.begin()->first};
}

void cluster::say_placed(job_record& job, uint32_t index,
                         placement::node_index row,
                         placement::occupation held) {
  auto fact = placing_of(job, index, name_of(row), held);
  held_ = true;
  say(std::move(fact));
  held_ = false;
}

// -- who is next ---------------------------------------------------------------

std::optional<waiting::batch>
cluster::next_fair(uint32_t tasks_max, const waiting::row_finder& row_of) {
  auto weight_of = [this](const std::string& group) {
    auto at = settings_.fair_weights.find(group);
    return at == settings_.fair_weights.end() ? 1.0 : at->second;
  };
  waiting::fairness by;
  by.share_of = [&](const std::string& group) {
    return shares_.of(group, whole()) / weight_of(group);
  };
  by.cost_of = [&](const waiting::job_class& x) {
    return dominant_share(x.of->request, whole()) / weight_of(x.group);
  };
  return waiting_.next_fair(
    tasks_max, policies_, by, row_of,
    [this](const waiting::job_class& x) { return left_for(x); });
}

bool cluster::backfills() const {
  return backfill_.knows_ends() && settings_.queue_order != "fair";
}

void cluster::renew_reservation() {
  auto heads = backfills() ? blocked_heads(*this) : std::vector<blocked_head>{};
  auto held = [this](placement::node_index n, uint64_t id) {
    return holding_of(n, id);
  };
  if (backfill_.renew(heads, {table_, held, version_, now_}))
    wake_those_behind();
}

void cluster::wake_those_behind() {
  waiting_.wake_if(
    [](const waiting::job_class& x) { return x.blocked && x.behind; });
  for (auto& [name, gang] : gangs_)
    if (gang.blocked && gang.behind) {
      gang.blocked = false;
      list_gang(gang, members_of(gang));
    }
}

} // namespace troupe::runtime
