#pragma once

#include <map>
#include <optional>
#include <vector>

#include "messages/work.hpp"

#include "runtime/outbox.hpp"

namespace troupe::runtime {

/// What a machine knows of the allocations it was given: which to start or stop,
/// what has become of each, and what the controller has not yet acknowledged.
///
/// An allocation is known from the moment it is accepted until the controller
/// says that its end is in the journal. So a start that is heard twice, also
/// after a restart of this process, starts nothing twice.
class agent {
public:
  /// What follows from a message, in order.
  struct steps {
    std::vector<work_item> start;
    std::vector<allocation_id> stop;
    std::vector<allocation_id> forget;
  };

  agent();

  /// Takes an allocation over from an earlier life of this process.
  void adopt(work_item item, task_report last);

  /// Takes work in the order of its sequence.
  [[nodiscard]] steps take(const std::vector<work_item>& items);

  /// Notes what became of an allocation, and puts it into the outbox.
  void note(task_report report);

  /// Everything known here, for a hello. What is in the outbox is said by it, so
  /// the outbox starts empty with the new connection.
  [[nodiscard]] std::vector<task_report> join();

  [[nodiscard]] std::vector<task_report> reports_to_send();
  void acknowledge(uint64_t sequence) { reports_.acknowledge(sequence); }

  [[nodiscard]] const work_item* find(allocation_id x) const;
  [[nodiscard]] size_t size() const { return known_.size(); }
  /// Allocations that have not ended.
  [[nodiscard]] size_t live() const;

private:
  struct entry {
    work_item item;
    task_report last;
  };
  std::map<allocation_id, entry> known_;
  outbox<task_report> reports_;
};

} // namespace troupe::runtime
