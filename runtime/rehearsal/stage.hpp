#pragma once

/// A cluster whose machines and tasks are imagined, on a clock that is turned as
/// needed. What decides is what decides in a controller: the state machine and
/// the policies; what restarts a run on its machine is what does so there.
///
///   command, time --> cluster --> work --> runs that go as told --> reports -+
///                       ^                                                    |
///                       +----------------------------------------------------+

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "messages/command.hpp"
#include "messages/expected.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/placement/policy.hpp"
#include "runtime/task.hpp"
#include "runtime/vitals.hpp"

namespace troupe::runtime::rehearsal {

/// How one run of a task goes once its machine has it.
struct run_course {
  /// Until it runs.
  milliseconds start{0};
  /// From then until it ends by itself; none: it goes on until it is stopped.
  std::optional<milliseconds> length = std::nullopt;
  task_state end = task_state::succeeded;
  reason why = reason::none;
  std::string message = {};
  std::optional<int32_t> exit_code = std::nullopt;
};

/// Runs at once and well, for ever.
[[nodiscard]] inline run_course run_for_ever(const work_item&) {
  return {};
}

struct stage_options {
  std::function<run_course(const work_item&)> course_of = run_for_ever;
  /// Hears every fact, in order, when it is decided.
  std::function<void(const event&)> listen = [](const event&) {};
  /// As in a controller: what is proposed together sees the same queue.
  uint32_t batch_tasks_max = 1'024;
  /// Whether of ends that come at one time each is followed by what it makes
  /// possible, but for those that were expected then, whose places are free from
  /// the beginning of that time; otherwise all are reported at once.
  bool one_by_one = false;
  /// Proposals, rounds of reports and passings of time.
  uint64_t steps_max = UINT64_MAX;
};

class stage {
public:
  explicit stage(stage_options options = {});

  /// Begins with nothing, at `now`.
  void begin(timestamp now);
  /// Begins with what lines hold that `cluster::save` wrote. What runs goes on
  /// until it is stopped.
  [[nodiscard]] expected<void, std::string>
  begin(const std::vector<std::string>& lines, const vitals& loads,
        timestamp now);

  [[nodiscard]] expected<outcome, refusal> decide(const command& x);

  /// Knows from now on how a run goes that is under way on `node`.
  void resume(const std::string& node, const work_item& run, run_course course);

  /// Whatever `node` is told from now on, it does not do, and what it ran is
  /// gone. Nobody is told: that is for time to do.
  void silence(const std::string& node);
  /// Lets a machine come, or come back with nothing on it.
  [[nodiscard]] expected<outcome, refusal> join(const node_profile& x);

  /// Ends the runs that are over now and were expected to be.
  void end_expected();

  /// Lets all follow that follows until `until`.
  void settle(timestamp until);
  /// Lets all follow that comes before `at`; then it is `at`.
  void turn_to(timestamp at);

  [[nodiscard]] const cluster& state() const { return core_; }
  /// Of the state that it began with.
  [[nodiscard]] version_number origin() const { return origin_; }
  [[nodiscard]] timestamp now() const { return now_; }
  [[nodiscard]] bool is_silent(const std::string& node) const {
    return silent_.contains(node);
  }
  /// Whether all was looked at that `steps_max` would have cut off.
  [[nodiscard]] bool complete() const { return complete_; }

private:
  struct runner {
    std::string node;
    task life;
    run_course course;
  };
  enum class moment : uint8_t { starts, ends, ticks };
  struct due {
    moment what = moment::ticks;
    run_id run;
  };
  using told = std::map<std::string, std::vector<task_report>>;

  bool place();
  bool work();
  void do_work(const std::string& node, const std::vector<work_item>& items);
  void do_item(told& to, const std::string& node, const work_item& x);
  [[nodiscard]] std::optional<timestamp> next_time() const;
  void pass_time();
  void pass_runs();
  [[nodiscard]] bool is_expected_end(const due& x) const;
  void follow(told& to, allocation_id x, task::step step);
  [[nodiscard]] static run_event start_of(const run_id& run, timestamp at);
  [[nodiscard]] run_event end_of(const runner& x) const;
  void report(const told& x);
  void listen();

  stage_options options_;
  cluster core_;
  std::map<std::string, std::unique_ptr<placement::policy>, std::less<>>
    policies_;
  std::set<std::string, std::less<>> silent_;
  std::map<allocation_id, runner> runners_;
  /// [time, number] What runs come to; those that are over by then are not.
  std::map<std::pair<timestamp, uint64_t>, due> agenda_;
  uint64_t last_number_ = 0;
  version_number origin_ = 0;
  timestamp now_;
  uint64_t steps_ = 0;
  bool complete_ = true;
};

} // namespace troupe::runtime::rehearsal
