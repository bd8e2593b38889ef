#pragma once

/// Runs a scenario: real actors, a simulated network, clock, driver and disk.
///
///   scenario --> house (actors under test) <--> engines (truth), disk
///                  |                               |
///                  +--------> auditor <------------+     after every step
///
/// First things go wrong, and what must never happen is looked for. Then all is
/// healed, and after a bounded time all must be well.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/flow/house.hpp"
#include "tests/sim/auditor.hpp"
#include "tests/sim/disk.hpp"
#include "tests/sim/engine.hpp"
#include "tests/sim/mutant.hpp"
#include "tests/sim/scenario.hpp"

namespace troupe::sim {

struct verdict {
  /// Empty if all is well.
  std::vector<std::string> breaches;
  /// Of all that was said and all that is in the journal.
  uint64_t digest = 0;
  version_number facts = 0;
  size_t runs = 0;
  std::chrono::milliseconds virtual_time{0};
  /// All that was said, with the faults between, and all facts.
  std::string history;
};

class simulation {
public:
  explicit simulation(scenario plan, mutant planted = mutant::none);
  ~simulation();

  [[nodiscard]] verdict run();

private:
  struct request;
  void switch_on(const machine_plan& plan);
  void start_controller();
  /// Delivers what is due until `end`, looking after every step.
  void pass_to(time_point end);
  bool step();
  void look();
  void later(milliseconds pause, std::function<void()> what);
  void note(const std::string& what);

  void happen(const ask& x);
  void happen(const break_cable& x);
  void happen(const kill_controller& x);
  void happen(const kill_machine& x);
  void happen(const kill_actor& x);
  void happen(const spoil_disk& x);
  void happen(const hang_driver& x);

  void send(const std::shared_ptr<request>& x);
  void hear(const std::shared_ptr<request>& x);
  void lose_controller(milliseconds lasts);
  void heal();
  void come_to_rest();
  [[nodiscard]] uint64_t digest() const;

  scenario plan_;
  mutant mutant_;
  truth truth_;
  std::shared_ptr<disk> disk_;
  std::filesystem::path stores_;
  std::map<std::string, std::unique_ptr<engine>> engines_;
  std::unique_ptr<test::house> house_;
  std::unique_ptr<auditor> auditor_;
  /// What is to happen, by time.
  std::multimap<time_point, std::function<void()>> agenda_;
  std::vector<std::shared_ptr<request>> open_;
  /// [machine] Not to be mended by those that were told to do so before.
  std::map<std::string, uint64_t> cable_faults_;
  bool healing_ = false;
  bool controller_due_ = false;
  version_number compared_ = 0;
  size_t steps_ = 0;
};

/// Runs the scenario of `seed`.
[[nodiscard]] verdict run_seed(uint64_t seed, mutant planted = mutant::none);

} // namespace troupe::sim
