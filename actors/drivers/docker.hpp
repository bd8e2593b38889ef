#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/drivers/docker/engine.hpp"

#include "actors/census.hpp"
#include "actors/clock.hpp"
#include "actors/drivers/listeners.hpp"
#include "actors/drivers/readers.hpp"

namespace troupe {

struct docker_driver_options {
  std::string node;
  std::string cluster_id;
  std::string socket = "/var/run/docker.sock";
  runtime::docker::container_defaults defaults{};
  /// Directories that jobs may mount from.
  std::vector<std::string> volumes{};
  /// Containers whose end is acknowledged and whose logs are still kept.
  size_t ended_kept_max = 50;
  /// Output that one reader may leave unread; beyond, its stream ends.
  size_t reader_bytes_max = 4 << 20;
  std::chrono::milliseconds reader_idle{60'000};
  size_t readers_max = 64;
  std::chrono::milliseconds adopt_timeout{15'000};
  /// What the engine has not told again for so long is no measure any more.
  std::chrono::milliseconds usage_forgotten{30'000};
  /// How long the engine may take to send output: the first, more of it, and the
  /// rest of what has ended.
  std::chrono::milliseconds first_patience{1'000};
  std::chrono::milliseconds next_patience{200};
  std::chrono::milliseconds ended_patience{5'000};
};

/// State of DRIVER `docker`.
struct docker_driver_state {
  static inline const char* name = "docker";
  census alive{name, "node"};

  explicit docker_driver_state(driver_actor::pointer self)
    : self(self), wall(self->clock().now()), listeners(self) {}

  driver_actor::behavior_type make_behavior();
  void open_engine();
  void start(const work_item& item);
  void stop(const run_id& run);
  void hear(const run_event& x);
  void note_trouble(const std::string& text);
  void adopt_if_due();
  void settle_adoption(const adopted_runs& found);
  void forget(const run_id& run);
  void remove_old();
  struct reader;
  void open_log(reader& mine, const read_log& x);
  [[nodiscard]] measured_runs measured();
  [[nodiscard]] caf::result<log_chunk> read(const read_log& x);

  driver_actor::pointer self;
  wall_clock wall;
  docker_driver_options options;
  run_listeners listeners;
  /// What was asked to run, for starts that must be asked for again.
  std::map<run_id, work_item> items;
  /// Runs that shall stop: an engine that was away is told once more.
  std::set<run_id> stops;
  /// Why the engine can run nothing now; empty if it can.
  std::string trouble;
  /// Whether the engine could not say what it runs, written on its thread: then it
  /// is asked again as soon as it answers.
  std::shared_ptr<std::atomic<bool>> adoption_failed
    = std::make_shared<std::atomic<bool>>(false);
  bool adopting = false;
  std::deque<run_id> ended;
  std::shared_ptr<runtime::docker::engine> engine;
  struct measured_usage {
    task_usage usage;
    std::chrono::steady_clock::time_point at;
  };
  /// As last measured.
  std::map<allocation_id, measured_usage> usages;
  struct output;
  struct reader {
    std::shared_ptr<docker_driver_state::output> output;
    uint64_t stream = 0;
    std::chrono::steady_clock::time_point last_read;
  };
  std::map<uint64_t, reader> readers;
};

/// DRIVER that runs containers by the Docker engine at `options.socket`.
driver_actor::behavior_type
docker_driver(driver_actor::stateful_pointer<docker_driver_state> self,
              docker_driver_options options);

} // namespace troupe
