#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace troupe::runtime {

/// A run as far as its memory goes, in bytes.
struct memory_run {
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
  /// It is being ended.
  bool ending = false;
  /// Rounds since its ceiling was brought down to its request; 0: it was not.
  int squeezed = 0;
};

/// Decides from measurements how much memory runs may burst to.
///
///   calm     a fifth and more is free: what was taken is given back, in steps
///   tight    less than a tenth: bursts of the lowest priority grow no more
///   critical less than a twentieth: their ceilings come down to their requests;
///            whoever is still above it two rounds later is ended
///
/// What is in use cannot be taken back in steps, as processor time can: the
/// kernel either finds pages that nobody needs, or the run has to go.
class memory_pressure {
public:
  /// @param capacity  what the runs may use together, in bytes.
  explicit memory_pressure(int64_t capacity);

  /// Moves the ceilings of `runs`. Younger runs stand behind older ones, and go
  /// first among equals.
  /// @param available  what the whole machine has left; absent: nobody knows.
  /// @returns which of them is to be ended.
  [[nodiscard]] std::optional<size_t>
  take(std::vector<memory_run>& runs, std::optional<int64_t> available);

  [[nodiscard]] int64_t used() const { return used_; }
  /// What is left for the runs, at the last round.
  [[nodiscard]] int64_t left() const { return left_; }
  /// Whether there is little left.
  [[nodiscard]] bool is_close() const;

private:
  void stop_growth(std::vector<memory_run>& runs) const;
  void squeeze(std::vector<memory_run>& runs) const;
  [[nodiscard]] std::optional<size_t>
  choose_victim(const std::vector<memory_run>& runs);
  void raise(std::vector<memory_run>& runs) const;

  int64_t capacity_;
  int64_t used_ = 0;
  int64_t left_ = 0;
  /// What the rules go by.
  int64_t room_ = 0;
  int calm_ = 0;
  int critical_ = 0;
  /// Rounds that the last victim may still take to go.
  int patience_ = 0;
};

} // namespace troupe::runtime
