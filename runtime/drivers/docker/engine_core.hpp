#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "runtime/drivers/docker/engine.hpp"
#include "runtime/drivers/docker/pull_stream.hpp"
#include "runtime/http/client.hpp"

namespace troupe::runtime::docker {

/// What the engine said to one call, or why it did not.
struct engine_answer {
  int status = 0;
  std::string body{};
  http::client_failure failure = http::client_failure::none;
  std::string error{};

  /// The engine has not answered, and may or may not have acted.
  [[nodiscard]] bool in_doubt() const {
    return failure != http::client_failure::none && !not_sent();
  }
  [[nodiscard]] bool not_sent() const {
    return failure == http::client_failure::not_sent
           || failure == http::client_failure::refused;
  }
  [[nodiscard]] bool answered() const {
    return failure == http::client_failure::none;
  }
};

enum class call_mode : uint8_t {
  plain,
  /// Must not be sent twice: the engine would do it twice.
  once
};

/// The state of the door. All of it lives on the client's thread: no locks.
/// Steps of a start are in `engine_start.cpp`, exits, adoption and what follows
/// an outage in `engine_watch.cpp`, calls on one container in `engine_use.cpp`.
class engine::core {
public:
  using answer_handler = std::function<void(engine_answer)>;

  explicit core(engine_options options);
  core(const core&) = delete;
  core& operator=(const core&) = delete;
  ~core();

  /// Runs `f` on the door's thread.
  void post(std::function<void()> f);

  // -- calls ------------------------------------------------------------------

  void probe(reply<engine_version> done);
  void start(container_spec spec, reply<start_answer> done);
  void adopt(reply<std::vector<container_view>> done);
  void stop(const run_id& run, const std::string& signal, milliseconds grace,
            const reply<void>& done);
  void remove(const run_id& run, reply<void> done);
  void logs(uint64_t stream, const run_id& run, const log_query& query,
            log_frames::piece on_piece, reply<void> on_end);
  void cancel(uint64_t stream);
  void exec(const run_id& run, const std::vector<std::string>& command,
            milliseconds timeout, reply<exec_answer> done);
  void stats(const run_id& run, reply<usage> done);
  void limit(const run_id& run, run_limits own, run_limits wanted,
             reply<run_limits> done);
  void inspect(const run_id& run, reply<container_view> done);

  std::atomic<uint64_t> last_stream{0};

private:
  enum class phase : uint8_t {
    queued,
    pulling,
    creating,
    starting,
    /// The engine has left a step of the start unanswered.
    doubtful,
    /// The engine says that it was never started, and nobody is starting it.
    created,
    running,
    /// Reported.
    exited
  };

  struct entry {
    container_spec spec;
    phase now = phase::queued;
    std::string id{};
    std::string name{};
    /// Asked for by `start`, not answered yet.
    std::vector<reply<start_answer>> starts{};
    /// Stops that came during the start: run when it is decided.
    std::vector<std::function<void()>> after_start{};
    /// Counts among the starts at once.
    bool has_turn = false;
    /// The image was pulled for this start.
    bool pulled = false;
    /// The engine has once left a step of its start unanswered.
    bool doubted = false;
    /// Somebody has asked to start its container. An engine that dies while it
    /// does so says afterwards that it never has, though the task ran.
    bool may_have_run = false;
    /// Removed here: late answers are about nobody.
    bool forgotten = false;
    /// The open `wait`, or 0.
    uint64_t wait = 0;
    /// What the last `wait` answered. Only a hint, unless the container is gone.
    std::optional<int32_t> wait_code{};
    /// The last `wait` broke off: the engine went away under the container.
    bool cut = false;
    bool inspecting = false;
    /// It was sent a signal from here.
    bool signalled = false;
    /// Its grace is over.
    bool kill_wanted = false;
  };
  using entry_ptr = std::shared_ptr<entry>;

  /// One pull, and the starts that wait for it.
  struct pull {
    pull_stream progress;
    std::vector<entry_ptr> waiting;
    std::chrono::steady_clock::time_point told{};
  };

  // -- engine_core.cpp: talking to the engine ----------------------------------

  http::client_request
  request(std::string method, const std::string& path) const;
  void send(http::client_request request, answer_handler done,
            uint64_t* id = nullptr);
  void call(std::string method, std::string path, std::string body,
            milliseconds timeout, call_mode mode, answer_handler done);
  failure unreachable(const engine_answer& answer) const;
  failure unexpected(const char* what, const engine_answer& answer) const;
  void negotiate();
  void check_health();
  void schedule_health();
  void note_failed(const engine_answer& answer);
  void note_health(bool alive, const engine_answer& answer);
  void tell(engine_event event);
  entry_ptr find(const run_id& run) const;
  void forget(const entry_ptr& x);

  struct exec_call;
  using exec_ptr = std::shared_ptr<exec_call>;

  // -- engine_start.cpp ---------------------------------------------------------

  void start_next();
  void create(const entry_ptr& x);
  void created(const entry_ptr& x, const engine_answer& answer);
  void pull_image(const entry_ptr& x);
  void pull_told(const std::string& image, std::string_view bytes);
  void pull_done(const std::string& image, const engine_answer& answer);
  void take_over(const entry_ptr& x, bool settled);
  void
  taken_over(const entry_ptr& x, bool settled, const engine_answer& answer);
  void launch(const entry_ptr& x, bool adopted);
  void launched(const entry_ptr& x, bool adopted, const engine_answer& answer);
  void succeed(const entry_ptr& x, bool adopted);
  void fail(const entry_ptr& x, failure why);
  void end_unknown(const entry_ptr& x, std::function<void()> done);
  void discard(const entry_ptr& x, failure why);
  void doubt(const entry_ptr& x, const engine_answer& answer);
  void leave_start(const entry_ptr& x, phase next);
  static void answer_starts(const entry_ptr& x,
                            const expected<start_answer, failure>& answer);
  static void run_stops(const entry_ptr& x);

  // -- engine_watch.cpp ---------------------------------------------------------

  void open_wait(const entry_ptr& x, const char* condition,
                 std::function<void()> on_open, answer_handler on_failed);
  void watch(const entry_ptr& x);
  void check_exit(const entry_ptr& x);
  void exit_checked(const entry_ptr& x, const engine_answer& answer);
  void report_exit(const entry_ptr& x, exit_status exit);
  void suspect_exit(const entry_ptr& x, exit_status exit);
  void explain_exit(const entry_ptr& x, exit_status exit);
  void open_events();
  void read_events(std::string_view bytes);
  void reconcile();
  void resolve_doubt(const entry_ptr& x);
  void doubt_resolved(const entry_ptr& x, const engine_answer& answer);
  void adopt_rest(std::shared_ptr<std::vector<container_view>> found,
                  size_t next, reply<std::vector<container_view>> done);
  entry_ptr enter(const container_view& found, phase now);

  // -- engine_use.cpp -----------------------------------------------------------

  void signal(const entry_ptr& x, const std::string& name, reply<void> done);
  void remove_container(const std::string& id, reply<void> done);
  void remove_unknown(const run_id& run, reply<void> done);
  struct limit_call;
  using limit_ptr = std::shared_ptr<limit_call>;
  void limit_to_used(const limit_ptr& x);
  void limit_ask(const limit_ptr& x);
  void exec_run(const exec_ptr& x);
  void exec_ask(const exec_ptr& x);

  engine_options options_;
  api_version version_;
  std::atomic<bool> closing_{false};
  /// Calls wait here until the version is agreed on, or that has failed.
  std::optional<std::vector<std::function<void()>>> before_version_
    = std::vector<std::function<void()>>{};
  std::optional<bool> alive_{};
  /// As `kills_at_limit` says, once it is known.
  std::optional<bool> kills_at_limit_{};
  bool checking_health_ = false;
  /// When a failed call last caused a check.
  std::chrono::steady_clock::time_point checked_{};
  std::map<run_id, entry_ptr> entries_;
  std::deque<entry_ptr> starts_waiting_;
  size_t starts_running_ = 0;
  std::map<std::string, pull> pulls_;
  std::map<uint64_t, uint64_t> streams_;
  uint64_t events_ = 0;
  int64_t events_since_;
  std::string events_line_;
  /// Last: its thread ends before the rest of this goes.
  http::client client_;
};

} // namespace troupe::runtime::docker
