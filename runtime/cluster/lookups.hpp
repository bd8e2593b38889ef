#pragma once

/// Which waiting tasks are looked up among results that are kept, and who waits
/// for whom of those that are identical.
///
///   fresh, due --note_missing--> missed: it waits for a place
///                                joined: it waits for one that runs now
///   missed --start, of an identical one--> joined
///   joined --miss--> missed: the one that it waited for ended otherwise
///
/// Nothing of this is in facts: whoever takes over finds it out anew. Of an array
/// only the next tasks are looked up, so that one of a million is no million
/// records.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/cluster/records.hpp"

namespace troupe::runtime {

class lookups {
public:
  /// [task] Its job.
  using tasks = std::map<task_number, job_record*>;

  /// Of each job, at most `ahead_max` tasks have been looked up and wait.
  explicit lookups(uint32_t ahead_max) : ahead_max_(ahead_max) {
    // nop
  }

  // -- what is to be looked up -----------------------------------------------

  /// Makes the record of `job` anew, as if nothing had been looked up.
  void begin(job_record& job);
  /// Nothing of `job` waits any more.
  void clear(job_record& job);
  /// Task `index` waits.
  void add(job_record& job, uint32_t index);
  /// It does not any longer.
  void forget(job_record& job, uint32_t index);

  /// Whether there is a task of `job` to look up now.
  [[nodiscard]] bool may_look_up(const job_record& job) const;
  /// Lists `job` among those with lookups to make, if it has, and only then.
  void list(job_record& job);
  /// The first job with lookups to make; null if there is none.
  [[nodiscard]] job_record* due() const {
    return due_.empty() ? nullptr : due_.begin()->second;
  }
  /// The next task of `job` to look up. REQUIRES: `may_look_up(job)`.
  [[nodiscard]] static uint32_t take(job_record& job);

  // -- who is identical ------------------------------------------------------

  /// There is no result for task `index`, which waits: it runs, or joins who
  /// does.
  void note_missing(job_record& job, uint32_t index, const cache_key& key);
  /// It has a place: all others wait for it. Returns their jobs, by birth.
  [[nodiscard]] std::vector<job_record*>
  start(job_record& job, uint32_t index, const cache_key& key);
  /// It holds no place any more.
  void end(job_record& job, uint32_t index);
  /// Task `index`, which waited for another, needs a place of its own.
  static void miss(job_record& job, uint32_t index);

  /// A task that is identical to those of `key` and holds a place.
  [[nodiscard]] std::optional<task_ref> who_runs(const cache_key& key) const;
  /// Those that wait by `key`, if nobody runs.
  [[nodiscard]] tasks left_alone(const cache_key& key) const;
  /// Keys since the last call that nobody runs any more and somebody waits by.
  [[nodiscard]] std::set<cache_key> take_landed() {
    return std::exchange(landed_, {});
  }

  /// Notes that `image` has another digest than results of it so far.
  void note_moved(const std::string& image) { moved_.insert(image); }
  [[nodiscard]] std::set<std::string> take_moved() {
    return std::exchange(moved_, {});
  }

  // -- what must hold --------------------------------------------------------

  /// Tasks that run or wait by some key.
  [[nodiscard]] size_t size() const;
  /// What is wrong with what is known of `job`; empty if all is well.
  [[nodiscard]] std::string check(const job_record& job) const;

private:
  struct identical {
    tasks live;
    tasks waiting;
  };
  void stop_waiting(const cache_key& key, task_number x);

  uint32_t ahead_max_;
  /// [birth] Jobs with lookups to make.
  std::map<version_number, job_record*> due_;
  /// Of each key somebody runs or waits.
  std::map<cache_key, identical> identical_;
  std::set<cache_key> landed_;
  std::set<std::string> moved_;
};

} // namespace troupe::runtime
