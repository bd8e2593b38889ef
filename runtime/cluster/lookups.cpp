#include "runtime/cluster/lookups.hpp"

#include <algorithm>

namespace troupe::runtime {

// -- what is to be looked up -------------------------------------------------

void lookups::begin(job_record& job) {
  clear(job);
  job.lookup.reset();
  if (is_cached(*job.spec))
    job.lookup = lookup_record{work_key(*job.spec), 0, job.requeued};
}

void lookups::clear(job_record& job) {
  if (!job.lookup)
    return;
  due_.erase(job.born);
  auto known = std::move(job.lookup->missed);
  known.merge(job.lookup->joined);
  for (auto& [index, key] : known)
    stop_waiting(key, {job.born, index});
  *job.lookup = lookup_record{job.lookup->work};
}

void lookups::add(job_record& job, uint32_t index) {
  if (job.lookup && !job.lookup->missed.contains(index)
      && !job.lookup->joined.contains(index))
    job.lookup->due.insert(index);
}

void lookups::forget(job_record& job, uint32_t index) {
  if (!job.lookup)
    return;
  auto& x = *job.lookup;
  x.due.erase(index);
  auto known = x.missed.extract(index);
  if (!known)
    known = x.joined.extract(index);
  if (known)
    stop_waiting(known.mapped(), {job.born, index});
}

void lookups::stop_waiting(const cache_key& key, task_number x) {
  auto at = identical_.find(key);
  at->second.waiting.erase(x);
  if (at->second.live.empty() && at->second.waiting.empty())
    identical_.erase(at);
}

bool lookups::may_look_up(const job_record& job) const {
  if (!job.lookup || job.stopped || job.held_back())
    return false;
  auto& x = *job.lookup;
  auto known = static_cast<uint32_t>(job.tasks.size());
  return x.missed.size() + x.joined.size() < ahead_max_
         && (!x.due.empty() || std::max(x.seen, known) < job.wanted());
}

void lookups::list(job_record& job) {
  if (may_look_up(job))
    due_.emplace(job.born, &job);
  else if (job.lookup)
    due_.erase(job.born);
}

uint32_t lookups::take(job_record& job) {
  auto& x = *job.lookup;
  if (!x.due.empty())
    return x.due.extract(x.due.begin()).value();
  auto index = std::max(x.seen, static_cast<uint32_t>(job.tasks.size()));
  x.seen = index + 1;
  return index;
}

// -- who is identical --------------------------------------------------------

void lookups::note_missing(job_record& job, uint32_t index,
                           const cache_key& key) {
  auto& x = identical_[key];
  x.waiting.emplace(task_number{job.born, index}, &job);
  (x.live.empty() ? job.lookup->missed : job.lookup->joined)
    .emplace(index, key);
}

std::vector<job_record*>
lookups::start(job_record& job, uint32_t index, const cache_key& key) {
  std::vector<job_record*> result;
  job.keys[index] = key;
  auto& x = identical_[key];
  x.live.emplace(task_number{job.born, index}, &job);
  for (auto& [number, other] : x.waiting) {
    if (auto node = other->lookup->missed.extract(number.second))
      other->lookup->joined.insert(std::move(node));
    if (result.empty() || result.back() != other)
      result.push_back(other);
  }
  return result;
}

void lookups::end(job_record& job, uint32_t index) {
  auto own = job.keys.extract(index);
  if (!own)
    return;
  auto at = identical_.find(own.mapped());
  at->second.live.erase({job.born, index});
  if (!at->second.live.empty())
    return;
  if (at->second.waiting.empty())
    identical_.erase(at);
  else
    landed_.insert(own.mapped());
}

void lookups::miss(job_record& job, uint32_t index) {
  if (auto node = job.lookup->joined.extract(index))
    job.lookup->missed.insert(std::move(node));
}

std::optional<task_ref> lookups::who_runs(const cache_key& key) const {
  auto at = identical_.find(key);
  if (at == identical_.end() || at->second.live.empty())
    return std::nullopt;
  auto& [number, job] = *at->second.live.begin();
  return task_ref{job->name, number.second};
}

lookups::tasks lookups::left_alone(const cache_key& key) const {
  auto at = identical_.find(key);
  return at == identical_.end() || !at->second.live.empty()
           ? tasks{}
           : at->second.waiting;
}

// -- what must hold ----------------------------------------------------------

size_t lookups::size() const {
  size_t result = 0;
  for (auto& [key, x] : identical_)
    result += x.live.size() + x.waiting.size();
  return result;
}

std::string lookups::check(const job_record& job) const {
  for (auto& [index, hit] : job.hits)
    if (index >= job.tasks.size()
        || job.tasks[index].state != task_state::cached)
      return "a task has a result and is not cached";
  size_t keys = 0;
  for (auto& task : job.tasks)
    if (holds_capacity(task.state) && is_cached(*job.spec_of(task.job_version)))
      ++keys;
  if (keys != job.keys.size())
    return "keys of running tasks are off";
  if (job.lookup.has_value() != is_cached(*job.spec))
    return "it looks results up and should not, or the reverse";
  if (due_.contains(job.born) != may_look_up(job))
    return "lookups that are due are off";
  if (!job.lookup)
    return {};
  auto& x = *job.lookup;
  for (auto index : job.requeued)
    if (x.due.count(index) + x.missed.count(index) + x.joined.count(index) != 1)
      return "a task that waits is not looked up once";
  for (auto index : x.due)
    if (!job.requeued.contains(index))
      return "a task is looked up that does not wait";
  for (auto* known : {&x.missed, &x.joined})
    for (auto& [index, key] : *known) {
      auto at = identical_.find(key);
      if (at == identical_.end()
          || !at->second.waiting.contains({job.born, index})
          || at->second.live.empty() != (known == &x.missed))
        return "who waits for whom is off";
      if (index >= job.wanted()
          || (index < job.tasks.size() && !job.requeued.contains(index)))
        return "a task was looked up that does not wait";
    }
  return {};
}

} // namespace troupe::runtime
