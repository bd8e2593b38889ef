#include "runtime/drivers/process/supervision.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "runtime/drivers/process/process_identity.hpp"
#include "runtime/drivers/process/runner.hpp"

namespace troupe::runtime::process {

namespace {

// What cannot be killed (a process in the middle of a lost disk's input) must
// not keep the ending of the command from being known.
constexpr auto sweep_time_max = std::chrono::seconds{5};
// Between two looks for descendants that were born while others were killed.
constexpr auto sweep_interval_ms = 20;

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

unique_fd signals_of_runner() {
  auto set = sigset_t{};
  ::sigemptyset(&set);
  for (auto signal : {SIGCHLD, SIGINT, runner_stop_signal, runner_kill_signal})
    ::sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return unique_fd{::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
}

} // namespace

supervision::supervision(options options)
  : options_{std::move(options)}, signals_{signals_of_runner()} {
  ::fcntl(options_.out.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(options_.err.get(), F_SETFL, O_NONBLOCK);
  if (options_.timeout)
    timeout_at_ = clock::now() + *options_.timeout;
}

supervised supervision::run() {
  // It may have ended before its signal could be seen here.
  check_child();
  while (!child_ended_)
    wait_for_something();
  sweep();
  drain(options_.out, 1);
  drain(options_.err, 2);
  return result_;
}

void supervision::wait_for_something() {
  pollfd fds[] = {
    {signals_.get(), POLLIN, 0},
    {options_.out.get(), POLLIN, 0},
    {options_.err.get(), POLLIN, 0},
    {options_.watched_fd, POLLIN, 0},
  };
  if (::poll(fds, std::size(fds), milliseconds_left()) < 0)
    return;
  if (fds[3].revents != 0) {
    options_.watched_fd = -1;
    kill();
  }
  if (fds[1].revents != 0)
    drain(options_.out, 1);
  if (fds[2].revents != 0)
    drain(options_.err, 2);
  if (fds[0].revents != 0)
    read_signals();
  check_deadlines();
}

void supervision::read_signals() {
  auto signal = signalfd_siginfo{};
  while (::read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal)) {
    switch (static_cast<int>(signal.ssi_signo)) {
    case SIGINT:
    case runner_stop_signal:
      stop();
      break;
    case runner_kill_signal:
      kill();
      break;
    default:
      check_child();
    }
  }
}

// The whole group hears it, as from a terminal: a shell runs its trap only when
// the command that it waits for has ended too.
void supervision::stop() {
  if (stopping_ || child_ended_)
    return;
  stopping_ = true;
  if (options_.stop_grace <= options_.stop_grace.zero())
    return kill();
  kill_at_ = clock::now() + options_.stop_grace;
  ::kill(-options_.child, options_.stop_signal);
}

void supervision::kill() {
  stopping_ = true;
  kill_at_.reset();
  timeout_at_.reset();
  if (!child_ended_)
    ::kill(-options_.child, SIGKILL);
}

void supervision::check_deadlines() {
  auto now = clock::now();
  if (timeout_at_ && *timeout_at_ <= now) {
    timed_out_ = true;
    kill();
  }
  if (kill_at_ && *kill_at_ <= now)
    kill();
}

// The group is killed while its dead leader still keeps the id: no stranger can
// have it.
void supervision::check_child() {
  auto info = siginfo_t{};
  auto rc = ::waitid(P_PID, static_cast<id_t>(options_.child), &info,
                     WEXITED | WNOHANG | WNOWAIT);
  if (child_ended_ || rc != 0 || info.si_pid != options_.child) {
    reap();
    return;
  }
  result_.ended_at = std::chrono::system_clock::now();
  ::kill(-options_.child, SIGKILL);
  child_ended_ = true;
  reap();
}

// Returns whether children are left.
bool supervision::reap() {
  for (;;) {
    auto status = 0;
    auto usage = rusage{};
    // Not the command itself before its group was killed.
    auto info = siginfo_t{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
      return false;
    if (info.si_pid == 0 || (info.si_pid == options_.child && !child_ended_))
      return true;
    if (::wait4(info.si_pid, &status, WNOHANG, &usage) != info.si_pid)
      return true;
    if (info.si_pid == options_.child)
      result_.wait_status = status;
    result_.cpu_seconds += seconds(usage.ru_utime) + seconds(usage.ru_stime);
    result_.memory_bytes_peak = std::max<int64_t>(
      result_.memory_bytes_peak, int64_t{usage.ru_maxrss} * 1024);
  }
}

// Whoever left the group is now a child of this process, since it is a
// subreaper, or of one that is.
void supervision::sweep() {
  auto deadline = clock::now() + sweep_time_max;
  while (reap() && clock::now() < deadline) {
    for (auto pid : descendants(all_processes(), ::getpid()))
      if (auto who = identify(pid))
        if (auto fd = open_process(*who))
          send_signal(*fd, SIGKILL);
    drain(options_.out, 1);
    drain(options_.err, 2);
    pollfd fds[] = {{signals_.get(), POLLIN, 0}};
    ::poll(fds, 1, sweep_interval_ms);
    auto ignored = signalfd_siginfo{};
    while (::read(signals_.get(), &ignored, sizeof(ignored)) > 0) {
      // Only children matter now, and they are looked at in any case.
    }
  }
}

void supervision::drain(unique_fd& pipe, int stream) {
  // A bound, so that a flood does not keep a signal waiting.
  constexpr auto reads_max = 16;
  static char buffer[64 * 1024];
  for (auto i = 0; pipe && i < reads_max; ++i) {
    auto n = ::read(pipe.get(), buffer, sizeof(buffer));
    if (n > 0)
      options_.on_bytes(stream, {buffer, static_cast<size_t>(n)});
    else if (n < 0 && errno == EINTR)
      continue;
    else if (n < 0 && errno == EAGAIN)
      return;
    else
      pipe.reset();
  }
}

int supervision::milliseconds_left() const {
  auto first = kill_at_;
  if (timeout_at_ && (!first || *timeout_at_ < *first))
    first = timeout_at_;
  if (!first)
    return -1;
  auto left
    = std::chrono::ceil<std::chrono::milliseconds>(*first - clock::now());
  constexpr auto most = std::chrono::milliseconds{std::chrono::hours{1}};
  return static_cast<int>(std::clamp(left, left.zero(), most).count());
}

} // namespace troupe::runtime::process
