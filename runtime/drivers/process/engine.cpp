// The agent's side of running processes. One thread waits for three things:
//
//   channel   the spawner's answers, each with a pidfd and a pipe
//   pipe      a runner says that its command runs, and closes it
//             (or a command beside a task says how it went)
//   pidfd     a runner has ended: its directory tells the rest
//
// Directories are the truth; what is in memory is only who is watched.

#include "runtime/drivers/process/engine.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "messages/contract.hpp"

#include "runtime/drivers/process/descriptor_passing.hpp"
#include "runtime/drivers/process/runner.hpp"

namespace troupe::runtime::process {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

// A million queued tasks would still be fewer than this per machine.
constexpr auto starts_waiting_max = size_t{65'536};
// Each may hold `exec_output_bytes_max` in memory, twice for a moment.
constexpr auto execs_max = size_t{32};
constexpr auto look_again_ms = 20;
constexpr auto housekeeping_ms = 60'000;
constexpr auto usage_age_max = 500ms;

// What epoll hands back. Tokens begin at 1, so these two are free.
constexpr auto wake_event = uint64_t{0};
constexpr auto channel_event = uint64_t{1};
uint64_t end_event(uint64_t token) {
  return token * 2;
}
uint64_t pipe_event(uint64_t token) {
  return token * 2 + 1;
}

// Several nodes on one machine may have the same allocation numbers.
std::string prefix_of(const std::string& data_dir) {
  // FNV-1a: the same for every build, as a group may outlive a build.
  auto hash = uint64_t{14695981039346656037u};
  for (auto c : data_dir)
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  char text[32];
  std::snprintf(text, sizeof(text), "%016" PRIx64 "-", hash);
  return text;
}

bool has_nul(const std::string& x) {
  return x.find('\0') != std::string::npos;
}

expected<void, std::string> validate(const run_spec& spec) {
  if (spec.argv.empty() || spec.argv.front().empty())
    return make_unexpected(std::string{"there is no command"});
  auto bad = has_nul(spec.workdir) || has_nul(spec.user)
             || std::any_of(spec.argv.begin(), spec.argv.end(), has_nul);
  for (auto& [name, value] : spec.env)
    bad = bad || has_nul(name) || has_nul(value) || name.empty()
          || name.find('=') != std::string::npos;
  if (bad)
    return make_unexpected(std::string{"a NUL in the command, its environment, "
                                       "user or directory, or an environment "
                                       "variable without a proper name"});
  return {};
}

wall_time modified_at(const std::string& path) {
  struct stat status;
  if (::stat(path.c_str(), &status) != 0)
    return wall_now();
  return wall_time{std::chrono::seconds{status.st_mtim.tv_sec}};
}

constexpr auto removed_suffix = std::string_view{".removed"};

// Without its claim, a run would look like one that never began. So it goes as
// a whole, under a name that is no run's; the rest can wait for the next agent.
void remove_run(const std::string& path) {
  auto away = path + std::string{removed_suffix};
  auto error = std::error_code{};
  if (std::rename(path.c_str(), away.c_str()) == 0)
    fs::remove_all(away, error);
}

void remove_leftovers(const std::string& runs) {
  auto error = std::error_code{};
  for (auto i = fs::directory_iterator{runs, error};
       !error && i != fs::directory_iterator{}; i.increment(error)) {
    auto ignored = std::error_code{};
    if (i->path().native().ends_with(removed_suffix))
      fs::remove_all(i->path(), ignored);
  }
}

/// The numbers among the names in a directory.
std::vector<uint64_t> numbers_in(const std::string& path) {
  auto result = std::vector<uint64_t>{};
  auto error = std::error_code{};
  for (auto i = fs::directory_iterator{path, error};
       !error && i != fs::directory_iterator{}; i.increment(error)) {
    auto name = i->path().filename().string();
    auto number = uint64_t{};
    auto* end = name.data() + name.size();
    auto [rest, wrong] = std::from_chars(name.data(), end, number);
    if (wrong == std::errc{} && rest == end && std::to_string(number) == name)
      result.push_back(number);
  }
  std::sort(result.begin(), result.end());
  return result;
}

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

// -- life ---------------------------------------------------------------------

expected<std::unique_ptr<engine>, std::string>
engine::open(engine_options options, spawner& spawner) {
  TROUPE_ASSERT(options.data_dir.starts_with('/'));
  auto error = std::error_code{};
  auto runs = options.data_dir + "/runs";
  fs::create_directories(runs, error);
  // Others may pass through, to the working directories of their tasks, but
  // see nothing.
  if (error || ::chmod(runs.c_str(), 0711) != 0)
    return make_unexpected("cannot make " + runs + ": "
                           + (error ? error.message() : std::strerror(errno)));
  remove_leftovers(runs);
  auto channel = spawner.connect();
  if (!channel)
    return make_unexpected(channel.error());
  auto result = std::unique_ptr<engine>{
    new engine{std::move(options), std::move(*channel)}};
  if (!result->epoll_ || !result->wake_)
    return make_unexpected(std::string{"no descriptor left for the engine"});
  result->thread_ = std::thread{[engine = result.get()] { engine->loop(); }};
  return result;
}

engine::engine(engine_options options, unique_fd channel)
  : options_{std::move(options)}, groups_{control_groups::detect()},
    group_prefix_{prefix_of(options_.data_dir)}, channel_{std::move(channel)},
    epoll_{::epoll_create1(EPOLL_CLOEXEC)}, wake_{::eventfd(
                                              0, EFD_CLOEXEC | EFD_NONBLOCK)},
    ended_{options_.ended_runs_kept_max, options_.ended_runs_kept_for} {
  watch(wake_.get(), wake_event, EPOLLIN);
  watch(channel_.get(), channel_event, EPOLLIN);
}

engine::~engine() {
  ending_ = true;
  wake();
  if (thread_.joinable())
    thread_.join();
}

bool engine::limits_enforced() const {
  return groups_.limits_cpu() && groups_.limits_memory();
}

run_dir engine::dir(uint64_t allocation) const {
  return run_dir{options_.data_dir + "/runs/" + std::to_string(allocation)};
}

// -- what the agent asks for --------------------------------------------------

expected<void, std::string> engine::start(run_spec spec) {
  if (auto valid = validate(spec); !valid)
    return valid;
  auto allocation = spec.allocation;
  auto which = token{};
  {
    auto lock = std::lock_guard{mutex_};
    if (runs_.contains(allocation))
      return {};
    if (!channel_)
      return make_unexpected(std::string{"the spawner is gone"});
    if (requests_.size() >= starts_waiting_max)
      return make_unexpected(std::string{"too many starts are waiting"});
    which = add(live{.allocation = allocation});
  }
  auto prepared = prepare(spec);
  auto lock = std::lock_guard{mutex_};
  if (!prepared) {
    erase(which);
    return prepared;
  }
  auto found = live_.find(which);
  // The spawner died meanwhile, and that has been told.
  if (found == live_.end())
    return {};
  found->second.control_group = spec.control_group;
  if (dir(allocation).has_claim())
    unsettled_.insert(which);
  else
    requests_.push_back(
      spawn_request(spawn_kind::run, which, dir(allocation).path()));
  wake();
  return {};
}

expected<void, std::string> engine::prepare(run_spec& spec) {
  auto where = dir(spec.allocation);
  if (::mkdir(where.path().c_str(), 0711) != 0 && errno != EEXIST)
    return make_unexpected("cannot make " + where.path() + ": "
                           + std::strerror(errno));
  if (where.is_acknowledged())
    return make_unexpected(std::string{"this allocation has ended before"});
  if (where.has_claim())
    return {};
  if (spec.cpu_millicores_limit > 0 || spec.memory_bytes_limit > 0)
    spec.control_group = group_prefix_ + std::to_string(spec.allocation);
  return where.write_spec(spec);
}

void engine::stop(uint64_t allocation) {
  signal(allocation, runner_stop_signal);
}

void engine::kill(uint64_t allocation) {
  signal(allocation, runner_kill_signal);
}

void engine::signal(uint64_t allocation, int number) {
  auto lock = std::lock_guard{mutex_};
  auto found = runs_.find(allocation);
  if (found == runs_.end())
    return;
  auto& run = live_.at(found->second);
  // Once it is to be killed, it is not to be stopped.
  if (run.wanted_signal != runner_kill_signal)
    run.wanted_signal = number;
  if (run.pidfd)
    send_signal(run.pidfd, number);
}

std::vector<found_run> engine::adopt() {
  auto result = std::vector<found_run>{};
  for (auto allocation : numbers_in(options_.data_dir + "/runs")) {
    auto where = dir(allocation);
    if (where.is_acknowledged()) {
      auto lock = std::lock_guard{mutex_};
      ended_.add(allocation, modified_at(where.file("acknowledged")));
    } else if (auto found = adopt_one(allocation)) {
      result.push_back(std::move(*found));
    }
  }
  wake();
  return result;
}

std::optional<found_run> engine::adopt_one(uint64_t allocation) {
  auto where = dir(allocation);
  auto lock = std::lock_guard{mutex_};
  if (runs_.contains(allocation))
    return std::nullopt;
  auto finding = find_run(where, groups_);
  if (std::holds_alternative<unclaimed_run>(finding))
    finding = revoke_run(where, groups_,
                         "troupe ended on its node before it could be started",
                         run_ending::withdrawn);
  auto result = found_run{};
  result.spec = where.spec().value_or(run_spec{});
  result.spec.allocation = allocation;
  if (auto* exit = std::get_if<run_exit>(&finding)) {
    result.pid = exit->pid;
    result.started_at = exit->started_at;
    result.exit = std::move(*exit);
    return result;
  }
  auto which = add(
    live{.allocation = allocation, .control_group = result.spec.control_group});
  auto& run = live_.at(which);
  if (auto* running = std::get_if<running_run>(&finding)) {
    run.runner_pid = running->runner_pid;
    run.pidfd = std::move(running->runner);
    if (running->state) {
      run.told_start = true;
      result.pid = running->state->child.pid;
      result.started_at = running->state->started_at;
    }
    watch(run.pidfd.get(), end_event(which), EPOLLIN);
  }
  if (!run.told_start)
    unsettled_.insert(which);
  return result;
}

void engine::forget(uint64_t allocation) {
  auto where = dir(allocation);
  if (!where.has_exit() || where.is_acknowledged())
    return;
  // If the disk is full, the ending is told again by the next agent, and
  // acknowledged again.
  if (!where.write_acknowledged())
    return;
  // The environment may hold secrets; nobody needs it any more.
  ::unlink(where.file("run.json").c_str());
  auto lock = std::lock_guard{mutex_};
  ended_.add(allocation, wall_now());
  wake();
}

std::optional<run_usage> engine::usage(uint64_t allocation) {
  auto lock = std::lock_guard{mutex_};
  auto found = runs_.find(allocation);
  if (found == runs_.end() || live_.at(found->second).runner_pid == 0)
    return std::nullopt;
  auto now = std::chrono::steady_clock::now();
  if (processes_.empty() || now - processes_seen_at_ > usage_age_max) {
    processes_ = all_processes();
    processes_seen_at_ = now;
  }
  auto& run = live_.at(found->second);
  auto runner = processes_.find(run.runner_pid);
  if (runner == processes_.end())
    return std::nullopt;
  auto result = run_usage{};
  auto ticks = runner->second.cpu_ticks_of_children;
  for (auto pid : descendants(processes_, run.runner_pid)) {
    auto& stat = processes_.at(pid);
    ticks += stat.cpu_ticks + stat.cpu_ticks_of_children;
    result.memory_bytes += stat.memory_bytes;
  }
  result.cpu_seconds
    = static_cast<double>(ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  if (auto group = groups_.usage(run.control_group))
    result.memory_bytes = group->memory_bytes;
  return result;
}

expected<void, std::string>
engine::exec(uint64_t allocation, std::vector<std::string> argv,
             std::chrono::milliseconds timeout, exec_callback callback) {
  if (argv.empty() || std::any_of(argv.begin(), argv.end(), has_nul))
    return make_unexpected(std::string{"there is no proper command"});
  auto lock = std::lock_guard{mutex_};
  auto found = runs_.find(allocation);
  if (found == runs_.end() || !live_.at(found->second).told_start)
    return make_unexpected(std::string{"the task does not run"});
  if (!channel_)
    return make_unexpected(std::string{"the spawner is gone"});
  if (execs_ >= execs_max)
    return make_unexpected(std::string{"too many commands run beside tasks"});
  auto text
    = to_json(exec_request{dir(allocation).path(), std::move(argv), timeout});
  auto request = spawn_request(spawn_kind::exec, next_token_, text);
  if (request.size() > spawn_request_bytes_max)
    return make_unexpected(std::string{"the command is too long"});
  add(live{.allocation = allocation, .on_result = std::move(callback)});
  requests_.push_back(std::move(request));
  wake();
  return {};
}

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
    return settle(answer.token, revoke_run(dir(run.allocation), groups_, why),
                  calls);
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
      settle(which,
             revoke_run(dir(run.allocation), groups_, "the spawner is gone"),
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
         find_or_revoke(run.allocation,
                        "its runner could not write to its directory"),
         calls);
}

run_finding engine::find_or_revoke(uint64_t allocation, std::string why) {
  auto finding = find_run(dir(allocation), groups_);
  if (std::holds_alternative<unclaimed_run>(finding))
    return revoke_run(dir(allocation), groups_, std::move(why));
  return finding;
}

/// Goes on with a run from what was found of it.
void engine::settle(token which, run_finding finding, callbacks& calls) {
  auto& run = live_.at(which);
  if (auto* exit = std::get_if<run_exit>(&finding)) {
    if (exit->pid != 0)
      tell_start(run, exit->pid, exit->started_at, calls);
    calls.push_back([this, allocation = run.allocation, exit = *exit] {
      if (options_.on_exit)
        options_.on_exit(allocation, exit);
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
  calls.push_back([this, allocation = run.allocation, pid, at] {
    if (options_.on_started)
      options_.on_started(allocation, pid, at);
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
    settle(which,
           find_or_revoke(live_.at(which).allocation, "its files are gone"),
           calls);
}

void engine::remove_expired() {
  auto expired = std::vector<uint64_t>{};
  {
    auto lock = std::lock_guard{mutex_};
    expired = ended_.take_expired(wall_now());
  }
  for (auto allocation : expired)
    remove_run(dir(allocation).path());
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
    runs_.emplace(run.allocation, which);
  live_.emplace(which, std::move(run));
  return which;
}

void engine::erase(token which) {
  auto found = live_.find(which);
  if (auto run = runs_.find(found->second.allocation);
      run != runs_.end() && run->second == which)
    runs_.erase(run);
  unsettled_.erase(which);
  live_.erase(found);
}

} // namespace troupe::runtime::process
