#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/agent.hpp"
#include "runtime/agent_store.hpp"
#include "runtime/metrics/node_meters.hpp"
#include "runtime/pressure/pressure.hpp"

#include "actors/census.hpp"
#include "actors/checker.hpp"
#include "actors/clock.hpp"

namespace troupe {

struct agent_options {
  std::string node;
  /// By name of the driver.
  std::map<driver_kind, driver_actor> drivers;
  /// What the checkers of its tasks work with.
  check_tools checks{};
  /// After so long without a controller it stops its tasks, for then they may
  /// run elsewhere too. 0: never.
  std::chrono::milliseconds stop_tasks_after{0};
  /// How long a driver may take to list what it finds at the start.
  /// Longer than an engine's own, so that its answer is the one that counts.
  std::chrono::milliseconds adopt_timeout{15'000};
  std::chrono::milliseconds measure_timeout{2'000};
  /// What the tasks may use together; while nobody knows, bursts are left alone.
  resources capacity{};
  /// Measures what the whole machine has left.
  std::function<std::optional<resources>()> measure_free
    = [] { return std::optional<resources>{}; };
  /// How often it looks whether bursts must be held back, and how often while
  /// there is little left.
  std::chrono::milliseconds pressure_interval{5'000};
  std::chrono::milliseconds pressure_interval_close{2'000};
  /// How long a driver may take to move a limit.
  std::chrono::milliseconds limit_timeout{30'000};
  /// Ended runs whose driver is remembered, for whoever reads their output. More
  /// than any driver keeps.
  size_t ended_known_max = 1'000;
  /// Times that the actor of one task is started again after a failure.
  uint32_t task_restarts_max = 3;
  std::shared_ptr<runtime::node_meters> meters
    = std::make_shared<runtime::node_meters>();
};

/// State of AGENT.
struct agent_state {
  static inline const char* name = "agent";
  census alive{name, "node"};

  explicit agent_state(agent_actor::pointer self)
    : self(self), away_since(self->clock().now()) {}

  agent_actor::behavior_type make_behavior();

  // -- beginning: what earlier lives of the process left
  void adopt_all();
  void adopt_from(driver_kind kind, std::vector<runtime::agent_store::entry>);
  void end_strays(driver_kind kind, const std::vector<run_event>& runs,
                  const std::set<run_id>& strays);
  void adopted();

  void take(const work_batch& x);
  void start(const work_item& item);
  [[nodiscard]] bool
  go_on(driver_kind kind, const work_item& item, bool driver_knows);
  void forget_run_of(driver_kind kind, const run_id& run);
  void note(task_report x);
  void note_restart(const task_report& x, bool is_kept);
  [[nodiscard]] task_report report_of(allocation_id x, task_state state,
                                      reason why, std::string message) const;
  void detach();
  void note_away();
  void check_away();
  void flush();
  void end(allocation_id x, reason why, const std::string& message);
  void end_all();
  void check_all_ended();
  void hear_down(const caf::down_msg& x);
  [[nodiscard]] driver_actor driver_of(allocation_id x) const;
  void measure(std::function<void(measured_runs, bool is_complete)> then);
  void note_usage(const measured_runs& x);
  void look_for_pressure();
  void relieve(const measured_runs& x);
  void move_limits(const runtime::pressure::change& x);
  expected<void, std::string> note_held(const run_id& run, run_limits to);
  void tell_held();
  void note_progress(const task_report& x);
  void note_operation(driver_kind driver, const char* operation, bool ok,
                      std::chrono::steady_clock::time_point began);
  [[nodiscard]] caf::result<log_chunk> read(read_log x);

  agent_actor::pointer self;
  agent_options options;
  runtime::agent core;
  std::optional<runtime::pressure> pressure;
  std::optional<runtime::agent_store> store;
  session_actor session;
  /// When the last session ended, while there is none.
  std::chrono::steady_clock::time_point away_since;
  join_actor join;
  version_number term = 0;
  bool flushing = false;
  /// Set once everything here is being ended: nobody is told any more.
  bool ending = false;
  std::vector<caf::typed_response_promise<all_tasks_ended>> awaiting_end;
  /// Drivers that have not yet listed what they found.
  size_t adopting = 0;
  std::vector<caf::typed_response_promise<inventory>> awaiting_inventory;
  struct running_task {
    task_actor actor;
    driver_kind driver = driver_kind::process;
    uint32_t restarts = 0;
    /// When its driver was asked for what it has not done yet.
    std::optional<std::chrono::steady_clock::time_point> starting{};
    std::optional<std::chrono::steady_clock::time_point> stopping{};
  };
  std::map<allocation_id, running_task> tasks;
  /// The drivers of runs that have ended and are known to have.
  std::map<run_id, driver_kind> ended;
  std::map<caf::actor_addr, allocation_id> allocation_of;
};

/// AGENT. With a `store` it goes on with what an earlier process began.
agent_actor::behavior_type
agent(agent_actor::stateful_pointer<agent_state> self, agent_options options,
      std::optional<runtime::agent_store> store);

} // namespace troupe
