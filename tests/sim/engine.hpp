#pragma once

#include <map>
#include <optional>
#include <string>

#include <caf/event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "tests/sim/dice.hpp"
#include "tests/sim/mutant.hpp"
#include "tests/sim/scenario.hpp"
#include "tests/sim/truth.hpp"

namespace troupe::sim {

/// What runs tasks on one machine, and what of it outlives the node's process: as
/// an engine of containers does. Deterministic, with habits.
class engine {
public:
  engine(std::string machine, driver_habits habits, uint64_t seed, truth& world,
         mutant planted)
    : machine_(std::move(machine)), habits_(habits), dice_(seed), truth_(world),
      mutant_(planted) {}

  /// A run that it was asked for.
  struct entry {
    work_item item;
    /// Null while it is being prepared, and if its start was refused.
    real_run* run = nullptr;
    bool refused = false;
    /// Stopped before it began.
    bool withdrawn = false;
    bool stop_asked = false;
    /// When its end is noticed.
    time_point noticed = real_run::never;
  };

  /// How long the preparing takes; 0: not at all.
  [[nodiscard]] milliseconds draw_preparing();
  [[nodiscard]] bool draw_refusal();
  [[nodiscard]] entry* find(const run_id& x);
  entry& accept(const work_item& x);
  /// Really begins it.
  void begin(entry& x, time_point now);
  void stop(entry& x, time_point now);
  void forget(const run_id& x) { entries_.erase(x); }
  /// What is to be said of `x` now; nothing while it is being prepared.
  [[nodiscard]] std::optional<run_event>
  last_event(const entry& x, time_point now, timestamp wall) const;

  /// The node's process is gone: nobody prepares any more.
  void lose_process();
  /// The machine is without power: nothing runs, and nobody knows how it ended.
  void lose_power(time_point now);

  [[nodiscard]] auto& entries() { return entries_; }
  [[nodiscard]] mutant planted() const { return mutant_; }
  /// Nobody is answered before this time.
  time_point hangs_until{};

private:
  std::string machine_;
  driver_habits habits_;
  dice dice_;
  truth& truth_;
  mutant mutant_;
  std::map<run_id, entry> entries_;
};

/// DRIVER over `x`.
[[nodiscard]] driver_actor
spawn_driver(caf::event_based_actor* parent, engine& x);

} // namespace troupe::sim
