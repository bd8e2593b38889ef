#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/decisions/decisions.hpp"
#include "runtime/decisions/unkept.hpp"
#include "runtime/metrics/attempt_meter.hpp"
#include "runtime/metrics/fact_meter.hpp"
#include "runtime/vitals.hpp"

#include "actors/census.hpp"
#include "actors/clock.hpp"

namespace troupe {

struct scheduler_options {
  /// Names this process in `leaderElected`.
  std::string leader = "controller";
  /// Tasks in one proposal: few enough that a proposal takes milliseconds.
  uint32_t batch_tasks_max = 1'024;
  /// How long a policy may think.
  std::chrono::milliseconds policy_timeout{10'000};
  /// Pause before a journal that was in trouble is tried again.
  std::chrono::milliseconds journal_retry{1'000};
  std::chrono::milliseconds tick_interval{1'000};
  /// How long keeping what was decided may take. Then it is kept no more.
  std::chrono::milliseconds keep_timeout{60'000};
  std::shared_ptr<runtime::controller_meters> meters
    = std::make_shared<runtime::controller_meters>();
};

/// State of SCHEDULER.
///
/// Facts are applied as they are decided and gather while an append is on its
/// way: one append per turn, however many facts. Whatever would let the outside
/// know of them waits in `held` until they are durable.
struct scheduler_state {
  static inline const char* name = "scheduler";
  census alive{name, "controller"};

  explicit scheduler_state(scheduler_actor::pointer self);

  scheduler_actor::behavior_type make_behavior();

  [[nodiscard]] timestamp now() const;
  /// Ends a turn: starts an append and a proposal if there is need of one.
  void turn();
  void append();
  void release(version_number durable);
  void propose();
  void hear_troubles(const heartbeat& x);
  /// Runs `f` once all facts so far are durable.
  void hold(std::function<void()> f);
  void show(std::function<void()> f);
  [[nodiscard]] std::optional<refusal> refusal_of(const command& x) const;
  void take_over(loaded_cluster& loaded);
  /// Has the shadow decide on the same, unless it is still at an earlier round.
  /// Returns the number of the round, 0 if it is not compared.
  uint64_t
  ask_shadow(const std::string& policy, const propose_places& question);
  /// The round in which a shadow decides on the same.
  struct compared_round {
    uint64_t number = 0;
    std::string shadow;
    proposed_places here;
    proposed_places there;
  };
  /// Takes one answer, and compares once both are there. What is about another
  /// round than the present one comes too late.
  void compare_round(uint64_t number, proposed_places compared_round::*side,
                     const proposed_places& x);
  void forget_round(uint64_t number);
  /// Keeps what was thought of `x`, which was proposed for `asks`.
  void weigh_round(runtime::decided_round round,
                   const runtime::placement::table& nodes,
                   const std::vector<runtime::placement::ask>& asks,
                   const runtime::placement::proposal& x);
  /// Has DECISIONS keep what is new and durable, one batch after the other.
  void keep_decided();
  void measure_round(std::chrono::steady_clock::time_point began);

  scheduler_actor::pointer self;
  scheduler_options options;
  journal_actor journal;
  watch_actor watch;
  nodes_actor nodes;
  /// Null: nobody keeps what was decided.
  decisions_actor keeper;
  std::shared_ptr<runtime::cluster> core;
  runtime::vitals vitals;
  std::map<std::string, policy_actor> policies;
  wall_clock wall;
  version_number durable = 0;
  /// The last durable fact of this leader.
  std::optional<runtime::fact_mark> durable_mark;
  bool appending = false;
  /// Why the last facts could not be written; empty if they were.
  std::string journal_trouble;
  std::vector<event> waiting;
  std::optional<runtime::fact_meter> facts;
  std::optional<runtime::attempt_meter> attempts;
  std::optional<compared_round> compared;
  uint64_t last_compared = 0;
  runtime::decisions decided;
  runtime::unkept_decisions unkept;
  bool keeping = false;
  /// When the next batch may go.
  std::chrono::steady_clock::time_point keep_after;
  /// As the policies, to tell what these thought.
  std::map<std::string, std::unique_ptr<runtime::placement::policy>> explainers;
  std::deque<std::pair<version_number, std::function<void()>>> held;
  /// Becomes true with the first answer of the journal to this leader.
  std::string cluster_id;
};

/// SCHEDULER over what `journal` holds. Work goes to the nodes that `nodes` finds,
/// facts to `watch`, and what was decided to `keeper`, if there is one.
scheduler_actor::behavior_type
scheduler(scheduler_actor::stateful_pointer<scheduler_state> self,
          scheduler_options options, journal_actor journal, watch_actor watch,
          decisions_actor keeper);

} // namespace troupe
