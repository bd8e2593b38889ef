#pragma once

#include <map>
#include <memory>
#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/drivers/process/engine.hpp"
#include "runtime/drivers/process/log_cursor.hpp"

#include "actors/census.hpp"
#include "actors/drivers/listeners.hpp"
#include "actors/drivers/readers.hpp"

namespace troupe {

struct process_driver_options {
  std::string node;
  /// Where runs are kept: an absolute path.
  std::string data_dir;
  /// Log readers that are forgotten when nobody asks for so long.
  std::chrono::milliseconds reader_idle{60'000};
  size_t readers_max = 256;
};

/// State of DRIVER `process`.
struct process_driver_state {
  static inline const char* name = "process";
  census alive{name, "node"};

  explicit process_driver_state(driver_actor::pointer self)
    : self(self), listeners(self) {}

  driver_actor::behavior_type make_behavior();
  void start(const start_run& x);
  [[nodiscard]] log_chunk read(const read_log& x);
  [[nodiscard]] log_chunk read_end(const read_log& x);

  driver_actor::pointer self;
  process_driver_options options;
  run_listeners listeners;
  std::shared_ptr<runtime::process::engine> engine;
  struct reader {
    std::unique_ptr<runtime::process::log_cursor> cursor;
    std::chrono::steady_clock::time_point last_read;
  };
  std::map<uint64_t, reader> readers;
};

/// DRIVER that runs commands as processes, which outlive this one.
/// Fails at once with a sentence if `options.data_dir` cannot be used.
driver_actor::behavior_type
process_driver(driver_actor::stateful_pointer<process_driver_state> self,
               process_driver_options options,
               std::shared_ptr<runtime::process::spawner> spawner);

} // namespace troupe
