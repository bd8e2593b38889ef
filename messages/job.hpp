#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/describe/enum.hpp>
#include <boost/json/value.hpp>

#include "messages/expected.hpp"
#include "messages/problem.hpp"
#include "messages/resources.hpp"

namespace troupe {

using std::chrono::milliseconds;

/// `service` is kept running, `batch` runs to exit code 0, `system` runs once
/// on every eligible node.
enum class job_kind : uint8_t { service, batch, system };
BOOST_DESCRIBE_ENUM(job_kind, service, batch, system)

enum class driver_kind : uint8_t { docker, process, simulated };
BOOST_DESCRIBE_ENUM(driver_kind, docker, process, simulated)

/// A label and one value of it.
struct label {
  std::string name;
  std::string value;
  auto operator<=>(const label&) const = default;
  BOOST_DESCRIBE_CLASS(label, (), (name, value), (), ())
};

/// Sorted by name, each name once.
using label_set = std::vector<label>;

/// Hard rule on a node's label: one of `values` must hold, where `x` means
/// "has the value x", `*` "is present" and `!x` "is not x, or is absent".
struct label_requirement {
  std::string name;
  std::vector<std::string> values;
  auto operator<=>(const label_requirement&) const = default;
};

/// Soft rule on a node's label. The weight may be negative (-100..100, not 0).
struct label_preference {
  std::string name;
  std::string value;
  int32_t weight = 100;
  auto operator<=>(const label_preference&) const = default;
};

struct port_request {
  std::string name;
  uint16_t container = 0;
  /// 0: chosen when the task is placed.
  uint16_t host = 0;
  bool operator==(const port_request&) const = default;
};

struct volume_mount {
  std::string host;
  std::string path;
  bool read_only = false;
  bool operator==(const volume_mount&) const = default;
};

enum class check_kind : uint8_t { http, tcp, command };
BOOST_DESCRIBE_ENUM(check_kind, http, tcp, command)

struct health_check {
  check_kind kind = check_kind::tcp;
  /// Of the container (docker) or of the machine (process).
  uint16_t port = 0;
  std::string path = "/";
  std::vector<std::string> command;
  milliseconds interval{10'000};
  milliseconds timeout{2'000};
  uint32_t failures = 3;
  milliseconds grace{0};
  bool operator==(const health_check&) const = default;
};

/// Restarts on the same node: at most `attempts` in any `window`, the first
/// after `delay`, each further after `backoff` times the one before.
struct restart_policy {
  uint32_t attempts = 3;
  milliseconds window{600'000};
  milliseconds delay{1'000};
  double backoff = 2;
  bool operator==(const restart_policy&) const = default;
};

/// Tasks that start together or not at all. `name` is empty when the gang is
/// the job's own tasks; `min` and `max` are 0 when all of them are meant.
struct gang_request {
  std::string name;
  uint32_t min = 0;
  uint32_t max = 0;
  bool operator==(const gang_request&) const = default;
};

enum class job_outcome : uint8_t { succeeded, finished };
BOOST_DESCRIBE_ENUM(job_outcome, succeeded, finished)

/// Waits until `job` has succeeded, or has finished either way.
struct job_dependency {
  std::string job;
  job_outcome outcome = job_outcome::succeeded;
  bool operator==(const job_dependency&) const = default;
};

enum class overlap_rule : uint8_t { skip, queue, replace };
BOOST_DESCRIBE_ENUM(overlap_rule, skip, queue, replace)

struct schedule_rule {
  std::string cron;
  std::string timezone = "UTC";
  overlap_rule overlap = overlap_rule::skip;
  bool operator==(const schedule_rule&) const = default;
};

/// Its results are kept, and results of identical tasks are taken, until they
/// are as old as `ttl`. `inputs` names what else the result follows from.
struct cache_rule {
  milliseconds ttl{24 * 3'600'000};
  std::vector<std::string> inputs;
  bool operator==(const cache_rule&) const = default;
};

struct update_rule {
  uint32_t max_unavailable = 1;
  uint32_t max_surge = 1;
  milliseconds min_healthy{10'000};
  bool rollback = true;
  bool operator==(const update_rule&) const = default;
};

/// What the driver `simulated` does instead of running something.
struct simulation {
  milliseconds duration{0};
  int32_t exit_code = 0;
  bool operator==(const simulation&) const = default;
};

/// A job as a user asked for it, complete: every default is filled in. What has
/// no order of its own is sorted: `env`, `labels` and the like, `requirements`,
/// `ports` by name, `after` by job, `preferences` by all they say.
struct job_spec {
  std::string name;
  job_kind kind = job_kind::batch;
  driver_kind driver = driver_kind::process;
  std::string image;
  std::vector<std::string> command;
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;
  std::string workdir;
  std::string user;
  /// What each task reserves.
  resources request{100, 64 << 20, 0, {}};
  /// Burst ceilings; 0 is none for cpu, `request.memory_bytes` for memory.
  int64_t cpu_limit_millicores = 0;
  int64_t memory_limit_bytes = 0;
  uint32_t count = 1;
  int32_t priority = 0;
  std::string priority_class;
  /// Empty: the cluster's default.
  std::string strategy;
  label_set labels;
  std::vector<label_requirement> requirements;
  std::vector<label_preference> preferences;
  label_set avoid_colocating;
  label_set colocate_with;
  /// Names of node labels.
  std::vector<std::string> spread_by;
  bool exclusive = false;
  std::optional<gang_request> gang;
  std::optional<health_check> health;
  restart_policy restart{};
  /// Runs of a failed or timed-out batch task after the first.
  uint32_t retries = 0;
  /// 0: none.
  milliseconds timeout{0};
  milliseconds expected_runtime{0};
  std::string stop_signal = "SIGTERM";
  milliseconds stop_grace{10'000};
  /// How long a task of an unhealthy node is waited for; absent: not at all.
  std::optional<milliseconds> replace_after;
  std::vector<job_dependency> after;
  std::optional<schedule_rule> schedule;
  std::optional<cache_rule> cache;
  std::vector<port_request> ports;
  std::vector<volume_mount> volumes;
  update_rule update;
  /// `default`: whoever serves `strategy`.
  std::string scheduler = "default";
  simulation simulate;

  bool operator==(const job_spec&) const = default;
};

/// Shared by the job, its facts and its tasks' work; never changed.
using job_spec_ptr = std::shared_ptr<const job_spec>;

/// Reads one job from `x`, as the reference in `messages/README.md` gives it:
/// alternative forms are accepted, defaults filled in. A missing name becomes a
/// stem of the image or program, such as `nginx` or `sh`, of at most 50 bytes:
/// whoever submits the job makes it unique.
/// Errors: every one of the document at once, each with its JSON pointer below
/// `at` (empty for the whole document). Unknown keys are errors that name the
/// nearest known key.
[[nodiscard]] expected<job_spec, std::vector<problem>>
read_job(const boost::json::value& x, std::string_view at = {});

/// Reads one job, or an array of jobs, or `{"jobs": [..]}`. All or none, in their
/// order. A name given twice is an error; made names are told apart, `nginx-2`.
[[nodiscard]] expected<std::vector<job_spec>, std::vector<problem>>
read_jobs(const boost::json::value& x);

/// Writes `x` so that `read_job` gives it back: numbers in base units, durations
/// as text such as `"10s"`, keys with default values left out.
[[nodiscard]] boost::json::value write_job(const job_spec& x);

/// Reads a job that a journal or a wire holds: written by `write_job` of this or
/// another version. Unknown keys are ignored, missing ones have defaults.
[[nodiscard]] expected<job_spec, std::string>
read_stored_job(const boost::json::value& x);

} // namespace troupe
