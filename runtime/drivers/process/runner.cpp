#include "runtime/drivers/process/runner.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/drivers/process/control_group.hpp"
#include "runtime/drivers/process/launch.hpp"
#include "runtime/drivers/process/rotating_log.hpp"
#include "runtime/drivers/process/supervision.hpp"

namespace troupe::runtime::process {

namespace {

// A full disk is made free by somebody within this time, or never.
constexpr auto exit_tries_max = 3600;
constexpr auto exit_retry_interval = timespec{1, 0};

struct stream_pipes {
  unique_fd out, out_writer, err, err_writer;
};

expected<stream_pipes, std::string> make_pipes() {
  int out[2], err[2];
  if (::pipe2(out, O_CLOEXEC) != 0)
    return make_unexpected(std::string{"cannot make a pipe: "}
                           + std::strerror(errno));
  auto result = stream_pipes{unique_fd{out[0]}, unique_fd{out[1]}, {}, {}};
  if (::pipe2(err, O_CLOEXEC) != 0)
    return make_unexpected(std::string{"cannot make a pipe: "}
                           + std::strerror(errno));
  result.err.reset(err[0]);
  result.err_writer.reset(err[1]);
  return result;
}

run_exit not_started(std::string why) {
  auto now = wall_now();
  return {.ending = run_ending::start_failed,
          .message = std::move(why),
          .started_at = now,
          .ended_at = now};
}

run_exit exit_from(const supervised& end, const run_state& state) {
  auto signaled = WIFSIGNALED(end.wait_status);
  return {
    .ending = signaled ? run_ending::signaled : run_ending::exited,
    .code = signaled ? WTERMSIG(end.wait_status) : WEXITSTATUS(end.wait_status),
    .pid = state.child.pid,
    .started_at = state.started_at,
    .ended_at = std::chrono::floor<std::chrono::milliseconds>(end.ended_at),
    .memory_bytes_peak = end.memory_bytes_peak,
    .cpu_seconds = end.cpu_seconds,
  };
}

void give_notice(const unique_fd& notice, const run_state& state) {
  char line[64];
  auto n = std::snprintf(
    line, sizeof(line), "%d %lld\n", state.child.pid,
    static_cast<long long>(state.started_at.time_since_epoch().count()));
  // Nobody may listen any more, or never again: the file says the same.
  [[maybe_unused]] auto written
    = ::write(notice.get(), line, static_cast<size_t>(n));
}

/// Runs the command and returns how it ended.
run_exit run_claimed(const run_dir& dir, const run_spec& spec,
                     const process_identity& self, unique_fd notice) {
  if (spec.argv.empty())
    return not_started("there is no command");
  auto pipes = make_pipes();
  if (!pipes)
    return not_started(pipes.error());
  auto groups = std::optional<control_groups>{};
  auto place
    = launch_place{pipes->out_writer.get(), pipes->err_writer.get(), {}};
  if (!spec.control_group.empty()) {
    groups = control_groups::detect();
    place.doors = groups->create(
      spec.control_group, {spec.cpu_millicores_limit, spec.memory_bytes_limit,
                           spec.cpu_millicores_reserved});
  }
  auto child = launch(dir, spec, spec.argv, place);
  if (!child) {
    if (groups)
      groups->remove(spec.control_group);
    return not_started(child.error());
  }
  pipes->out_writer.reset();
  pipes->err_writer.reset();
  auto state = run_state{self, identify(*child).value_or(process_identity{}),
                         wall_now()};
  // Without this file the task runs all the same; a later agent then knows less
  // about it.
  (void)dir.write_state(state);
  give_notice(notice, state);
  notice.reset();
  auto out = rotating_log{dir.log(log_stream::out), spec.logs};
  auto err = rotating_log{dir.log(log_stream::err), spec.logs};
  auto watch = supervision{{
    .child = *child,
    .out = std::move(pipes->out),
    .err = std::move(pipes->err),
    .on_bytes
    = [&](int stream,
          std::string_view bytes) { (stream == 1 ? out : err).write(bytes); },
    .stop_signal = spec.stop_signal,
    .stop_grace = spec.stop_grace,
    .watched_fd = -1,
    .timeout = std::nullopt,
  }};
  auto exit = exit_from(watch.run(), state);
  if (groups) {
    if (auto usage = groups->usage(spec.control_group)) {
      exit.memory_bytes_peak = usage->memory_bytes_peak;
      exit.out_of_memory = usage->out_of_memory_kills > 0;
    }
    groups->remove(spec.control_group);
  }
  return exit;
}

// An ending that is not written would be lost, so it waits for a full disk; not
// for a directory that somebody removed.
void write_ending(const run_dir& dir, const run_exit& exit, durability wanted) {
  for (auto i = 0; i < exit_tries_max; ++i) {
    if (dir.write_exit(exit, wanted) || ::access(dir.path().c_str(), F_OK) != 0)
      return;
    ::nanosleep(&exit_retry_interval, nullptr);
  }
}

} // namespace

void run_task(const std::string& path, unique_fd notice) {
  ::prctl(PR_SET_NAME, "troupe-run");
  ::setsid();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  auto dir = run_dir{path};
  auto self = identify(::getpid());
  if (!self)
    return;
  auto claim = dir.claim(*self);
  // Taken, or the disk is full: the agent sees which when this process ends.
  if (!claim || !*claim)
    return;
  auto spec = dir.spec();
  if (!spec)
    return write_ending(dir, not_started(spec.error()), durability::process);
  auto exit = run_claimed(dir, *spec, *self, std::move(notice));
  write_ending(dir, exit, spec->ending_survives);
}

} // namespace troupe::runtime::process
