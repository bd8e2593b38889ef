#include "runtime/cluster/waiting.hpp"

#include <algorithm>
#include <queue>

#include "messages/contract.hpp"

namespace troupe::runtime {

class_id
waiting::acquire(placement::task_class x, std::string policy, int32_t priority,
                 std::string group, std::vector<std::string> quotas,
                 milliseconds estimate) {
  class_key key{std::move(x),     std::move(policy), priority,
                std::move(group), std::move(quotas), estimate.count()};
  auto [at, is_new] = index_.try_emplace(key, 0);
  if (is_new) {
    auto made = std::make_unique<job_class>();
    made->of
      = std::make_shared<const placement::task_class>(std::get<0>(at->first));
    made->policy = std::get<1>(at->first);
    made->priority = priority;
    made->group = std::get<3>(at->first);
    made->quotas = std::get<4>(at->first);
    made->estimate = estimate;
    if (free_.empty()) {
      at->second = static_cast<class_id>(classes_.size());
      classes_.push_back(std::move(made));
      head_of_.emplace_back();
      blocked_of_.emplace_back();
    } else {
      at->second = free_.back();
      free_.pop_back();
      classes_[at->second] = std::move(made);
    }
  }
  ++classes_[at->second]->users;
  return at->second;
}

void waiting::release(class_id id) {
  auto& x = *classes_[id];
  TROUPE_ASSERT(x.users > 0);
  if (--x.users > 0)
    return;
  TROUPE_ASSERT(x.jobs.empty());
  refresh_try(id, {});
  index_.erase(class_key{*x.of, x.policy, x.priority, x.group, x.quotas,
                         x.estimate.count()});
  classes_[id].reset();
  free_.push_back(id);
}

void waiting::insert(job_record& job, queue_key key) {
  classes_[job.klass]->jobs.insert_or_assign(key, &job);
  refresh_head(job.klass);
}

void waiting::erase(const job_record& job, queue_key key) {
  auto& x = *classes_[job.klass];
  x.jobs.erase(key);
  if (x.jobs.empty()) {
    // Nobody looks at what could help while nobody waits: whoever comes next
    // is tried, and what a proposal says of those before does not count.
    x.blocked = false;
    x.helped = true;
    x.refusal = {};
    x.tries = 0;
    refresh_try(job.klass, {});
  }
  refresh_head(job.klass);
}

void waiting::refresh_head(class_id id) {
  auto& x = *classes_[id];
  auto list = [&](auto& heads, auto& present, bool listed) {
    std::optional<queue_key> wanted;
    if (listed && !x.jobs.empty())
      wanted = x.jobs.begin()->first;
    if (present == wanted)
      return;
    if (present)
      heads.erase({*present, id});
    if (wanted)
      heads.insert({*wanted, id});
    present = wanted;
  };
  list(heads_, head_of_[id], !x.blocked);
  list(blocked_, blocked_of_[id], x.blocked);
}

void waiting::refresh_try(class_id id, timestamp due) {
  auto& x = *classes_[id];
  if (auto before = std::exchange(x.next_try, due))
    tries_.erase({before, id});
  if (due)
    tries_.insert({due, id});
}

void waiting::block(class_id id, placement::refusal why, timestamp now,
                    bool behind) {
  auto& x = *classes_[id];
  x.refusal = std::move(why);
  x.behind = behind;
  // Not of the class's number: that depends on how often it was made anew.
  auto seed = x.jobs.empty() ? 0 : x.jobs.begin()->second->born;
  // What helped while the proposal was being made is not in it.
  x.blocked = !x.helped;
  auto pause = x.blocked ? pause_before({}, x.tries, seed) : std::nullopt;
  refresh_try(id, pause ? now + *pause : timestamp{});
  refresh_head(id);
  if (x.by_time && x.is_parked())
    ++times_parked_;
  x.by_time = false;
}

void waiting::wake(class_id id) {
  classes_[id]->blocked = false;
  classes_[id]->helped = true;
  refresh_try(id, {});
  refresh_head(id);
}

void waiting::note_placed(class_id id) {
  classes_[id]->tries = 0;
  breaker_.note_help();
}

void waiting::wake_due(timestamp now) {
  auto due = next_try();
  if (!due || *due > now)
    return;
  breaker_.note_round(now);
  while (!tries_.empty() && tries_.begin()->first <= now) {
    auto id = tries_.begin()->second;
    ++classes_[id]->tries;
    wake(id);
    classes_[id]->by_time = true;
  }
}

std::optional<timestamp> waiting::next_try() const {
  if (tries_.empty())
    return std::nullopt;
  return breaker_.next_round(tries_.begin()->first);
}

void waiting::wake_if(const std::function<bool(const job_class&)>& could_help) {
  for (class_id id = 0; id < classes_.size(); ++id)
    if (auto& x = classes_[id]; x && !x->jobs.empty() && could_help(*x))
      wake(id);
}

void waiting::begin_proposal() {
  for (auto& x : classes_)
    if (x)
      x->helped = false;
}

namespace {

/// Asks for places for at most `tasks_max` tasks of `job`. Those that should not
/// go to a certain node are asked for one by one. Returns how many it asked for.
uint32_t ask_for(const job_record& job,
                 const std::shared_ptr<const placement::task_class>& of,
                 uint32_t tasks_max, const waiting::row_finder& row_of,
                 waiting::batch& result) {
  auto rest = job.ready();
  auto tasks = uint32_t{0};
  for (auto& [index, name] : job.avoid) {
    if (tasks == tasks_max)
      return tasks;
    if (!job.is_ready(index))
      continue;
    result.asks.push_back({job.born, of, 1, row_of(name)});
    result.about.push_back({job.born, of, index});
    ++tasks;
    --rest;
  }
  if (auto count = std::min(rest, tasks_max - tasks); count > 0) {
    result.asks.push_back({job.born, of, count, std::nullopt});
    result.about.push_back({job.born, of, std::nullopt});
    tasks += count;
  }
  return tasks;
}

} // namespace

std::optional<waiting::batch>
waiting::next(uint32_t tasks_max,
              const std::set<std::string, std::less<>>& known,
              const row_finder& row_of, std::optional<queue_key> before,
              const allowance& left_for, const backfill_rule& is_behind) {
  using cursor = std::map<queue_key, job_record*>::const_iterator;
  struct entry {
    cursor at;
    class_id klass;
    bool operator>(const entry& x) const { return at->first > x.at->first; }
  };
  // Heads are in order and so are the jobs of each class: merge them.
  std::priority_queue<entry, std::vector<entry>, std::greater<>> open;
  std::vector<class_id> unserved;
  std::vector<class_id> full;
  std::map<class_id, uint32_t> left;
  batch result;
  auto head = heads_.begin();
  auto tasks = uint32_t{0};
  while (tasks < tasks_max) {
    while (head != heads_.end()
           && (open.empty() || head->first < open.top().at->first)) {
      open.push({classes_[head->second]->jobs.begin(), head->second});
      ++head;
    }
    if (open.empty())
      break;
    auto [at, id] = open.top();
    if (before && !(at->first < *before))
      break;
    open.pop();
    auto& x = *classes_[id];
    if (known.find(x.policy) == known.end()) {
      unserved.push_back(id);
      continue;
    }
    auto [mine, is_new] = left.try_emplace(id, 0);
    if (is_new)
      mine->second = left_for(x);
    if (is_new && mine->second == 0)
      full.push_back(id);
    if (mine->second == 0)
      continue;
    auto behind = is_behind(at->first, x);
    if (result.policy.empty()) {
      result.policy = x.policy;
      result.behind = behind;
    } else if (result.policy != x.policy || result.behind != behind) {
      break;
    }
    auto most = std::min(tasks_max - tasks, mine->second);
    auto asked = ask_for(*at->second, x.of, most, row_of, result);
    tasks += asked;
    mine->second -= asked;
    if (++at != x.jobs.end())
      open.push({at, id});
  }
  pass_over(unserved, reason::unknown_scheduler);
  pass_over(full, reason::quota);
  if (result.asks.empty())
    return std::nullopt;
  return result;
}

void waiting::pass_over(const std::vector<class_id>& classes, reason why) {
  for (auto id : classes) {
    auto& x = *classes_[id];
    x.refusal = {{{why, 0}}};
    x.blocked = true;
    x.behind = false;
    refresh_try(id, {});
    refresh_head(id);
  }
}

std::optional<waiting::batch>
waiting::next_fair(uint32_t tasks_max,
                   const std::set<std::string, std::less<>>& known,
                   const fairness& by, const row_finder& row_of,
                   const allowance& left_for) {
  // Where a class has come to: its next job, and the tasks left of it.
  struct cursor {
    std::map<queue_key, job_record*>::const_iterator at;
    uint32_t left = 0;
    class_id klass = 0;
    /// Of those left, the tasks that avoid a node, each with its name's number.
    std::vector<std::pair<uint32_t, uint32_t>> choosy;
    bool operator>(const cursor& x) const { return at->first > x.at->first; }
  };
  auto begin_job = [](cursor& x) {
    auto& job = *x.at->second;
    x.left = job.ready();
    x.choosy.clear();
    for (auto& [index, name] : job.avoid)
      if (job.is_ready(index))
        x.choosy.emplace_back(index, name);
  };
  struct party {
    double share = 0;
    std::priority_queue<cursor, std::vector<cursor>, std::greater<>> open;
  };
  std::map<std::string, party, std::less<>> parties;
  std::vector<class_id> unserved;
  std::vector<class_id> full;
  std::map<class_id, uint32_t> left;
  batch result;
  for (auto& [key, id] : heads_) {
    auto& x = *classes_[id];
    if (known.find(x.policy) == known.end()) {
      unserved.push_back(id);
      continue;
    }
    if ((left[id] = left_for(x)) == 0) {
      full.push_back(id);
      continue;
    }
    auto [at, is_new] = parties.try_emplace(x.group);
    if (is_new)
      at->second.share = by.share_of(x.group);
    cursor first{x.jobs.begin(), 0, id, {}};
    begin_job(first);
    at->second.open.push(std::move(first));
  }
  using turn = std::pair<double, party*>;
  auto later = [](const turn& x, const turn& y) { return x.first > y.first; };
  std::priority_queue<turn, std::vector<turn>, decltype(later)> turns{later};
  for (auto& [group, x] : parties)
    turns.push({x.share, &x});
  for (uint32_t tasks = 0; tasks < tasks_max && !turns.empty();) {
    auto& group = *turns.top().second;
    turns.pop();
    auto next = group.open.top();
    group.open.pop();
    auto& x = *classes_[next.klass];
    // What another policy serves is for another batch.
    if (result.policy.empty())
      result.policy = x.policy;
    if (x.policy == result.policy) {
      auto& job = *next.at->second;
      if (!next.choosy.empty()) {
        auto [index, name] = next.choosy.back();
        next.choosy.pop_back();
        result.asks.push_back({job.born, x.of, 1, row_of(name)});
        result.about.push_back({job.born, x.of, index});
      } else if (!result.asks.empty() && result.asks.back().id == job.born
                 && !result.about.back().index) {
        ++result.asks.back().count;
      } else {
        result.asks.push_back({job.born, x.of, 1, std::nullopt});
        result.about.push_back({job.born, x.of, std::nullopt});
      }
      ++tasks;
      group.share += by.cost_of(x);
      auto most = --left[next.klass];
      if (--next.left == 0 && ++next.at != x.jobs.end())
        begin_job(next);
      if (next.left > 0 && most > 0)
        group.open.push(next);
    }
    if (!group.open.empty())
      turns.push({group.share, &group});
  }
  pass_over(unserved, reason::unknown_scheduler);
  pass_over(full, reason::quota);
  if (result.asks.empty())
    return std::nullopt;
  return result;
}

std::vector<std::pair<queue_key, const job_record*>>
waiting::blocked(size_t limit) const {
  std::vector<std::pair<queue_key, const job_record*>> result;
  for (auto& [key, id] : blocked_) {
    if (result.size() == limit)
      break;
    result.emplace_back(key, classes_[id]->jobs.begin()->second);
  }
  return result;
}

uint32_t waiting::ahead_of(queue_key key, uint32_t limit) const {
  auto result = uint32_t{0};
  for (auto& x : classes_) {
    if (!x)
      continue;
    for (auto& [other, job] : x->jobs) {
      if (!(other < key) || result >= limit)
        break;
      ++result;
    }
  }
  return result;
}

void waiting::each(
  const std::function<bool(const job_class&, const job_record&)>& f) const {
  for (auto& x : classes_) {
    if (!x)
      continue;
    for (auto& [key, job] : x->jobs)
      if (!f(*x, *job))
        return;
  }
}

} // namespace troupe::runtime
