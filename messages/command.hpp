#pragma once

/// Commands: what somebody asks of the cluster. The scheduler decides them, one
/// after another; what follows from them are facts.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <boost/describe/class.hpp>

#include "messages/fact.hpp"
#include "messages/job.hpp"
#include "messages/problem.hpp"
#include "messages/work.hpp"

namespace troupe {

/// Submits jobs, all or none. A job with the name of a living one updates it.
struct submit_jobs {
  std::vector<job_spec_ptr> specs;
  /// The client's Idempotency-Key, if any, a line feed and a digest of what it
  /// sent: the second one changes nothing and is answered like the first. The
  /// same key with something else is refused.
  std::string key;
  bool operator==(const submit_jobs&) const = default;
};

/// Stops the tasks of `job`; with `forget`, its history goes as well.
struct stop_job {
  std::string job;
  bool forget = false;
  bool operator==(const stop_job&) const = default;
};

struct scale_job {
  std::string job;
  uint32_t count = 0;
  bool operator==(const scale_job&) const = default;
};

/// Stops every task of `job` and places it anew.
struct restart_job {
  std::string job;
  bool operator==(const restart_job&) const = default;
};

/// Gives `job` the spec that it had before the present one.
struct rollback_job {
  std::string job;
  bool operator==(const rollback_job&) const = default;
};

struct stop_task {
  task_ref task;
  bool operator==(const stop_task&) const = default;
};

struct restart_task {
  task_ref task;
  bool operator==(const restart_task&) const = default;
};

/// Joins a machine, or tells that it is back. `inventory` is every allocation
/// that it knows; absent when it speaks HTTP and tells by reports alone.
struct join_node {
  node_profile profile;
  std::optional<std::vector<task_report>> inventory;
  bool operator==(const join_node&) const = default;
};

/// Sets what is present; a label with an empty value is removed.
struct change_node {
  std::string node;
  label_set labels;
  std::optional<double> weight;
  std::optional<double> overcommit;
  bool operator==(const change_node&) const = default;
};

struct cordon_node {
  std::string node;
  bool cordoned = true;
  bool operator==(const cordon_node&) const = default;
};

/// Lets everything leave `node`; new work does not go there. What is still there
/// after `patience` is stopped and placed elsewhere.
struct drain_node {
  std::string node;
  milliseconds patience{3'600'000};
  bool operator==(const drain_node&) const = default;
};

struct remove_node {
  std::string node;
  std::string message;
  bool operator==(const remove_node&) const = default;
};

/// Tells that a node's health changed, as its own actor judges.
struct change_node_health {
  std::string node;
  node_state state = node_state::ready;
  bool operator==(const change_node_health&) const = default;
};

/// Tells which drivers of a node do not work now: all of them, and why.
struct note_troubles {
  std::string node;
  std::vector<driver_trouble> troubles;
  bool operator==(const note_troubles&) const = default;
};

/// Tells what became of a node's tasks.
struct take_reports {
  std::string node;
  std::vector<task_report> reports;
  bool operator==(const take_reports&) const = default;
};

struct change_settings {
  std::optional<std::string> strategy;
  std::optional<std::string> queue_order;
  std::optional<std::string> fair_by;
  /// All of them.
  std::optional<std::map<std::string, double>> fair_weights;
  std::optional<double> overcommit;
  /// All of them.
  std::optional<std::map<std::string, int32_t>> priority_classes;
  /// All of them.
  std::optional<std::map<std::string, uint32_t>> concurrency;
  std::optional<std::string> shadow;
  std::optional<uint32_t> cache_entries;
  std::optional<uint32_t> batch_size;
  bool operator==(const change_settings&) const = default;
};

/// Forgets kept results, so that tasks run again.
struct forget_results {
  result_filter which;
  bool operator==(const forget_results&) const = default;
};

/// Tells that this process leads from now on.
struct take_lead {
  std::string leader;
  std::string program_version;
  bool operator==(const take_lead&) const = default;
};

using command
  = std::variant<submit_jobs, stop_job, scale_job, restart_job, rollback_job,
                 stop_task, restart_task, join_node, change_node, cordon_node,
                 drain_node, remove_node, change_node_health, note_troubles,
                 take_reports, change_settings, forget_results, take_lead>;

/// Why a command was refused. Each maps to a status of HTTP and an exit code.
enum class refusal_kind : uint8_t {
  /// The input is wrong: 400, exit 2.
  bad_input,
  /// There is no such thing: 404, exit 3.
  not_found,
  /// It cannot be done as things stand: 409, exit 1.
  conflict,
  /// It is understood, and never right in this place: 422, exit 2.
  unprocessable,
  /// Who asks may not: 403, exit 5.
  forbidden,
  /// A limit is reached, try later: 429, exit 1.
  too_many,
  /// The controller cannot do it now: 503, exit 4.
  unavailable,
  /// The controller cannot write it down: 507, exit 4.
  no_room
};

struct refusal {
  refusal_kind kind = refusal_kind::bad_input;
  /// A sentence that says what is wrong and what to do.
  std::string detail;
  std::vector<problem> problems;
  bool operator==(const refusal&) const = default;
};

/// One job of an accepted submission.
struct submitted_job {
  std::string name;
  uint32_t version = 1;
  uint32_t tasks = 0;
  bool created = true;
  bool operator==(const submitted_job&) const = default;
  BOOST_DESCRIBE_CLASS(submitted_job, (), (name, version, tasks, created), (),
                       ())
};

/// What followed from a command that was accepted.
struct outcome {
  /// Of the journal, once all that followed is in it.
  version_number version = 0;
  /// Of the leader that decided.
  version_number term = 0;
  std::vector<submitted_job> jobs;
  /// Kept results that are gone.
  uint64_t removed = 0;
  bool operator==(const outcome&) const = default;
};

} // namespace troupe
