#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/journal/journal.hpp"
#include "runtime/metrics/controller_meters.hpp"

#include "actors/census.hpp"

namespace troupe {

struct journal_actor_options {
  /// Facts after the last snapshot that make a new one worth its while.
  version_number snapshot_after = 1'000'000;
  std::chrono::milliseconds tick_interval{60'000};
  /// What is known of decisions, for whoever loads the cluster; empty: nothing.
  std::filesystem::path decisions{};
  std::shared_ptr<runtime::controller_meters> meters
    = std::make_shared<runtime::controller_meters>();
};

/// State of JOURNAL. Runs on a thread of its own, since it waits for the disk.
struct journal_state {
  static inline const char* name = "journal";
  census alive{name, "controller"};

  std::shared_ptr<runtime::journal> core;
  version_number snapshot_version = 0;
};

/// JOURNAL over `core`, which nobody else uses meanwhile.
journal_actor::behavior_type
journal(journal_actor::stateful_pointer<journal_state> self,
        journal_actor_options options, std::shared_ptr<runtime::journal> core);

} // namespace troupe
