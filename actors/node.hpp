#pragma once

#include <memory>
#include <optional>
#include <set>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/log_level.hpp"
#include "runtime/metrics/controller_meters.hpp"
#include "runtime/node.hpp"
#include "runtime/outbox.hpp"

#include "actors/census.hpp"
#include "actors/session.hpp"

namespace troupe {

struct node_actor_options {
  runtime::node_options health;
  std::chrono::milliseconds heartbeat_interval{10'000};
  std::chrono::milliseconds tick_interval{1'000};
  /// How long a machine may take to spawn a session or to answer.
  std::chrono::milliseconds request_timeout{10'000};
  /// Work in one message: below 256 kB with usual jobs.
  size_t batch_items_max = 64;
  /// Work on its way and not acknowledged.
  size_t window = 512;
  std::string cluster_id;
  /// Whether this controller leads, by its own clock: one that does not changes
  /// nothing on a machine, whatever it was about to do.
  std::function<bool()> leads = [] { return true; };
  /// Agents of this process, which need no remote spawning.
  std::shared_ptr<agent_directory> local_agents;
  /// What machines are to log, if somebody has asked for it.
  std::shared_ptr<const runtime::cluster_log_level> log_level
    = std::make_shared<const runtime::cluster_log_level>();
  std::shared_ptr<runtime::controller_meters> meters
    = std::make_shared<runtime::controller_meters>();
};

/// State of NODE.
struct node_actor_state {
  static inline const char* name = "node";
  census alive{name, "nodes"};

  explicit node_actor_state(node_actor::pointer self)
    : self(self), work(node_actor_options{}.window) {}

  node_actor::behavior_type make_behavior();

  void welcome(const node_hello& hello, const caf::strong_actor_ptr& machine,
               caf::typed_response_promise<node_welcome> promise);
  void spawn_session(version_number term, const caf::strong_actor_ptr& machine,
                     caf::typed_response_promise<node_welcome> promise);
  void connect(session_actor to, version_number term,
               caf::typed_response_promise<node_welcome> promise);
  [[nodiscard]] bool is_stale(const node_hello& x);
  [[nodiscard]] std::optional<node_welcome> refuse_other(const node_hello& x);
  void note_told(const std::vector<task_report>& reports);
  void disconnect();
  void leave(const refusal& why);
  void end();
  void send_work();
  void list_for_polls();
  void answer_polls();
  void report(std::optional<troupe::node_state> change);
  void count_missed();
  void tell_log_level();

  node_actor::pointer self;
  std::string node;
  node_actor_options options;
  scheduler_actor scheduler;
  std::optional<runtime::node> core;
  runtime::outbox<work_item> work;
  session_actor session;
  /// Of the machine that has joined; empty if it has told none.
  std::string identity;
  std::string place;
  /// Allocations that the machine has told to be alive here since its last hello.
  std::set<allocation_id> told;
  /// Counts connections: late answers of an earlier one are told by it.
  uint64_t connection = 0;
  /// Number of the wish for a log level that the machine knows.
  uint64_t log_level_told = 0;
  /// Heartbeats that were due since the last one, and are counted.
  uint64_t missed = 0;
  struct poll {
    std::chrono::steady_clock::time_point until;
    caf::typed_response_promise<work_batch> promise;
  };
  std::vector<poll> polls;
  /// Whether `work` holds all that is open for a worker that polls. A new life of
  /// this actor has to ask the scheduler first.
  enum class listing { unknown, asked, known } polled = listing::unknown;
  /// Starts of that list, which may be on their way here a second time.
  std::set<allocation_id> listed;
};

/// NODE for the machine `name`. What it hears goes to `scheduler`.
node_actor::behavior_type
node(node_actor::stateful_pointer<node_actor_state> self, std::string name,
     node_actor_options options, scheduler_actor scheduler);

} // namespace troupe
