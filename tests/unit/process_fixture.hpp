#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "runtime/drivers/process/engine.hpp"
#include "runtime/drivers/process/log_cursor.hpp"

namespace troupe::runtime::process {

using namespace std::chrono_literals;

/// Far more than anything here takes, also on a busy machine.
inline constexpr auto deadline = 30s;

/// A directory that is gone after the test.
class scratch_directory {
public:
  scratch_directory() {
    auto name
      = (std::filesystem::temp_directory_path() / "troupe-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
    // Tasks of other users pass through.
    std::filesystem::permissions(path, std::filesystem::perms{0755});
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
  ~scratch_directory() {
    auto error = std::error_code{};
    std::filesystem::remove_all(path, error);
  }

  std::string path;
};

/// Waits for a condition that nobody signals. Returns whether it came true.
inline bool eventually(const std::function<bool()>& condition) {
  auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

/// The first run of an allocation.
inline run_id run_of(uint64_t allocation) {
  return {{allocation}, 1};
}

/// An agent: a spawner, an engine, and a note of what the engine told. The
/// spawner is forked while the test may have other threads; that is harmless
/// here, as none of them holds a lock that the spawner needs.
class test_agent {
public:
  explicit test_agent(std::string data_dir, size_t kept_max = 200) {
    auto forked = spawner::fork();
    REQUIRE(forked);
    spawner_ = std::make_unique<spawner>(std::move(*forked));
    auto opened
      = engine::open({.data_dir = std::move(data_dir),
                      .on_started =
                        [this](const run_id& id, pid_t pid, wall_time) {
                          auto lock = std::lock_guard{mutex_};
                          started_.emplace(id.allocation.value, pid);
                          changed_.notify_all();
                        },
                      .on_exit =
                        [this](const run_id& id, const run_exit& exit) {
                          auto lock = std::lock_guard{mutex_};
                          exits_.emplace(id.allocation.value, exit);
                          changed_.notify_all();
                        },
                      .ended_runs_kept_max = kept_max},
                     *spawner_);
    REQUIRE(opened);
    engine_ = std::move(*opened);
  }

  test_agent(const test_agent&) = delete;
  test_agent& operator=(const test_agent&) = delete;

  /// Tasks outlive agents, but not tests.
  ~test_agent() {
    auto lock = std::unique_lock{mutex_};
    for (auto& [id, pid] : started_)
      engine_->kill(run_of(id));
    changed_.wait_for(lock, deadline, [&] {
      return std::all_of(started_.begin(), started_.end(),
                         [&](auto& x) { return exits_.contains(x.first); });
    });
  }

  engine* operator->() { return engine_.get(); }

  pid_t spawner_pid() const { return spawner_->pid(); }

  /// Process id of the command; 0 if it did not start in time.
  pid_t started(uint64_t id) {
    auto lock = std::unique_lock{mutex_};
    changed_.wait_for(lock, deadline, [&] {
      return started_.contains(id) || exits_.contains(id);
    });
    auto found = started_.find(id);
    return found == started_.end() ? 0 : found->second;
  }

  run_exit ended(uint64_t id) {
    auto lock = std::unique_lock{mutex_};
    REQUIRE(
      changed_.wait_for(lock, deadline, [&] { return exits_.contains(id); }));
    return exits_.find(id)->second;
  }

  size_t exits_told(uint64_t id) {
    auto lock = std::unique_lock{mutex_};
    return exits_.count(id);
  }

  /// Runs a command to its end.
  run_exit run(run_spec spec) {
    auto id = spec.allocation.value;
    REQUIRE(engine_->start(std::move(spec)));
    return ended(id);
  }

  std::string out(uint64_t id) {
    return read_log(engine_->dir(run_of(id)), log_stream::out, {}, 1 << 20);
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, pid_t> started_;
  std::multimap<uint64_t, run_exit> exits_;
  // Last, so that it ends before what its callbacks use.
  std::unique_ptr<spawner> spawner_;
  std::unique_ptr<engine> engine_;
};

inline run_spec command(uint64_t id, std::vector<std::string> argv) {
  auto spec = run_spec{};
  spec.allocation = {id};
  spec.task = "test.0";
  spec.argv = std::move(argv);
  spec.env = {{"PATH", "/usr/bin:/bin"}};
  return spec;
}

inline run_spec shell(uint64_t id, std::string script) {
  return command(id, {"sh", "-c", std::move(script)});
}

/// Whether the process is there and not only waits to be waited for.
inline bool is_alive(pid_t pid) {
  auto stat = stat_of(pid);
  return stat && stat->state != 'Z' && stat->state != 'X';
}

} // namespace troupe::runtime::process
