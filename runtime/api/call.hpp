#pragma once

/// What a request asks for, once everything about it that needs no state has
/// been checked.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "messages/command.hpp"
#include "messages/ids.hpp"
#include "messages/plan.hpp"
#include "messages/query.hpp"
#include "messages/work.hpp"

namespace troupe::runtime::api {

/// How the outcome of a command is told.
enum class telling : uint8_t {
  /// 201 with `Location` if a job is new, else 200; the jobs.
  submission,
  /// 201 with `Location` of the node.
  registration,
  /// 200: it has been done.
  done,
  /// 202: it has been decided, and takes time.
  accepted,
  /// 200: how many are gone.
  removal
};

/// For the scheduler to decide. With `dry_run` it answers as it would, and
/// nothing happens.
struct command_call {
  command what;
  bool dry_run = false;
  telling how = telling::done;
};

/// Changes settings: those of the cluster, and the log level of this process.
struct settings_call {
  change_settings what;
  std::optional<std::string> log_level;
  bool dry_run = false;
};

/// For whoever holds the cluster to answer.
struct query_call {
  query what;
  /// How long to wait for something newer; 0 to answer at once.
  milliseconds wait{0};
  /// Answered once the version is above this, or when `wait` is over. Absent:
  /// above what it is when the request arrives.
  std::optional<version_number> past;
};

enum class log_stream : uint8_t { both, out, err };

struct log_request {
  task_ref task;
  log_stream stream = log_stream::both;
  bool follow = false;
  /// Last lines only; absent for all that is kept.
  std::optional<uint32_t> tail;
  /// Absent for the present attempt.
  std::optional<uint32_t> attempt;
};

struct exec_request {
  task_ref task;
  std::vector<std::string> argv;
  bool dry_run = false;
};

struct event_request {
  /// Events after this version.
  version_number since = 0;
  /// Any of these; empty for all.
  std::vector<std::string> types;
  std::string job;
  std::string node;
  /// A live stream instead of a page.
  bool sse = false;
  /// What `Last-Event-ID` said; `since` is then the same.
  std::optional<version_number> last_event_id;
  uint32_t limit = list_limit_default;
  /// As of `query_call`; a stream never waits. Absent `past`: above `since`.
  milliseconds wait{0};
  std::optional<version_number> past = {};
};

struct heartbeat_request {
  heartbeat beat;
  bool dry_run = false;
};

/// Asks what `node` has to do; waits until there is something.
struct node_work_request {
  std::string node;
  milliseconds wait{0};
};

/// Tells what became of a node's work.
struct node_reports {
  take_reports what;
  /// Work up to this sequence is taken and need not be offered again.
  uint64_t acknowledged = 0;
  bool dry_run = false;
};

/// Asks how much of `nodes` was reserved and used of late; of all together if
/// none is named.
struct usage_request {
  std::vector<std::string> nodes;
  /// Samples to tell, at most.
  uint32_t last = 0;
};

/// Asks for a WebSocket that tells what changes.
struct live_request {};

/// Asks what would follow from `change`; nothing happens.
struct plan_request {
  plan_change change;
  /// A plan is never anything else.
  bool dry_run = false;
};

/// What is asked of the process rather than of the cluster.
enum class page : uint8_t {
  health,
  ready,
  metrics,
  backup,
  openapi,
  dashboard,
  actors,
  settings
};

struct page_request {
  page which = page::health;
  /// Of a file of the dashboard.
  std::string file = {};
  /// Of a list.
  uint32_t limit = list_limit_default;
  std::string cursor = {};
};

using call = std::variant<command_call, query_call, log_request, exec_request,
                          event_request, heartbeat_request, node_work_request,
                          node_reports, usage_request, live_request,
                          page_request, plan_request, settings_call>;

} // namespace troupe::runtime::api
