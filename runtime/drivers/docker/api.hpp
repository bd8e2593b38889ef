#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/expected.hpp"
#include "messages/ids.hpp"
#include "messages/work.hpp"

// What the Docker Engine API is asked and answers, as plain values. Nothing here
// speaks to an engine.

namespace troupe::runtime::docker {

using std::chrono::milliseconds;

/// What an agent does differently because of it.
enum class error_kind : uint8_t {
  /// No engine has the image and no registry gave it: the task cannot run.
  image_not_found,
  /// The engine refuses the command, a mount, a limit: the task cannot run here.
  start_error,
  /// Somebody else has the host's port: place the task elsewhere.
  port_in_use,
  /// Nobody knows what became of it. Says nothing about the task.
  engine_unreachable,
  /// Nobody listens there, or the engine is at odds with itself after a crash: it
  /// was not done. Says nothing about the task.
  engine_away,
  /// The engine failed, or answered nonsense: may be tried again.
  engine_error,
  /// No container of ours is of that run.
  not_running,
  /// A command inside the container took too long.
  timed_out,
  /// Stopped before it started.
  cancelled
};

/// Why something did not happen, with one readable sentence.
struct failure {
  error_kind kind = error_kind::engine_error;
  std::string text{};
  bool operator==(const failure&) const = default;
};

struct port_binding {
  uint16_t container = 0;
  uint16_t host = 0;
  /// Empty: all addresses.
  std::string host_ip{};
};

struct bind_mount {
  std::string host;
  std::string path;
  bool read_only = false;
};

/// One attempt of a task as a container.
struct container_spec {
  allocation_id allocation;
  std::string task;
  uint32_t attempt = 1;
  std::string image;
  /// Replaces the image's entrypoint, and with it the image's arguments.
  std::vector<std::string> command{};
  std::vector<std::string> args{};
  std::vector<std::pair<std::string, std::string>> env{};
  std::string workdir{};
  std::string user{};
  /// Weight when cpu is scarce. 0: the engine's default.
  int64_t cpu_millicores_reserved = 0;
  /// 0: none. The engine refuses memory limits below 6 MiB.
  int64_t cpu_millicores_limit = 0;
  int64_t memory_bytes_limit = 0;
  std::vector<port_binding> ports{};
  std::vector<bind_mount> mounts{};
  std::vector<std::pair<std::string, std::string>> labels{};
  std::string stop_signal = "SIGTERM";
  milliseconds stop_grace{10'000};
  std::vector<std::string> gpu_device_ids{};

  [[nodiscard]] run_id run() const { return {allocation, attempt}; }
};

/// What every container of a door gets.
struct container_defaults {
  /// Empty: the engine's default network. Else `host`, `none`, or a name.
  std::string network_mode{};
  /// A first process that passes signals on and reaps: a shell as PID 1 would
  /// ignore SIGTERM.
  bool init = true;
  int64_t pids_max = 4096;
  /// All others are dropped. What images such as nginx, redis and postgres need
  /// to open a low port and to step down from root; no NET_RAW, no MKNOD.
  std::vector<std::string> capabilities{
    "CHOWN",  "DAC_OVERRIDE", "FOWNER",  "FSETID",          "KILL",
    "SETGID", "SETUID",       "SETPCAP", "NET_BIND_SERVICE"};
  /// A loud task writes 30 MB/s.
  std::string log_max_size = "10m";
  uint32_t log_max_files = 3;
};

/// Whose containers these are. A container without both is never touched.
struct owner {
  std::string cluster;
  std::string node;
};

/// Returns the name of a task's container. It holds the run, which is never used
/// again: whoever has that name is an earlier try of ours.
[[nodiscard]] std::string
container_name(const owner& who, const container_spec& spec);

/// Returns the body of `POST /containers/create`.
[[nodiscard]] std::string
create_body(const owner& who, const container_spec& spec,
            const container_defaults& defaults);

/// Returns the value of `filters` for the containers of `who`, all or those of
/// `run`.
[[nodiscard]] std::string
list_filters(const owner& who, std::optional<run_id> run = {});

/// The same for the events that may mean an exit.
[[nodiscard]] std::string event_filters(const owner& who);

/// Returns the body of `POST /containers/{id}/update` for a container that was
/// created with the limits `own`.
[[nodiscard]] std::string
update_body(const run_limits& own, const run_limits& wanted);

/// Reads `GET /info`: whether the kernel below the engine kills a container that
/// uses more than a new memory limit (control groups of version 2), where an older
/// one refuses the limit.
[[nodiscard]] bool kills_at_limit(std::string_view json);

/// How a container ended.
struct exit_status {
  /// -1 if nobody knows any more.
  int32_t code = -1;
  /// The kernel killed it for its memory, and it failed.
  bool oom = false;
  /// Number of the signal that the code stands for (128 + n), or 0.
  int32_t signal = 0;
  /// Of the engine, such as why an exit code is not the task's own.
  std::string error{};
  /// The command could not be executed: trying again is of no use.
  bool bad_command = false;
  /// RFC 3339, as the engine writes it. Empty: not known.
  std::string started_at{};
  std::string finished_at{};
  /// It ended while the engine was away, which may be what ended it.
  bool while_away = false;
  /// What the engine calls its image: `sha256:..`.
  std::string image{};
  bool operator==(const exit_status&) const = default;
};

enum class container_state : uint8_t { created, running, exited };

/// A container as the engine describes it.
struct container_view {
  std::string id;
  allocation_id allocation;
  std::string task;
  uint32_t attempt = 0;
  container_state state = container_state::created;
  /// Holds if `state` is exited.
  exit_status exit{};
  /// Where it is reached from this machine. Empty: it shares the machine's
  /// network, or has none.
  std::string address{};

  [[nodiscard]] run_id run() const { return {allocation, attempt}; }
  bool operator==(const container_view&) const = default;
};

/// Reads `GET /containers/{id}/json`. Errors: a sentence. A container that has
/// not the labels of `who` is an error.
[[nodiscard]] expected<container_view, std::string>
read_inspect(const owner& who, std::string_view json);

/// Reads `GET /containers/json`, leaving out what is not of `who`. Exit codes
/// are not part of a list: `exit` is empty.
[[nodiscard]] expected<std::vector<container_view>, std::string>
read_list(const owner& who, std::string_view json);

struct container_event {
  std::string action;
  std::optional<run_id> run{};
  int64_t time_nanoseconds = 0;
};

/// Reads one line of `GET /events`.
[[nodiscard]] std::optional<container_event> read_event(std::string_view json);

/// Reads `Id` of the answer to a create.
[[nodiscard]] std::optional<std::string> read_id(std::string_view json);

/// Reads the answer of `wait`: nothing if it is cut off or an error.
[[nodiscard]] std::optional<int32_t> read_wait(std::string_view json);

/// Returns the body of `POST /containers/{id}/exec`.
[[nodiscard]] std::string exec_body(const std::vector<std::string>& command);

/// Reads the code of `GET /exec/{id}/json`: nothing while it runs.
[[nodiscard]] std::optional<int32_t> read_exec(std::string_view json);

/// What a container uses.
struct usage {
  /// Since its start: rates are differences of two samples.
  double cpu_seconds = 0;
  /// Without the page cache that the kernel would give back at once.
  int64_t memory_bytes = 0;
};

/// Reads `GET /containers/{id}/stats`: nothing if it does not run.
[[nodiscard]] std::optional<usage> read_stats(std::string_view json);

/// Returns `message` of an engine's error, or the body, as one short line.
[[nodiscard]] std::string error_text(std::string_view body);

/// Reads why the first process could not execute the command of a container that
/// has exited with 126 or 127, from the end of its log as the engine frames it.
/// Nothing if it did: the code is then the command's own.
/// Source: tini 0.19, `tini.c`, `spawn_process`.
[[nodiscard]] std::optional<std::string>
read_init_error(std::string_view framed_log);

/// What an answer other than success to `start` means.
[[nodiscard]] failure start_failure(int status, std::string_view body);

/// What an answer other than success to `create` means; not for 409, nor for a
/// missing image.
[[nodiscard]] failure create_failure(int status, std::string_view body);

struct image_ref {
  std::string name;
  /// Or a digest. `latest` if none was written: without it an engine would pull
  /// every tag there is.
  std::string tag;
  bool operator==(const image_ref&) const = default;
};
[[nodiscard]] image_ref read_image(std::string_view text);

/// A version of the API, such as 1.41.
struct api_version {
  int major = 1;
  int minor = 41;
  auto operator<=>(const api_version&) const = default;
};
[[nodiscard]] std::optional<api_version> read_version(std::string_view text);
[[nodiscard]] std::string to_string(api_version x);

struct engine_version {
  /// `Docker Engine`, or what the engine calls its platform.
  std::string name;
  std::string version;
  api_version api;
};

/// Reads `GET /version` and picks the version to speak: ours (1.43) or the
/// engine's, whichever is lower. Errors: a sentence, if the engine is older than
/// 1.41. A later engine that has given up ours is spoken to in its oldest.
[[nodiscard]] expected<engine_version, std::string>
read_engine_version(std::string_view json);

} // namespace troupe::runtime::docker
