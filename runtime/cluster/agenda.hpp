#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "runtime/cluster/records.hpp"

namespace troupe::runtime {

/// What is due when: in order of time, and of `Key` among what is due at once.
template <class Key>
class timetable {
public:
  void add(timestamp at, Key x) { entries_.insert({at, std::move(x)}); }
  void remove(timestamp at, const Key& x) { entries_.erase({at, x}); }

  [[nodiscard]] bool contains(timestamp at, const Key& x) const {
    return entries_.contains({at, x});
  }
  [[nodiscard]] size_t size() const { return entries_.size(); }
  [[nodiscard]] std::optional<timestamp> next() const {
    return entries_.empty() ? std::nullopt
                            : std::optional{entries_.begin()->first};
  }
  /// The first, if it is due by `now`.
  [[nodiscard]] std::optional<Key> due(timestamp now) const {
    if (entries_.empty() || entries_.begin()->first > now)
      return std::nullopt;
    return entries_.begin()->second;
  }

private:
  std::set<std::pair<timestamp, Key>> entries_;
};

/// Everything that time brings, but for tries of what waits. Whoever is listed
/// here has the time in its record, if it has one: both change together.
class agenda {
public:
  /// When something is due next.
  [[nodiscard]] std::optional<timestamp> next() const;

  // -- jobs and nodes that are looked at --------------------------------------

  /// Sees to it that `x` is looked at at `at`, or before.
  void visit(job_record& x, timestamp at);
  void visit(node_record& x, timestamp at);
  void forget_visit(job_record& x);
  void forget_visit(node_record& x);
  /// A job, by birth, that is to be looked at by `now`.
  [[nodiscard]] std::optional<version_number> job_due(timestamp now) const {
    return jobs_.due(now);
  }
  /// A node, by name.
  [[nodiscard]] std::optional<std::string> node_due(timestamp now) const {
    return nodes_.due(now);
  }

  // -- tasks that wait for a time ---------------------------------------------

  void delay(job_record& job, uint32_t index, timestamp until);
  void forget_delay(job_record& job, uint32_t index);
  /// Takes a task from the list whose delay is over. Its record is left as it is,
  /// since only facts change what is remembered.
  [[nodiscard]] std::optional<task_number> take_delayed(timestamp now);
  [[nodiscard]] bool is_delayed(const job_record& job, uint32_t index) const {
    return delays_.contains(job.tasks[index].not_before, {job.born, index});
  }
  [[nodiscard]] size_t delays() const { return delays_.size(); }

  // -- kept places that are given up ------------------------------------------

  void end_hold(task_number x, timestamp at) { holds_.add(at, x); }
  void forget_hold(task_number x, timestamp at) { holds_.remove(at, x); }
  [[nodiscard]] std::optional<task_number> hold_due(timestamp now) const {
    return holds_.due(now);
  }
  [[nodiscard]] bool ends_hold(task_number x, timestamp at) const {
    return holds_.contains(at, x);
  }
  [[nodiscard]] size_t holds() const { return holds_.size(); }

  // -- gangs that are looked at -----------------------------------------------

  void visit(gang_record& x, timestamp at);
  void forget_visit(gang_record& x);
  /// A gang, by name.
  [[nodiscard]] std::optional<std::string> gang_due(timestamp now) const {
    return gangs_.due(now);
  }

  // -- ticks of schedules -----------------------------------------------------

  /// Lists the next tick of `x`, if it has one.
  void await_tick(const job_record& x);
  void forget_tick(job_record& x);
  /// A job, by birth.
  [[nodiscard]] std::optional<version_number> tick_due(timestamp now) const {
    return ticks_.due(now);
  }
  [[nodiscard]] bool awaits_tick(const job_record& x) const {
    return ticks_.contains(x.schedule->next_tick, x.born);
  }
  [[nodiscard]] size_t ticks() const { return ticks_.size(); }

private:
  timetable<version_number> jobs_;
  timetable<std::string> nodes_;
  timetable<task_number> delays_;
  timetable<task_number> holds_;
  timetable<std::string> gangs_;
  timetable<version_number> ticks_;
};

} // namespace troupe::runtime
