#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "messages/expected.hpp"

#include "runtime/drivers/process/control_group.hpp"
#include "runtime/drivers/process/ended_runs.hpp"
#include "runtime/drivers/process/exec_session.hpp"
#include "runtime/drivers/process/run_finding.hpp"
#include "runtime/drivers/process/spawner.hpp"

namespace troupe::runtime::process {

/// A run that an earlier agent left.
struct found_run {
  run_spec spec;
  /// 0 while the command is about to start: `on_started` then follows.
  pid_t pid = 0;
  wall_time started_at;
  /// Nothing if it still runs: `on_exit` then follows.
  std::optional<run_exit> exit;
};

/// What a task and all that it started use.
struct run_usage {
  double cpu_seconds = 0;
  int64_t memory_bytes = 0;
};

struct engine_options {
  /// An absolute path. Runs are kept in `runs/` below it.
  std::string data_dir;
  /// Called on the engine's thread, which does nothing else meanwhile. They
  /// must not throw, and may call the engine. For each run, `on_started` comes
  /// at most once and before `on_exit`; a run that fails to start has only that.
  std::function<void(const run_id& id, pid_t pid, wall_time at)> on_started;
  std::function<void(const run_id& id, const run_exit& exit)> on_exit;
  /// Acknowledged runs whose files are kept, and for how long.
  size_t ended_runs_kept_max = 200;
  std::chrono::milliseconds ended_runs_kept_for = std::chrono::hours{24};
};

/// The agent's door to processes: starts commands that outlive it, and tells
/// their endings until they are acknowledged. Safe to call from any thread.
class engine {
public:
  using exec_callback = std::function<void(const exec_result&)>;

  /// REQUIRES: `spawner` lives as long as the engine; no other engine has this
  /// directory.
  /// Errors: a sentence, if the directory cannot be made or the system has no
  /// descriptor left.
  [[nodiscard]] static expected<std::unique_ptr<engine>, std::string>
  open(engine_options options, spawner& spawner);

  /// Leaves everything running.
  ~engine();

  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  /// Runs a command once. A run that was started before, by this agent or by
  /// another, is not started again: its ending is told.
  /// Errors: a sentence; the command then does not run, unless a later agent is
  /// asked again. What goes wrong after this call comes as `on_exit`.
  expected<void, std::string> start(run_spec spec);

  /// Sends the stop signal, and SIGKILL when the grace is over. Also before the
  /// command has started. Runs that have ended are left alone.
  void stop(const run_id& id);

  /// Kills at once.
  void kill(const run_id& id);

  /// Finds the runs of earlier agents and watches those that live. Runs that
  /// were asked for but never began are `withdrawn`, and will never begin.
  [[nodiscard]] std::vector<found_run> adopt();

  /// Acknowledges an ending: it is not told again, and its files are removed
  /// after a while. Nothing happens to a run that has not ended.
  void forget(const run_id& id);

  /// Nothing if it does not run. At most half a second old.
  [[nodiscard]] std::optional<run_usage> usage(const run_id& id);

  /// Moves the limits of a run; 0: none. May take as long as the kernel needs to
  /// find memory that it can take back. Returns what there is now.
  /// Errors: a sentence; it is as it was then.
  [[nodiscard]] expected<group_limits, std::string>
  limit(const run_id& id, group_limits wanted);

  /// Runs a second command beside a running task.
  /// Errors: a sentence; `callback` is not called then.
  expected<void, std::string>
  exec(const run_id& id, std::vector<std::string> argv,
       std::chrono::milliseconds timeout, exec_callback callback);

  /// Whether limits of cpu and memory hold here, or are only wishes.
  [[nodiscard]] bool limits_enforced() const;

  /// Where the files of a run are, or would be.
  [[nodiscard]] run_dir dir(const run_id& id) const;

private:
  /// A runner, or a command beside a task.
  struct live {
    run_id run = {};
    /// Set for a command beside a task.
    exec_callback on_result = {};
    /// None before the spawner has answered.
    unique_fd pidfd = {};
    unique_fd pipe = {};
    std::string said = {};
    pid_t runner_pid = 0;
    std::string control_group = {};
    /// To be sent as soon as there is a pidfd; 0: none.
    int wanted_signal = 0;
    bool told_start = false;
  };
  using token = uint64_t;
  using callbacks = std::vector<std::function<void()>>;

  engine(engine_options options, unique_fd channel);

  expected<void, std::string> prepare(run_spec& spec);
  std::optional<found_run> adopt_one(const run_id& id);
  void signal(const run_id& id, int number);

  // On the engine's thread. Those that take callbacks hold the lock, and leave
  // there what is to be called without it.
  void loop();
  void receive_answers(callbacks& calls);
  void handle(const spawn_answer& answer, std::vector<unique_fd>& fds,
              callbacks& calls);
  void handle_spawner_gone(callbacks& calls);
  void handle_pipe(token which, callbacks& calls);
  void handle_end(token which, callbacks& calls);
  void settle(token which, run_finding finding, callbacks& calls);
  void tell_start(live& run, pid_t pid, wall_time at, callbacks& calls);
  void send_requests();
  void look_again(callbacks& calls);
  run_finding find_or_revoke(const run_id& id, std::string why);
  void remove_expired();

  void watch(int fd, uint64_t event, uint32_t what);
  void wake();
  token add(live run);
  void erase(token which);

  engine_options options_;
  control_groups groups_;
  std::string group_prefix_;

  std::mutex mutex_;
  unique_fd channel_;
  unique_fd epoll_;
  unique_fd wake_;
  token next_token_ = 1;
  std::map<token, live> live_;
  std::map<run_id, token> runs_;
  /// Requests that the spawner has not taken. Limit: `starts_waiting_max`.
  std::deque<std::string> requests_;
  /// Runs that have to be looked at again, for want of a descriptor that tells.
  std::set<token> unsettled_;
  size_t execs_ = 0;
  ended_runs ended_;
  process_table processes_;
  std::chrono::steady_clock::time_point processes_seen_at_;

  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

} // namespace troupe::runtime::process
