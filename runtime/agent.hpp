#pragma once

#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "messages/driver.hpp"
#include "messages/work.hpp"

#include "runtime/outbox.hpp"

namespace troupe::runtime {

/// What a machine knows of the allocations it was given: which to start or stop,
/// what has become of each, and what the controller has not yet acknowledged.
///
/// An allocation is known from the moment it is accepted until the controller
/// says that its end is in the journal. So a start that is heard twice, also
/// after a restart of this process, starts nothing twice.
///
/// A task that is restarted here has more than one end to tell. Each is told
/// until it is acknowledged, with every hello and as a report of its own after
/// it: the controller knows by the attempt what it has heard.
class agent {
public:
  /// What follows from a message, in order.
  struct steps {
    std::vector<work_item> start;
    std::vector<allocation_id> stop;
    std::vector<run_id> forget;
  };

  agent();

  /// Ends of one allocation that are not acknowledged and yet remembered. Of more
  /// the oldest are dropped: the controller notices by the number of the next.
  static constexpr size_t ends_max = 64;

  /// Takes an allocation over from an earlier life of this process.
  void adopt(work_item item, run_progress so_far, task_report last);

  /// Takes work in the order of its sequence.
  [[nodiscard]] steps take(const std::vector<work_item>& items);

  /// Notes that an allocation is to end for good. Returns its progress, to be
  /// written down before anybody carries that out; nothing if it has ended.
  [[nodiscard]] std::optional<run_progress>
  want_stop(allocation_id x, reason why, std::string message);

  /// Notes what the burst of a run is held to. Returns its progress, to be written
  /// down before anybody carries that out: a later life must not leave a task held
  /// back for ever. Nothing if the run is not the present one.
  [[nodiscard]] std::optional<run_progress>
  hold_burst(const run_id& run, run_limits to);

  /// Notes that a driver has a run from an earlier life, whatever is on disk of
  /// it.
  void find_run(const run_event& x);

  /// Notes what became of an allocation, and puts it into the outbox. Returns
  /// its progress if that has changed and is to be written down.
  [[nodiscard]] std::optional<run_progress> note(task_report report);

  /// Everything known here, for a hello. What is in the outbox is said by it, so
  /// the outbox starts empty with the new connection.
  [[nodiscard]] std::vector<task_report> join();

  [[nodiscard]] std::vector<task_report> reports_to_send();
  void acknowledge(uint64_t sequence);

  [[nodiscard]] const work_item* find(allocation_id x) const;
  /// REQUIRES: `x` is known.
  [[nodiscard]] const run_progress& progress(allocation_id x) const;
  /// Its present run; attempt 0 if it is not known here.
  [[nodiscard]] run_id run(allocation_id x) const;
  [[nodiscard]] size_t size() const { return known_.size(); }
  /// Allocations that have not ended.
  [[nodiscard]] size_t live() const;

private:
  struct entry {
    work_item item;
    run_progress progress;
    task_report last;
  };
  void tell_end(const task_report& x);

  std::map<allocation_id, entry> known_;
  outbox<task_report> reports_;
  /// Ends in the outbox that are followed by a restart, by their sequence.
  std::map<uint64_t, run_id> ends_;
  /// What was said to have stopped before its start was heard: a start that comes
  /// late must not begin what has ended for the controller.
  std::map<allocation_id, task_report> refused_;
};

} // namespace troupe::runtime
