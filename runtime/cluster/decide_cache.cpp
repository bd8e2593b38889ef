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
#include "runtime/cluster/job_upkeep.hpp"

namespace troupe::runtime {

// -- what users ask ----------------------------------------------------------

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

// -- lookups -----------------------------------------------------------------

bool cluster::give_results(uint32_t& left) {
  auto before = version_;
  hear_ends_of_identical();
  for (auto* job = lookups_.due(); left > 0 && job != nullptr;
       job = lookups_.due()) {
    recorder_.stir();
    for (; left > 0 && lookups_.may_look_up(*job); --left)
      look_up(*job);
    take_its_place(*job);
    lookups_.list(*job);
  }
  return version_ != before;
}

/// Those that waited for a task that has ended get its result, or run.
void cluster::hear_ends_of_identical() {
  for (auto& key : lookups_.take_landed())
    for (auto& [number, job] : lookups_.left_alone(key)) {
      auto index = number.second;
      auto now_known = *cache_key_of(*job, index);
      if (auto* found = results_.find(now_known, job->spec->cache->ttl, now_)) {
        give_result(*job, index, now_known, *found);
        continue;
      }
      lookups_.miss(*job, index);
      take_its_place(*job);
    }
  auto moved = lookups_.take_moved();
  if (moved.empty())
    return;
  for (auto& [name, job] : jobs_)
    if (job.lookup && moved.contains(job.spec->image)) {
      lookups_.begin(job);
      take_its_place(job);
      lookups_.list(job);
    }
}

/// Looks up one task. REQUIRES: `lookups_.may_look_up(job)`.
void cluster::look_up(job_record& job) {
  auto index = lookups_.take(job);
  auto key = task_key(job.lookup->work, *job.spec, index,
                      results_.identity_of(job.spec->image));
  if (auto* found = results_.find(key, job.spec->cache->ttl, now_))
    return give_result(job, index, key, *found);
  lookups_.note_missing(job, index, key);
}

void cluster::give_result(const job_record& job, uint32_t index,
                          const cache_key& key, const kept_result& x) {
  auto joined = job.lookup && job.lookup->joined.contains(index);
  say(cache_hit{{job.name, index}, to_string(key), x.result, joined});
}

void cluster::enter_queue(job_record& job, uint32_t index) {
  job.requeued.insert(index);
  lookups_.add(job, index);
}

// -- who is identical --------------------------------------------------------

/// It has a place: all others wait for it.
void cluster::enter_identical(job_record& job, uint32_t index,
                              const cache_key& key) {
  for (auto* other : lookups_.start(job, index, key))
    take_its_place(*other);
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
    lookups_.note_moved(spec.image);
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

} // namespace troupe::runtime
