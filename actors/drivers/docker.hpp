#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/drivers/docker/engine.hpp"

#include "actors/census.hpp"
#include "actors/clock.hpp"
#include "actors/drivers/listeners.hpp"

namespace troupe {

struct docker_driver_options {
  std::string node;
  std::string cluster_id;
  std::string socket = "/var/run/docker.sock";
  runtime::docker::container_defaults defaults{};
  /// Containers whose end is acknowledged and whose logs are still kept.
  size_t ended_kept_max = 50;
  /// Output that one reader may leave unread; beyond, its stream ends.
  size_t reader_bytes_max = 4 << 20;
  std::chrono::milliseconds reader_idle{60'000};
  size_t readers_max = 64;
};

/// State of DRIVER `docker`.
struct docker_driver_state {
  static inline const char* name = "docker";
  census alive{name};

  explicit docker_driver_state(driver_actor::pointer self)
    : self(self), wall(self->clock().now()), listeners(self) {}

  driver_actor::behavior_type make_behavior();
  void open_engine();
  void start(const work_item& item);
  void forget(allocation_id run);
  [[nodiscard]] caf::result<log_chunk> read(const read_log& x);

  driver_actor::pointer self;
  wall_clock wall;
  docker_driver_options options;
  run_listeners listeners;
  /// What was asked to run, for starts that must be asked for again.
  std::map<allocation_id, work_item> items;
  std::deque<allocation_id> ended;
  std::shared_ptr<runtime::docker::engine> engine;
  /// As measured since the last heartbeat.
  std::map<allocation_id, task_usage> usages;
  struct reader;
  std::map<uint64_t, std::shared_ptr<reader>> readers;
};

/// DRIVER that runs containers by the Docker engine at `options.socket`.
driver_actor::behavior_type
docker_driver(driver_actor::stateful_pointer<docker_driver_state> self,
              docker_driver_options options);

} // namespace troupe
