#pragma once

/// Questions: what somebody asks about the cluster. They change nothing, and are
/// answered with views.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <boost/describe/class.hpp>

#include "messages/ids.hpp"
#include "messages/job.hpp"
#include "messages/result.hpp"
#include "messages/state.hpp"

namespace troupe {

/// Items of a list if nobody says how many, and at most.
constexpr uint32_t list_limit_default = 100;
constexpr uint32_t list_limit_max = 10'000;

/// Rule on a label: `value` as in a job's `requires`, so `x` means "has the
/// value x", `*` "is present" and `!x` "is not x, or is absent".
struct label_filter {
  std::string name = {};
  std::string value = "*";
  bool operator==(const label_filter&) const = default;
  BOOST_DESCRIBE_CLASS(label_filter, (), (name, value), (), ())
};

// Filters of a list hold together. An empty one does not filter; one with
// several values wants any of them. `cursor` is what the list said as
// `nextCursor`, empty for the first page.

struct list_jobs {
  std::vector<job_kind> kinds = {};
  std::vector<job_state> states = {};
  std::vector<label_filter> labels = {};
  uint32_t limit = list_limit_default;
  std::string cursor = {};
  bool operator==(const list_jobs&) const = default;
  BOOST_DESCRIBE_CLASS(list_jobs, (), (kinds, states, labels, limit, cursor),
                       (), ())
};

struct get_job {
  std::string job = {};
  bool operator==(const get_job&) const = default;
  BOOST_DESCRIBE_CLASS(get_job, (), (job), (), ())
};

struct list_tasks {
  std::vector<task_state> states = {};
  std::string job = {};
  std::string node = {};
  /// On the labels of the task's job.
  std::vector<label_filter> labels = {};
  uint32_t limit = list_limit_default;
  std::string cursor = {};
  bool operator==(const list_tasks&) const = default;
  BOOST_DESCRIBE_CLASS(list_tasks, (),
                       (states, job, node, labels, limit, cursor), (), ())
};

struct get_task {
  task_ref task;
  bool operator==(const get_task&) const = default;
  BOOST_DESCRIBE_CLASS(get_task, (), (task), (), ())
};

struct list_nodes {
  std::vector<node_state> states = {};
  std::vector<label_filter> labels = {};
  uint32_t limit = list_limit_default;
  std::string cursor = {};
  bool operator==(const list_nodes&) const = default;
  BOOST_DESCRIBE_CLASS(list_nodes, (), (states, labels, limit, cursor), (), ())
};

struct get_node {
  std::string node = {};
  bool operator==(const get_node&) const = default;
  BOOST_DESCRIBE_CLASS(get_node, (), (node), (), ())
};

/// Asks what waits, in the order in which it would be placed.
struct list_queue {
  uint32_t limit = list_limit_default;
  std::string cursor = {};
  bool operator==(const list_queue&) const = default;
  BOOST_DESCRIBE_CLASS(list_queue, (), (limit, cursor), (), ())
};

struct list_gangs {
  uint32_t limit = list_limit_default;
  std::string cursor = {};
  bool operator==(const list_gangs&) const = default;
  BOOST_DESCRIBE_CLASS(list_gangs, (), (limit, cursor), (), ())
};

/// Asks for kept results.
struct list_results {
  result_filter which = {};
  uint32_t limit = list_limit_default;
  std::string cursor = {};
  bool operator==(const list_results&) const = default;
  BOOST_DESCRIBE_CLASS(list_results, (), (which, limit, cursor), (), ())
};

struct get_cluster {
  bool operator==(const get_cluster&) const = default;
  BOOST_DESCRIBE_CLASS(get_cluster, (), (), (), ())
};

struct list_policies {
  bool operator==(const list_policies&) const = default;
  BOOST_DESCRIBE_CLASS(list_policies, (), (), (), ())
};

/// Asks which tasks are on which nodes, all of them, in short.
struct get_map {
  bool operator==(const get_map&) const = default;
  BOOST_DESCRIBE_CLASS(get_map, (), (), (), ())
};

/// Asks how much of each node is reserved and used, in percent, in short.
struct get_usage {
  bool operator==(const get_usage&) const = default;
  BOOST_DESCRIBE_CLASS(get_usage, (), (), (), ())
};

/// Asks why something is as it is. Exactly one of the three is named.
struct get_why {
  std::optional<task_ref> task = {};
  std::string job = {};
  std::string node = {};
  bool operator==(const get_why&) const = default;
  BOOST_DESCRIBE_CLASS(get_why, (), (task, job, node), (), ())
};

using query
  = std::variant<list_jobs, get_job, list_tasks, get_task, list_nodes, get_node,
                 list_queue, list_gangs, list_results, get_cluster,
                 list_policies, get_map, get_usage, get_why>;

} // namespace troupe
