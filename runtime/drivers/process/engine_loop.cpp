// The engine's thread: what it waits for is drawn in engine.cpp.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/drivers/process/descriptor_passing.hpp"
#include "runtime/drivers/process/engine.hpp"
#include "runtime/drivers/process/engine_events.hpp"
#include "runtime/drivers/process/run_dirs.hpp"

namespace troupe::runtime::process {

namespace {

constexpr auto look_again_ms = 20;
constexpr auto housekeeping_ms = 60'000;

void drain_events(int fd) {
  auto count = uint64_t{};
  [[maybe_unused]] auto n = ::read(fd, &count, sizeof(count));
}

/// Adds what there is to read. Returns whether more may come.
bool read_more(const unique_fd& pipe, std::string& into, size_t bytes_max) {
  char buffer[16 * 1024];
  for (;;) {
    auto n = ::read(pipe.get(), buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return n < 0 && errno == EAGAIN;
    auto room = bytes_max - std::min(bytes_max, into.size());
    into.append(buffer, std::min(room, static_cast<size_t>(n)));
  }
}

} // namespace

// -- the thread ---------------------------------------------------------------

void engine::loop() {
  epoll_event events[64];
  while (!ending_) {
    auto timeout = housekeeping_ms;
    {
      auto lock = std::lock_guard{mutex_};
      if (!unsettled_.empty())
        timeout = look_again_ms;
    }
    auto n = ::epoll_wait(epoll_.get(), events, std::size(events), timeout);
    auto calls = callbacks{};
    {
      auto lock = std::lock_guard{mutex_};
      for (auto i = 0; i < n; ++i) {
        auto event = events[i].data.u64;
        if (event == wake_event)
          drain_events(wake_.get());
        else if (event == channel_event)
          receive_answers(calls);
        else if (event % 2 == 1)
          handle_pipe(event / 2, calls);
        else
          handle_end(event / 2, calls);
      }
      look_again(calls);
      send_requests();
    }
    for (auto& call : calls)
      call();
    remove_expired();
  }
}

void engine::receive_answers(callbacks& calls) {
  for (;;) {
    if (!channel_)
      return;
    auto answer = spawn_answer{};
    auto message
      = receive_message(channel_.get(), &answer, sizeof(answer), MSG_DONTWAIT);
    if (message.size < 0 && errno == EAGAIN)
      return;
    if (message.size <= 0)
      return handle_spawner_gone(calls);
    handle(answer, message.descriptors, calls);
  }
}

void engine::handle(const spawn_answer& answer, std::vector<unique_fd>& fds,
                    callbacks& calls) {
  auto found = live_.find(answer.token);
  if (found == live_.end())
    return;
  auto& run = found->second;
  if (answer.error != 0 || fds.size() < 2) {
    // Without its descriptors it can still be found by its directory, if it has
    // begun.
    auto reason = answer.error != 0 ? std::strerror(answer.error)
                                    : "no descriptor left for it";
    auto why = std::string{"cannot make a process: "} + reason;
    if (run.on_result) {
      run.said = to_bytes(exec_result{.error = why});
      return handle_end(answer.token, calls);
    }
    return settle(answer.token, revoke_run(dir(run.run), groups_, why), calls);
  }
  run.runner_pid = answer.pid;
  run.pidfd = std::move(fds[0]);
  run.pipe = std::move(fds[1]);
  ::fcntl(run.pipe.get(), F_SETFL, O_NONBLOCK);
  watch(run.pipe.get(), pipe_event(answer.token), EPOLLIN);
  // Of a command beside a task, the end of the pipe is the end.
  if (!run.on_result)
    watch(run.pidfd.get(), end_event(answer.token), EPOLLIN);
  if (run.wanted_signal != 0)
    send_signal(run.pidfd, run.wanted_signal);
}

// Nothing can be started any more, but what runs is still watched.
void engine::handle_spawner_gone(callbacks& calls) {
  channel_.reset();
  requests_.clear();
  auto waiting = std::vector<token>{};
  for (auto& [which, run] : live_)
    if (!run.pidfd && !unsettled_.contains(which))
      waiting.push_back(which);
  for (auto which : waiting) {
    auto& run = live_.at(which);
    if (run.on_result) {
      run.said = to_bytes(exec_result{.error = "the spawner is gone"});
      handle_end(which, calls);
    } else {
      settle(which, revoke_run(dir(run.run), groups_, "the spawner is gone"),
             calls);
    }
  }
}

void engine::handle_pipe(token which, callbacks& calls) {
  auto found = live_.find(which);
  if (found == live_.end() || !found->second.pipe)
    return;
  auto& run = found->second;
  constexpr auto line_bytes = size_t{4096};
  auto more
    = read_more(run.pipe, run.said,
                line_bytes + (run.on_result ? exec_output_bytes_max : 0));
  if (!run.on_result && run.said.find('\n') != std::string::npos) {
    auto pid = 0;
    auto at = 0ll;
    if (std::sscanf(run.said.c_str(), "%d %lld", &pid, &at) == 2)
      tell_start(run, pid, wall_time{std::chrono::milliseconds{at}}, calls);
  }
  if (more)
    return;
  run.pipe.reset();
  if (run.on_result)
    handle_end(which, calls);
}

void engine::handle_end(token which, callbacks& calls) {
  auto found = live_.find(which);
  if (found == live_.end())
    return;
  auto& run = found->second;
  if (run.on_result) {
    calls.push_back(
      [callback = std::move(run.on_result),
       result = exec_result_from_bytes(run.said)] { callback(result); });
    --execs_;
    return erase(which);
  }
  // Its start is told before its end.
  if (run.pipe)
    handle_pipe(which, calls);
  run.pidfd.reset();
  run.pipe.reset();
  settle(which,
         find_or_revoke(run.run, "its runner could not write to its directory"),
         calls);
}

run_finding engine::find_or_revoke(const run_id& id, std::string why) {
  auto finding = find_run(dir(id), groups_);
  if (std::holds_alternative<unclaimed_run>(finding))
    return revoke_run(dir(id), groups_, std::move(why));
  return finding;
}

/// Goes on with a run from what was found of it.
void engine::settle(token which, run_finding finding, callbacks& calls) {
  auto& run = live_.at(which);
  if (auto* exit = std::get_if<run_exit>(&finding)) {
    if (exit->pid != 0)
      tell_start(run, exit->pid, exit->started_at, calls);
    calls.push_back([this, id = run.run, exit = *exit] {
      if (options_.on_exit)
        options_.on_exit(id, exit);
    });
    return erase(which);
  }
  if (auto* running = std::get_if<running_run>(&finding)) {
    if (!run.pidfd) {
      run.runner_pid = running->runner_pid;
      run.pidfd = std::move(running->runner);
      watch(run.pidfd.get(), end_event(which), EPOLLIN);
      if (run.wanted_signal != 0)
        send_signal(run.pidfd, run.wanted_signal);
    }
    if (running->state)
      tell_start(run, running->state->child.pid, running->state->started_at,
                 calls);
    if (run.told_start)
      unsettled_.erase(which);
    else
      unsettled_.insert(which);
    return;
  }
  unsettled_.insert(which);
}

void engine::tell_start(live& run, pid_t pid, wall_time at, callbacks& calls) {
  if (std::exchange(run.told_start, true))
    return;
  calls.push_back([this, id = run.run, pid, at] {
    if (options_.on_started)
      options_.on_started(id, pid, at);
  });
}

void engine::send_requests() {
  while (channel_ && !requests_.empty()) {
    auto& request = requests_.front();
    auto n = send_message(channel_.get(), request.data(), request.size(), {},
                          MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
      break;
    // Any other error means that the spawner is gone, and is read there too.
    if (n < 0)
      return;
    requests_.pop_front();
  }
  if (channel_)
    watch(channel_.get(), channel_event,
          requests_.empty() ? uint32_t{EPOLLIN} : EPOLLIN | EPOLLOUT);
}

void engine::look_again(callbacks& calls) {
  auto unsettled = std::vector<token>(unsettled_.begin(), unsettled_.end());
  for (auto which : unsettled)
    settle(which, find_or_revoke(live_.at(which).run, "its files are gone"),
           calls);
}

void engine::remove_expired() {
  auto expired = std::vector<run_id>{};
  {
    auto lock = std::lock_guard{mutex_};
    expired = ended_.take_expired(wall_now());
  }
  for (auto& id : expired)
    remove_run(dir(id).path());
}

// -- small parts --------------------------------------------------------------

void engine::watch(int fd, uint64_t event, uint32_t what) {
  auto x = epoll_event{};
  x.events = what;
  x.data.u64 = event;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &x) != 0 && errno == EEXIST)
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &x);
}

void engine::wake() {
  auto one = uint64_t{1};
  (void)!::write(wake_.get(), &one, sizeof(one));
}

engine::token engine::add(live run) {
  auto which = next_token_++;
  if (run.on_result)
    ++execs_;
  else
    runs_.emplace(run.run, which);
  live_.emplace(which, std::move(run));
  return which;
}

void engine::erase(token which) {
  auto found = live_.find(which);
  if (auto run = runs_.find(found->second.run);
      run != runs_.end() && run->second == which)
    runs_.erase(run);
  unsettled_.erase(which);
  live_.erase(found);
}

} // namespace troupe::runtime::process
