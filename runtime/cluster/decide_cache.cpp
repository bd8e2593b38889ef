// Results that are kept: what is looked up before it is placed.
//
//   fresh, due --lookup--> hit:    it ends as `cached`
//                          missed: it waits for a place; with the first that gets
//                                  one, all that are identical are joined
//                          joined: it waits for who runs it now
//   joined --that one succeeds--> hit
//          --that one ends otherwise--> missed: the next one runs
//
// What is kept is a fold of facts. Who has been looked up, and who waits for whom,
// is not: it is found out anew by whoever takes over. Of an array only the next
// tasks are looked up, so that one of a million is no million records.

#include <algorithm>

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

// -- what users ask ----------------------------------------------------------

std::vector<problem>
cluster::check_caches(const std::vector<job_spec_ptr>& specs) {
  std::vector<problem> result;
  for (size_t i = 0; i < specs.size(); ++i) {
    auto& spec = *specs[i];
    if (!spec.cache)
      continue;
    auto at = (specs.size() > 1 ? '/' + std::to_string(i) : "") + "/cache";
    if (spec.kind != job_kind::batch)
      result.push_back({at, "is for kind \"batch\", which has a result"});
    else if (spec.gang)
      result.push_back({at, "does not go with \"gang\": members that start "
                            "together cannot be replaced one by one by results "
                            "of others"});
  }
  return result;
}

expected<outcome, refusal> cluster::on(const forget_results& x) {
  outcome result;
  result.removed = results_.count(x.which);
  if (result.removed == 0 && !x.which.key.empty())
    return make_unexpected(refusal{refusal_kind::not_found,
                                   "no result is kept under key " + x.which.key
                                     + "; GET /v1/cache lists those that are",
                                   {}});
  if (result.removed > 0)
    say(cache_invalidated{x.which});
  return result;
}

void cluster::forget_result(const job_record& job, uint32_t index) {
  auto key = cache_key_of(job, index);
  if (key && results_.entries().contains(*key))
    say(cache_invalidated{{.key = to_string(*key)}});
}

std::optional<cache_key>
cluster::cache_key_of(const job_record& job, uint32_t index) const {
  if (auto at = job.hits.find(index); at != job.hits.end())
    return read_cache_key(at->second.key);
  if (auto at = job.keys.find(index); at != job.keys.end())
    return at->second;
  auto live
    = index < job.tasks.size() && holds_capacity(job.tasks[index].state);
  auto& spec = live ? job.spec_of(job.tasks[index].job_version) : job.spec;
  if (!is_cached(*spec))
    return std::nullopt;
  auto work
    = job.lookup && spec == job.spec ? job.lookup->work : work_key(*spec);
  return task_key(work, *spec, index, results_.identity_of(spec->image));
}

std::optional<task_ref> cluster::who_runs(const cache_key& key) const {
  auto at = identical_.find(key);
  if (at == identical_.end() || at->second.live.empty())
    return std::nullopt;
  auto& [born, index] = *at->second.live.begin();
  return task_ref{jobs_by_birth_.at(born)->name, index};
}

// -- lookups -----------------------------------------------------------------

bool cluster::give_results(uint32_t& left) {
  auto before = version_;
  hear_ends_of_identical();
  while (left > 0 && !lookups_due_.empty()) {
    recorder_.stir();
    auto& job = *jobs_by_birth_.at(*lookups_due_.begin());
    for (; left > 0 && may_look_up(job); --left)
      look_up(job);
    take_its_place(job);
    list_lookups(job);
  }
  return version_ != before;
}

/// Those that waited for a task that has ended get its result, or run.
void cluster::hear_ends_of_identical() {
  for (auto& key : std::exchange(landed_, {})) {
    auto at = identical_.find(key);
    if (at == identical_.end() || !at->second.live.empty())
      continue;
    auto waiting = at->second.waiting;
    for (auto& [born, index] : waiting) {
      auto& job = *jobs_by_birth_.at(born);
      auto now_known = *cache_key_of(job, index);
      if (auto* found = results_.find(now_known, job.spec->cache->ttl, now_)) {
        give_result(job, index, now_known, *found);
        continue;
      }
      auto& x = *job.lookup;
      if (auto node = x.joined.extract(index))
        x.missed.insert(std::move(node));
      take_its_place(job);
    }
  }
  auto moved = std::exchange(moved_images_, {});
  if (moved.empty())
    return;
  for (auto& [name, job] : jobs_)
    if (job.lookup && moved.contains(job.spec->image)) {
      begin_lookups(job);
      take_its_place(job);
      list_lookups(job);
    }
}

bool cluster::may_look_up(const job_record& job) const {
  if (!job.lookup || job.stopped || job.held_back())
    return false;
  auto& x = *job.lookup;
  auto known = static_cast<uint32_t>(job.tasks.size());
  return x.missed.size() + x.joined.size() < options_.lookups_ahead
         && (!x.due.empty() || std::max(x.seen, known) < job.wanted());
}

/// Looks up one task. REQUIRES: `may_look_up(job)`.
void cluster::look_up(job_record& job) {
  auto& x = *job.lookup;
  uint32_t index = 0;
  if (x.due.empty()) {
    index = std::max(x.seen, static_cast<uint32_t>(job.tasks.size()));
    x.seen = index + 1;
  } else {
    index = x.due.extract(x.due.begin()).value();
  }
  auto key
    = task_key(x.work, *job.spec, index, results_.identity_of(job.spec->image));
  if (auto* found = results_.find(key, job.spec->cache->ttl, now_))
    return give_result(job, index, key, *found);
  auto& tasks = identical_[key];
  tasks.waiting.insert({job.born, index});
  (tasks.live.empty() ? x.missed : x.joined).emplace(index, key);
}

void cluster::give_result(const job_record& job, uint32_t index,
                          const cache_key& key, const kept_result& x) {
  auto joined = job.lookup && job.lookup->joined.contains(index);
  say(cache_hit{{job.name, index}, to_string(key), x.result, joined});
}

void cluster::begin_lookups(job_record& job) {
  clear_lookups(job);
  job.lookup.reset();
  if (is_cached(*job.spec))
    job.lookup = lookup_record{work_key(*job.spec), 0, job.requeued};
}

void cluster::clear_lookups(job_record& job) {
  if (!job.lookup)
    return;
  lookups_due_.erase(job.born);
  auto known = std::move(job.lookup->missed);
  known.merge(job.lookup->joined);
  for (auto& [index, key] : known) {
    auto at = identical_.find(key);
    at->second.waiting.erase({job.born, index});
    if (at->second.live.empty() && at->second.waiting.empty())
      identical_.erase(at);
  }
  *job.lookup = lookup_record{job.lookup->work};
}

/// It does not wait any longer.
void cluster::forget_lookup(job_record& job, uint32_t index) {
  if (!job.lookup)
    return;
  auto& x = *job.lookup;
  x.due.erase(index);
  auto node = x.missed.extract(index);
  if (!node)
    node = x.joined.extract(index);
  if (!node)
    return;
  auto at = identical_.find(node.mapped());
  at->second.waiting.erase({job.born, index});
  if (at->second.live.empty() && at->second.waiting.empty())
    identical_.erase(at);
}

void cluster::list_lookups(job_record& job) {
  if (may_look_up(job))
    lookups_due_.insert(job.born);
  else if (job.lookup)
    lookups_due_.erase(job.born);
}

void cluster::enter_queue(job_record& job, uint32_t index) {
  job.requeued.insert(index);
  if (job.lookup && !job.lookup->missed.contains(index)
      && !job.lookup->joined.contains(index))
    job.lookup->due.insert(index);
}

// -- who is identical --------------------------------------------------------

/// It has a place: all others wait for it.
void cluster::enter_identical(job_record& job, uint32_t index,
                              const cache_key& key) {
  job.keys[index] = key;
  auto& tasks = identical_[key];
  tasks.live.insert({job.born, index});
  for (auto& [born, other] : tasks.waiting) {
    auto& waiting = *jobs_by_birth_.at(born);
    if (auto node = waiting.lookup->missed.extract(other))
      waiting.lookup->joined.insert(std::move(node));
    take_its_place(waiting);
  }
}

void cluster::leave_identical(job_record& job, uint32_t index) {
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

/// A task whose end was wished for may not have done all that it would have.
void cluster::keep_result(const job_record& job, uint32_t index,
                          const task_ended& x) {
  auto& task = job.tasks[index];
  auto& spec = *job.spec_of(task.job_version);
  if (x.state != task_state::succeeded || task.stopping || !is_cached(spec))
    return;
  kept_result kept;
  kept.result = {{job.name, index},
                 x.attempt,
                 task.allocation,
                 node_of(task),
                 now_,
                 task.started_at ? now_ - task.started_at : milliseconds{0}};
  kept.image = spec.image;
  kept.digest = results_.identity_of(spec.image);
  if (!x.image_digest.empty() && pinned_digest(spec.image).empty())
    kept.digest = x.image_digest;
  kept.ttl = spec.cache->ttl;
  kept.used = version_;
  kept.used_at = now_;
  auto key = task_key(work_key(spec), spec, index, kept.digest);
  if (results_.keep(key, std::move(kept), now_) && !folding_)
    moved_images_.insert(spec.image);
}

void cluster::fold(const cache_hit& x) {
  auto& job = *job_called(x.task.job);
  auto index = x.task.index;
  auto& task = materialise(job, index);
  stop_waiting(job, index);
  job.hits[index] = {x.key, x.result, now_, x.joined};
  set_state(job, task, task_state::cached);
  if (auto key = read_cache_key(x.key))
    results_.note_hit(*key, x.joined, version_, now_);
  trim(job);
  refresh(job);
}

void cluster::fold(const cache_invalidated& x) {
  results_.forget(x.which);
}

// -- what must hold ----------------------------------------------------------

std::string cluster::check_lookups(const job_record& job) const {
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
  if (lookups_due_.contains(job.born) != may_look_up(job))
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
