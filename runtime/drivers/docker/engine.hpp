#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "messages/expected.hpp"
#include "messages/ids.hpp"

#include "runtime/drivers/docker/api.hpp"
#include "runtime/drivers/docker/log_frames.hpp"

namespace troupe::runtime::docker {

/// Says that the image of a task is being pulled, at most once a second.
struct image_pulling {
  run_id run;
  /// Such as `pulling nginx:alpine 45 %`.
  std::string text;
};

/// Says that a container whose start was answered `engine_unreachable` runs.
struct container_started {
  run_id run;
};

/// Says that a container whose start was answered `engine_unreachable` does not
/// run and never has: it may be started again, or removed.
struct container_not_started {
  run_id run;
};

/// Says how a container ended. Once per run.
struct container_exited {
  run_id run;
  exit_status exit;
};

/// Says that the engine does not answer. Its containers may well be running.
struct engine_lost {
  std::string text;
};

/// Says that the engine answers again. What happened meanwhile follows.
struct engine_back {};

using engine_event
  = std::variant<image_pulling, container_started, container_not_started,
                 container_exited, engine_lost, engine_back>;

struct engine_options {
  /// Path of the engine's socket, also as `unix:///var/run/docker.sock`.
  std::string socket = "/var/run/docker.sock";
  owner who;
  container_defaults defaults{};
  /// An engine serialises starts: more at once only makes each slower.
  size_t starts_at_once = 3;
  /// Starts that wait for their turn. More are refused.
  size_t starts_waiting_max = 10'000;
  milliseconds call_timeout{10'000};
  /// For each of the steps of a start, which all take long on a loaded engine.
  milliseconds start_timeout{60'000};
  milliseconds pull_timeout{600'000};
  milliseconds health_interval{5'000};
  milliseconds health_timeout{2'000};
  /// How long a start that was left unanswered is given to take effect, after
  /// the engine is back, before it is looked at.
  milliseconds settle_time{1'000};
  /// Called for every event; the rules of all callbacks hold.
  std::function<void(engine_event)> on_event;
};

struct start_answer {
  std::string container;
  /// It was there already, from an earlier try of the same run.
  bool adopted = false;
};

struct log_query {
  bool out = true;
  bool err = true;
  bool follow = false;
  /// Lines from the end. Absent: all.
  std::optional<uint32_t> tail{};
  /// Unix time in seconds. 0: from the beginning.
  int64_t since = 0;
};

struct exec_answer {
  int32_t code = 0;
  /// Both streams as they came, at most 1 MiB.
  std::string output{};
  /// There was more output.
  bool truncated = false;
};

/// The door to a Docker engine: asks it to run containers and tells how they
/// end. Everything is answered by callbacks, on one thread of the door's own,
/// which must neither block nor throw. Nothing waits for a slow engine: each call
/// has a deadline and streams have connections of their own.
///
///   start -> queued -> creating (-> pulling) -> starting -> running -> exited
///               |          |                       |           ^
///               |          +-----> doubtful <------+           |
///               +-> failed             +-----------------------+
///
/// A container is known by its run, which runs at most once: starting an
/// run again, also from a new door after a crash, finds the container that
/// is there and never runs it a second time. A start that found nobody listening
/// was not done (`engine_away`). `doubtful` is a start that the engine
/// left unanswered (`engine_unreachable`): as soon as it answers again, exactly
/// one of `container_started`, `container_not_started` and `container_exited`
/// follows. An engine that dies in the middle of a start says afterwards that the
/// container never ran: that is not believed, and the run ends with a code of -1.
///
/// An exit is believed only from an inspection; the open `wait`, the stream of
/// events and the check after an outage only say when to inspect.
class engine {
public:
  template <class T>
  using reply = std::function<void(expected<T, failure>)>;

  explicit engine(engine_options options);
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  /// Closes the door; containers go on. Callbacks that were not made are
  /// dropped, and none runs any more. Not to be called from a callback.
  ~engine();

  /// Asks who answers, and agrees on a version of the API.
  /// Errors: `engine_unreachable`, and `engine_error` if it is too old.
  void probe(reply<engine_version> done);

  /// Finds the containers of this cluster and node, in any state, and watches
  /// those that run. Exits in the answer are not reported as events again.
  void adopt(reply<std::vector<container_view>> done);

  /// Runs `spec`, pulling its image if needed.
  void start(container_spec spec, reply<start_answer> done);

  /// Sends `signal`, and SIGKILL if it still runs after `grace`. Answered when
  /// the signal is delivered. A start that is not done yet is given up: it is
  /// answered `cancelled`.
  void stop(const run_id& run, std::string signal, milliseconds grace,
            reply<void> done);

  void kill(const run_id& run, reply<void> done);

  /// Deletes a container that does not run, and forgets its run. Deleting
  /// what is gone is a success. Errors: `engine_error` if it runs.
  void remove(const run_id& run, reply<void> done);

  /// Sends the output of a container, also of one that has exited. Returns an id
  /// for `cancel`. `on_end` is called once, also after `cancel`.
  uint64_t logs(const run_id& run, log_query query, log_frames::piece on_piece,
                reply<void> on_end);
  void cancel(uint64_t stream);

  /// Runs `command` in a container. After `timeout` it is answered `timed_out`;
  /// the engine has no way to end the command itself.
  void exec(const run_id& run, std::vector<std::string> command,
            milliseconds timeout, reply<exec_answer> done);

  void stats(const run_id& run, reply<usage> done);

  /// Moves the limits of a container that was created with `own`. Memory that is
  /// in use and cannot be taken back stays: its limit is then what is used.
  /// Answered with what there is now.
  void limit(const run_id& run, run_limits own, run_limits wanted,
             reply<run_limits> done);

  /// Asks the engine what it knows of a container that runs.
  void inspect(const run_id& run, reply<container_view> done);

private:
  class core;
  std::unique_ptr<core> core_;
};

} // namespace troupe::runtime::docker
