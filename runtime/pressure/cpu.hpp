#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace troupe::runtime {

/// A run as far as its processor time goes, in millicores.
struct cpu_run {
  int32_t priority = 0;
  /// It is never held below.
  int64_t request = 0;
  /// What its job says.
  int64_t limit = 0;
  /// What it may use now: `limit` unless it is held back.
  int64_t ceiling = 0;
  int64_t used = 0;
  /// Whether its ceiling can be moved now.
  bool movable = true;
};

/// Decides from measurements how much processor time runs may burst to.
///
///   calm    -> pressed  [take]  somebody who bursts must give way
///   pressed -> calm     [take]  nobody must any more
///
/// Who bursts must give way to tasks of a higher priority that could use what it
/// takes, while there is nearly nothing left; and to nobody in particular while
/// all together use more than the machine is declared to have. Among equals that
/// is not needed: the kernel shares out by request.
///
/// A second round in the same state takes bursts, or gives back what was taken:
/// a quarter of the machine at once one way, at most an eighth the other way, and
/// never so much that it would have to be taken again.
class cpu_pressure {
public:
  /// @param capacity  what the runs may use together, in millicores.
  explicit cpu_pressure(int64_t capacity);

  /// Moves the ceilings of `runs`. Younger runs stand behind older ones, and go
  /// first among equals.
  /// @param idle  what the whole machine has left; absent: nobody knows.
  void take(std::vector<cpu_run>& runs, std::optional<int64_t> idle);

  [[nodiscard]] int64_t used() const { return used_; }
  /// What the runs could have had together, at the last round.
  [[nodiscard]] int64_t there() const { return there_; }
  /// Whether there is little left.
  [[nodiscard]] bool is_close() const;

private:
  [[nodiscard]] bool
  must_give_way(const cpu_run& x, const std::vector<cpu_run>& runs) const;
  void lower(std::vector<cpu_run>& runs) const;
  void raise(std::vector<cpu_run>& runs) const;

  int64_t capacity_;
  int64_t used_ = 0;
  int64_t there_ = 0;
  /// The machine could give more than it is declared to have.
  bool is_bounded_ = false;
  int pressed_ = 0;
  int calm_ = 0;
};

} // namespace troupe::runtime
