#pragma once

/// What came of a rehearsal, in figures. Members become keys of JSON and are only
/// ever added.

#include <cstdint>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

#include "messages/ids.hpp"
#include "messages/plan.hpp"
#include "messages/state.hpp"

namespace troupe::runtime::rehearsal {

/// How long tasks waited for their first place since they could have had one:
/// since they were submitted, and since the last job that they waited for ended.
struct wait_figures {
  /// That got a place.
  uint64_t tasks = 0;
  double mean = 0;
  double p50 = 0;
  double p95 = 0;
  double p99 = 0;
  double max = 0;
  bool operator==(const wait_figures&) const = default;
  BOOST_DESCRIBE_CLASS(wait_figures, (), (tasks, mean, p50, p95, p99, max), (),
                       ())
};

/// How much of a resource was reserved, as fractions of what nodes have. Each
/// node that has some counts alike, and each moment since the first submission.
struct use_figures {
  double mean = 0;
  /// How far nodes differ at one moment, on average.
  double stddev_over_nodes = 0;
  /// How far the mean of all nodes differs over time.
  double stddev_over_time = 0;
  /// Of the mean of all nodes.
  double max = 0;
  bool operator==(const use_figures&) const = default;
  BOOST_DESCRIBE_CLASS(use_figures, (),
                       (mean, stddev_over_nodes, stddev_over_time, max), (), ())
};

struct use_of_all {
  use_figures cpu;
  use_figures memory;
  use_figures gpu;
  bool operator==(const use_of_all&) const = default;
  BOOST_DESCRIBE_CLASS(use_of_all, (), (cpu, memory, gpu), (), ())
};

/// Tasks by what they were at the end.
struct task_figures {
  uint64_t succeeded = 0;
  uint64_t failed = 0;
  uint64_t stopped = 0;
  uint64_t cached = 0;
  uint64_t lost = 0;
  /// Those that have a place.
  uint64_t running = 0;
  /// Those that wait for one.
  uint64_t pending = 0;
  bool operator==(const task_figures&) const = default;
  BOOST_DESCRIBE_CLASS(task_figures, (),
                       (succeeded, failed, stopped, cached, lost, running,
                        pending),
                       (), ())
};

struct gang_figures {
  uint64_t reserved = 0;
  uint64_t committed = 0;
  uint64_t released = 0;
  uint64_t broken = 0;
  bool operator==(const gang_figures&) const = default;
  BOOST_DESCRIBE_CLASS(gang_figures, (),
                       (reserved, committed, released, broken), (), ())
};

struct figures {
  task_figures tasks;
  uint64_t placements = 0;
  uint64_t preemptions = 0;
  gang_figures gangs;
  /// From the first submission to the last end of a task, or to the end of the
  /// rehearsal if some had not ended.
  double makespan_seconds = 0;
  wait_figures wait_seconds;
  use_of_all use;
  bool operator==(const figures&) const = default;
  BOOST_DESCRIBE_CLASS(figures, (),
                       (tasks, placements, preemptions, gangs, makespan_seconds,
                        wait_seconds, use),
                       (), ())
};

} // namespace troupe::runtime::rehearsal
