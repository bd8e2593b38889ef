#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "messages/interfaces.hpp"

#include "runtime/journal/journal.hpp"

#include "actors/journal.hpp"
#include "actors/node.hpp"
#include "actors/scheduler.hpp"
#include "actors/session.hpp"

#include "tests/virtual_world/cable.hpp"
#include "tests/virtual_world/world.hpp"

namespace troupe::test {

/// What a machine of a house is. What is left out is as plain as can be.
struct machine_options {
  std::string name;
  resources capacity{4'000, int64_t{8} << 30, 0, {}};
  /// Beside `machine`, which is its name.
  label_set labels;
  /// Spawns its only driver; absent: one that runs nothing.
  std::function<driver_actor(caf::event_based_actor*)> make_driver;
  /// Where the agent keeps what it has accepted; empty: nowhere.
  std::filesystem::path store;
  /// Of the pauses that its join makes.
  uint64_t seed = 0;
};

/// A machine: agent, join and a driver, under their supervisor. Between it and
/// the controller is a cable.
struct machine {
  explicit machine(caf::actor_system& system) : link(system) {}
  cable link;
  machine_options options;
  caf::actor root;
  driver_actor driver;
  agent_actor agent;
  join_actor join;
};

struct house_options {
  uint64_t seed = 0;
  /// Absent: one in memory.
  std::shared_ptr<runtime::journal> journal;
  /// Spawns JOURNAL over it; absent: the real one.
  std::function<journal_actor(caf::event_based_actor*,
                              std::shared_ptr<runtime::journal>)>
    make_journal;
  std::vector<std::string> strategies{"binpack"};
  scheduler_options scheduler;
  journal_actor_options journaling;
  node_actor_options node;
};

/// A cluster in a virtual world: the controller's actors without its gateway,
/// under their supervisor, over a journal in memory, and machines.
class house {
public:
  explicit house(uint64_t seed = 0);
  explicit house(house_options options);
  ~house();

  virtual_world world;

  // -- the controller --------------------------------------------------------

  void start_controller();
  /// Ends all its actors at once, as when its process is killed. What is in the
  /// journal stays; the machines notice.
  void kill_controller();
  /// Whether it was started, and has neither been killed nor given up.
  [[nodiscard]] bool has_controller() const { return *controller_lives_; }
  [[nodiscard]] const scheduler_actor& scheduler() const { return scheduler_; }
  [[nodiscard]] const journal_actor& journal() const { return journal_; }
  [[nodiscard]] const watch_actor& watch() const { return watch_; }
  [[nodiscard]] const policy_actor& policy() const { return policy_; }
  [[nodiscard]] const nodes_actor& nodes() const { return nodes_; }
  /// What the scheduler believes; null while it reads the journal.
  [[nodiscard]] const runtime::cluster* cluster() const;

  // -- machines --------------------------------------------------------------

  /// Switches a machine on that has a label `machine` with its name.
  machine& start_machine(const std::string& name);
  /// Switches it on, or on again after `kill_machine`.
  machine& start_machine(machine_options options);
  /// Ends all its actors at once, as when its process is killed. What its driver
  /// keeps elsewhere stays; the controller notices.
  void kill_machine(const std::string& name);
  [[nodiscard]] bool has_machine(const std::string& name) const {
    return machines_.contains(name) && machines_.at(name)->root;
  }
  [[nodiscard]] machine& at(const std::string& name) {
    return *machines_.at(name);
  }

  // -- what users do and see -------------------------------------------------

  /// Decides a command, once it is durable. REQUIRES: it is not refused.
  outcome decide(command x);
  outcome submit(job_spec x);

  /// All that is in the journal.
  [[nodiscard]] std::vector<event> facts() const;
  /// The same as text, one line for each: `7 taskPlaced web.0 on a`.
  [[nodiscard]] std::string story() const;
  /// Facts of one type.
  template <class Fact>
  [[nodiscard]] std::vector<Fact> all() const {
    std::vector<Fact> result;
    for (auto& x : facts())
      if (auto* y = std::get_if<Fact>(&x.what))
        result.push_back(*y);
    return result;
  }
  /// The state of a task as the journal has it.
  [[nodiscard]] task_state state_of(const task_ref& x) const;
  /// Lets time pass until `x` is in `state`.
  [[nodiscard]] bool
  await(const task_ref& x, task_state state, std::chrono::milliseconds limit);
  /// How often each allocation was started, over all machines.
  [[nodiscard]] std::map<std::string, size_t> starts() const;

private:
  /// Ends `x` and what it supervises.
  void kill_all(const std::vector<caf::actor>& xs);
  template <class Handle>
  caf::actor keep(Handle& at, Handle x) {
    at = std::move(x);
    return caf::actor_cast<caf::actor>(at);
  }

  house_options options_;
  std::shared_ptr<runtime::journal> journal_core_;
  std::shared_ptr<agent_directory> agents_;
  std::map<std::string, std::unique_ptr<machine>> machines_;
  caf::actor root_;
  std::shared_ptr<bool> controller_lives_ = std::make_shared<bool>(false);
  journal_actor journal_;
  watch_actor watch_;
  scheduler_actor scheduler_;
  policy_actor policy_;
  nodes_actor nodes_;
};

/// A batch job that takes `duration` and ends with `exit_code`.
[[nodiscard]] job_spec
batch_job(std::string name, std::chrono::milliseconds duration,
          int32_t exit_code = 0);
/// A service that runs until it is stopped. Neither starts again where it ended.
[[nodiscard]] job_spec service_job(std::string name);
/// `x`, on no other machine than `machine`.
[[nodiscard]] job_spec only_on(const std::string& machine, job_spec x);

} // namespace troupe::test
