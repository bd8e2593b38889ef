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

#include "runtime/drivers/process/engine_events.hpp"
#include "runtime/drivers/process/run_dirs.hpp"
#include "runtime/drivers/process/runner.hpp"

namespace troupe::runtime::process {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

// A million queued tasks would still be fewer than this per machine.
constexpr auto starts_waiting_max = size_t{65'536};
// Each may hold `exec_output_bytes_max` in memory, twice for a moment.
constexpr auto execs_max = size_t{32};
constexpr auto usage_age_max = 500ms;

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

} // namespace

// -- life ---------------------------------------------------------------------

expected<std::unique_ptr<engine>, std::string>
engine::open(engine_options options, spawner& spawner) {
  TROUPE_ASSERT(options.data_dir.starts_with('/'));
  auto error = std::error_code{};
  auto runs = runs_path(options.data_dir);
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

run_dir engine::dir(const run_id& id) const {
  return run_dir{runs_path(options_.data_dir) + '/' + to_string(id)};
}

// -- what the agent asks for --------------------------------------------------

expected<void, std::string> engine::start(run_spec spec) {
  if (auto valid = validate(spec); !valid)
    return valid;
  auto id = spec.run();
  auto which = token{};
  {
    auto lock = std::lock_guard{mutex_};
    if (runs_.contains(id))
      return {};
    if (!channel_)
      return make_unexpected(std::string{"the spawner is gone"});
    if (requests_.size() >= starts_waiting_max)
      return make_unexpected(std::string{"too many starts are waiting"});
    which = add(live{.run = id});
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
  if (dir(id).has_claim())
    unsettled_.insert(which);
  else
    requests_.push_back(spawn_request(spawn_kind::run, which, dir(id).path()));
  wake();
  return {};
}

expected<void, std::string> engine::prepare(run_spec& spec) {
  auto where = dir(spec.run());
  if (::mkdir(where.path().c_str(), 0711) != 0 && errno != EEXIST)
    return make_unexpected("cannot make " + where.path() + ": "
                           + std::strerror(errno));
  if (where.is_acknowledged())
    return make_unexpected(std::string{"this allocation has ended before"});
  if (where.has_claim())
    return {};
  // Also without limits: its burst may have to be held back.
  if (groups_.limits_cpu() || groups_.limits_memory())
    spec.control_group = group_prefix_ + to_string(spec.run());
  return where.write_spec(spec);
}

void engine::stop(const run_id& id) {
  signal(id, runner_stop_signal);
}

void engine::kill(const run_id& id) {
  signal(id, runner_kill_signal);
}

void engine::signal(const run_id& id, int number) {
  auto lock = std::lock_guard{mutex_};
  auto found = runs_.find(id);
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
  for (auto& id : runs_in(runs_path(options_.data_dir))) {
    auto where = dir(id);
    if (where.is_acknowledged()) {
      auto lock = std::lock_guard{mutex_};
      ended_.add(id, modified_at(where.file("acknowledged")));
    } else if (auto found = adopt_one(id)) {
      result.push_back(std::move(*found));
    }
  }
  wake();
  return result;
}

std::optional<found_run> engine::adopt_one(const run_id& id) {
  auto where = dir(id);
  auto lock = std::lock_guard{mutex_};
  if (runs_.contains(id))
    return std::nullopt;
  auto finding = find_run(where, groups_);
  if (std::holds_alternative<unclaimed_run>(finding))
    finding = revoke_run(where, groups_,
                         "troupe ended on its node before it could be started",
                         run_ending::withdrawn);
  auto result = found_run{};
  result.spec = where.spec().value_or(run_spec{});
  result.spec.allocation = id.allocation;
  result.spec.attempt = id.attempt;
  if (auto* exit = std::get_if<run_exit>(&finding)) {
    result.pid = exit->pid;
    result.started_at = exit->started_at;
    result.exit = std::move(*exit);
    return result;
  }
  auto which = add(live{.run = id, .control_group = result.spec.control_group});
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

void engine::forget(const run_id& id) {
  auto where = dir(id);
  if (!where.has_exit() || where.is_acknowledged())
    return;
  // If the disk is full, the ending is told again by the next agent, and
  // acknowledged again.
  if (!where.write_acknowledged())
    return;
  // The environment may hold secrets; nobody needs it any more.
  ::unlink(where.file("run.json").c_str());
  auto lock = std::lock_guard{mutex_};
  ended_.add(id, wall_now());
  wake();
}

std::optional<run_usage> engine::usage(const run_id& id) {
  auto lock = std::lock_guard{mutex_};
  auto found = runs_.find(id);
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

expected<group_limits, std::string>
engine::limit(const run_id& id, group_limits wanted) {
  auto group = std::string{};
  {
    auto lock = std::lock_guard{mutex_};
    auto found = runs_.find(id);
    if (found == runs_.end())
      return make_unexpected(std::string{"it does not run"});
    group = live_.at(found->second).control_group;
  }
  // Not under the lock: the kernel may have to look for memory.
  return groups_.limit(group, wanted);
}

expected<void, std::string>
engine::exec(const run_id& id, std::vector<std::string> argv,
             std::chrono::milliseconds timeout, exec_callback callback) {
  if (argv.empty() || std::any_of(argv.begin(), argv.end(), has_nul))
    return make_unexpected(std::string{"there is no proper command"});
  auto lock = std::lock_guard{mutex_};
  auto found = runs_.find(id);
  if (found == runs_.end() || !live_.at(found->second).told_start)
    return make_unexpected(std::string{"the task does not run"});
  if (!channel_)
    return make_unexpected(std::string{"the spawner is gone"});
  if (execs_ >= execs_max)
    return make_unexpected(std::string{"too many commands run beside tasks"});
  auto text = to_json(exec_request{dir(id).path(), std::move(argv), timeout});
  auto request = spawn_request(spawn_kind::exec, next_token_, text);
  if (request.size() > spawn_request_bytes_max)
    return make_unexpected(std::string{"the command is too long"});
  add(live{.run = id, .on_result = std::move(callback)});
  requests_.push_back(std::move(request));
  wake();
  return {};
}

} // namespace troupe::runtime::process
