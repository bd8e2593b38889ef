#pragma once

#include <functional>
#include <string>

#include "messages/driver.hpp"
#include "messages/session.hpp"

#include "runtime/drivers/docker/engine.hpp"

/// Runs in the words of containers, and back. What takes a `tell` calls it once,
/// on the engine's thread.
namespace troupe::docker_calls {

/// A run that has ended as its container did.
[[nodiscard]] run_event
event_of(const run_id& id, const runtime::docker::exit_status& x,
         timestamp now);

/// A run that has failed before there was a container.
[[nodiscard]] run_event
failed_event(const run_id& id, const runtime::docker::failure& x,
             timestamp now);

[[nodiscard]] runtime::docker::container_spec
spec_of(const work_item& x, const std::string& node);

/// Runs one command in a container.
void exec(runtime::docker::engine& engine, const exec_command& x,
          std::function<void(exec_result)> tell);

/// Moves the limits of one container.
void limit(runtime::docker::engine& engine, const limit_run& x,
           std::function<void(limited_run)> tell);

/// Finds a port of a container: at its own address, where nothing answers in its
/// place, as the engine's proxy does on the machine; or on the machine, if it has
/// none.
void locate(runtime::docker::engine& engine, const locate_port& x,
            std::function<void(located_port)> tell);

/// Asks the engine for a sign of life.
void probe(runtime::docker::engine& engine,
           std::function<void(probed_driver)> tell);

/// Lists the containers there are.
void adopt(runtime::docker::engine& engine, timestamp now,
           std::function<void(adopted_runs)> tell);

} // namespace troupe::docker_calls
