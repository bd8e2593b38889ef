#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "messages/interfaces.hpp"

#include "runtime/journal/journal.hpp"

#include "actors/session.hpp"

#include "tests/virtual_world/cable.hpp"
#include "tests/virtual_world/world.hpp"

namespace troupe::test {

/// A machine: agent, join and a driver that runs nothing. Between it and the
/// controller is a cable.
struct machine {
  explicit machine(caf::actor_system& system) : link(system) {}
  cable link;
  driver_actor driver;
  agent_actor agent;
  join_actor join;
};

/// A cluster in a virtual world: the controller's actors without its gateway,
/// over a journal in memory, and machines.
class house {
public:
  explicit house(uint64_t seed = 0);
  ~house();

  virtual_world world;

  // -- the controller --------------------------------------------------------

  void start_controller();
  /// Ends all its actors at once, as when its process is killed. What is in the
  /// journal stays; the machines notice.
  void kill_controller();
  [[nodiscard]] const scheduler_actor& scheduler() const { return scheduler_; }

  // -- machines --------------------------------------------------------------

  /// Switches a machine on that has a label `machine` with its name.
  machine& start_machine(const std::string& name);
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
  std::shared_ptr<runtime::journal> journal_core_;
  std::shared_ptr<agent_directory> agents_;
  std::map<std::string, std::unique_ptr<machine>> machines_;
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
/// A service that runs until it is stopped.
[[nodiscard]] job_spec service_job(std::string name);
/// `x`, on no other machine than `machine`.
[[nodiscard]] job_spec only_on(const std::string& machine, job_spec x);

} // namespace troupe::test
