#pragma once

/// The lines of JSON that a snapshot consists of, each one object with one member:
/// its kind. Who writes them is `cluster::save`, who reads them `cluster::restore`.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/command.hpp"
#include "messages/expected.hpp"
#include "messages/fact.hpp"
#include "messages/json.hpp"

#include "runtime/cluster/records.hpp"

namespace troupe::runtime::image {

/// Raised when an older program can no longer read what this one writes.
inline constexpr int64_t image_format = 1;

/// Tasks in one line.
inline constexpr size_t slice_max = 4'096;

struct head_image {
  int64_t format = image_format;
  version_number version = 0;
  version_number term = 0;
  int64_t now = 0;
  settings config;
  std::vector<std::string> names;
  timestamp mending_since;
  std::map<std::string, int64_t, std::less<>> use;
  int64_t use_halved = 0;
  bool operator==(const head_image&) const = default;
  BOOST_DESCRIBE_CLASS(head_image, (),
                       (format, version, term, now, config, names,
                        mending_since, use, use_halved),
                       (), ())
};

struct failing_image {
  std::string job;
  timestamp at;
  bool operator==(const failing_image&) const = default;
  BOOST_DESCRIBE_CLASS(failing_image, (), (job, at), (), ())
};

struct node_image {
  node_profile profile;
  uint32_t row = 0;
  node_state state = node_state::ready;
  node_eligibility eligibility = node_eligibility::eligible;
  label_set labels;
  double weight = 1;
  std::optional<double> overcommit;
  int64_t joined_at = 0;
  uint16_t last_port = 0;
  timestamp unhealthy_at;
  timestamp gave_up_at;
  timestamp drain_deadline;
  bool quarantined = false;
  std::string quarantine_message;
  timestamp quarantined_at;
  timestamp probe_at;
  uint32_t failed_probes = 0;
  std::vector<failing_image> failing;
  std::vector<std::string> troubled;
  std::string trouble;
  bool operator==(const node_image&) const = default;
  BOOST_DESCRIBE_CLASS(node_image, (),
                       (profile, row, state, eligibility, labels, weight,
                        overcommit, joined_at, last_port, unhealthy_at,
                        gave_up_at, drain_deadline, quarantined,
                        quarantine_message, quarantined_at, probe_at,
                        failed_probes, failing, troubled, trouble),
                       (), ())
};

struct gang_image {
  std::string name;
  gang_state state = gang_state::waiting;
  version_number reservation = 0;
  int64_t until = 0;
  uint32_t needs = 0;
  bool operator==(const gang_image&) const = default;
  BOOST_DESCRIBE_CLASS(gang_image, (), (name, state, reservation, until, needs),
                       (), ())
};

struct class_image {
  uint32_t job_version = 0;
  job_spec_ptr spec;
  bool operator==(const class_image&) const = default;
  BOOST_DESCRIBE_CLASS(class_image, (), (job_version, spec), (), ())
};

struct extra_image {
  uint32_t index = 0;
  std::string message;
  std::vector<uint16_t> gpus;
  std::vector<uint16_t> ports;
  std::vector<attempt_record> past;
  /// Name of the node that it avoids.
  std::string avoid;
  std::string receipt;
  bool operator==(const extra_image&) const = default;
  BOOST_DESCRIBE_CLASS(extra_image, (),
                       (index, message, gpus, ports, past, avoid, receipt), (),
                       ())
};

struct hold_image {
  uint32_t index = 0;
  uint32_t node = 0;
  std::vector<uint16_t> gpus;
  std::vector<uint16_t> ports;
  std::vector<allocation_id> awaits;
  std::vector<task_ref> victims;
  reason why = reason::none;
  int64_t until = 0;
  bool gang = false;
  bool operator==(const hold_image&) const = default;
  BOOST_DESCRIBE_CLASS(hold_image, (),
                       (index, node, gpus, ports, awaits, victims, why, until,
                        gang),
                       (), ())
};

struct schedule_image {
  int64_t ticked_at = 0;
  std::optional<tick_outcome> outcome;
  int64_t run_of = 0;
  int64_t began_at = 0;
  int64_t queued_at = 0;
  bool asleep = true;
  bool operator==(const schedule_image&) const = default;
  BOOST_DESCRIBE_CLASS(schedule_image, (),
                       (ticked_at, outcome, run_of, began_at, queued_at,
                        asleep),
                       (), ())
};

struct member_image {
  /// Number of the node's name.
  uint32_t node = 0;
  uint32_t index = 0;
  bool present = true;
  bool operator==(const member_image&) const = default;
  BOOST_DESCRIBE_CLASS(member_image, (), (node, index, present), (), ())
};

struct hit_image {
  uint32_t index = 0;
  hit_record hit;
  bool operator==(const hit_image&) const = default;
  BOOST_DESCRIBE_CLASS(hit_image, (), (index, hit), (), ())
};

struct job_image {
  std::string name;
  job_spec_ptr spec;
  version_number born = 0;
  uint32_t job_version = 1;
  uint32_t count = 0;
  bool stopped = false;
  bool forget = false;
  int64_t submitted_at = 0;
  version_number finished_at = 0;
  uint32_t finished_tasks = 0;
  /// How many tasks follow in lines of their own.
  uint64_t tasks = 0;
  /// Requests of older versions that tasks still hold.
  std::vector<class_image> older;
  std::vector<extra_image> extras;
  std::vector<std::string> awaited;
  uint32_t extra = 0;
  uint32_t settled_version = 0;
  uint32_t rolled_back_to = 0;
  std::vector<past_spec> past_specs;
  std::vector<hold_image> holds;
  std::optional<schedule_image> schedule;
  std::vector<member_image> members;
  std::vector<hit_image> hits;
  bool operator==(const job_image&) const = default;
  BOOST_DESCRIBE_CLASS(job_image, (),
                       (name, spec, born, job_version, count, stopped, forget,
                        submitted_at, finished_at, finished_tasks, tasks, older,
                        extras, awaited, extra, settled_version, rolled_back_to,
                        past_specs, holds, schedule, members, hits),
                       (), ())
};

/// Tasks of one job, in the order of their indices.
struct slice_image {
  std::string job;
  std::vector<json::value> rows;
  bool operator==(const slice_image&) const = default;
  BOOST_DESCRIBE_CLASS(slice_image, (), (job, rows), (), ())
};

struct key_image {
  std::string key;
  std::vector<submitted_job> jobs;
  bool operator==(const key_image&) const = default;
  BOOST_DESCRIBE_CLASS(key_image, (), (key, jobs), (), ())
};

/// A task as a row of numbers, in the order of `task_record`.
[[nodiscard]] json::array row_of_task(const task_record& x);
[[nodiscard]] expected<task_record, std::string>
task_of_row(const json::value& x);

} // namespace troupe::runtime::image
