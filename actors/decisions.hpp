#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/decisions/file.hpp"

#include "actors/census.hpp"

namespace troupe {

struct decisions_options {
  /// Empty: nothing is kept.
  std::filesystem::path file{};
  /// Of the journal.
  std::string cluster_id{};
  /// Pause after the file could not be written.
  std::chrono::milliseconds retry{60'000};
  /// Written for each millisecond at most, over time: a flood of decisions is kept
  /// in part, and costs little beside making them.
  uint64_t bytes_per_ms = 1'000;
};

/// State of DECISIONS. Runs on a thread of its own, since it waits for the disk.
struct decisions_state {
  static inline const char* name = "decisions";
  census alive{name, "controller"};

  explicit decisions_state(decisions_actor::pointer self) : self(self) {}

  decisions_actor::behavior_type make_behavior();
  decisions_kept keep(const runtime::decision_batch& x);

  decisions_actor::pointer self;
  decisions_options options;
  std::optional<runtime::decision_file> file;
  /// Set while the file cannot be written.
  std::optional<std::chrono::steady_clock::time_point> retry_at;
};

/// DECISIONS. It never fails: nobody depends on what it keeps.
decisions_actor::behavior_type
decisions(decisions_actor::stateful_pointer<decisions_state> self,
          decisions_options options);

} // namespace troupe
