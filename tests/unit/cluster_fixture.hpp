#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "messages/json.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/placement/policy.hpp"

#include "tests/builders.hpp"

namespace troupe {

/// A cluster with all policies, a clock of its own and a memory of all that it
/// decided. After each step the invariants are checked.
class cluster_fixture {
public:
  explicit cluster_fixture(runtime::cluster_options options = {})
    : core(options) {
    std::set<std::string, std::less<>> names;
    for (auto& name : runtime::placement::policy_names()) {
      policies_[name] = runtime::placement::make_policy(name);
      names.insert(name);
    }
    core.set_policies(std::move(names));
  }

  // -- steps -----------------------------------------------------------------

  expected<outcome, refusal> ask(const command& x) {
    auto result = core.decide(x, now);
    note();
    return result;
  }

  /// Decides `x`, which must be accepted.
  outcome done(const command& x) {
    auto result = ask(x);
    REQUIRE_MESSAGE(result.has_value(), result.error().detail);
    return result.value_or(outcome{});
  }

  outcome submit(job_spec_ptr x, std::string key = {}) {
    return done(submit_jobs{{std::move(x)}, std::move(key)});
  }
  void join(node_profile x) { done(join_node{std::move(x), {}}); }
  void report(const std::string& node, task_report x) {
    done(take_reports{node, {std::move(x)}});
  }

  /// Places all that fits. Returns how many proposals it took.
  size_t place(uint32_t tasks_max = 1'000) {
    size_t result = 0;
    for (; auto batch = core.next_batch(tasks_max); ++result) {
      core.commit(propose(*batch), now);
      note();
      REQUIRE(result < 10'000);
    }
    return result;
  }

  runtime::placement::proposal propose(const runtime::waiting::batch& x) {
    return policies_.at(x.policy)->propose(core.nodes_for(x), x.asks);
  }

  void pass(milliseconds x) {
    now = now + x;
    core.advance(now);
    note();
  }

  // -- what machines say -----------------------------------------------------

  void started(const task_ref& x) {
    report(node_of(x), a_report{item_of(x), task_state::running});
  }
  void ended(const task_ref& x, int32_t exit_code = 0) {
    auto report_of = a_report{item_of(x), exit_code == 0 ? task_state::succeeded
                                                         : task_state::failed};
    report_of.exit_code(exit_code);
    if (exit_code != 0)
      report_of.why(reason::exit_code);
    report(node_of(x), report_of);
  }
  /// The machine did as it was told.
  void stopped(const task_ref& x) {
    report(node_of(x), a_report{item_of(x), task_state::stopped}.why(
                         core.find_task(x)->why));
  }

  /// Machines confirm the first `most` places of gangs that they are asked for
  /// and have not answered yet.
  void agree(size_t most = 1'000) {
    for (auto& [name, node] : core.nodes())
      for (auto& item : core.work_for(name))
        if (item.kind == work_kind::reserve && most > 0) {
          --most;
          return report(name, a_report{item, task_state::placed}), agree(most);
        }
  }
  /// A machine refuses the place that it was asked for.
  void refuse(const task_ref& x, const std::string& message) {
    auto* job = core.find_job(x.job);
    auto node = core.name_of(job->holds.at(x.index));
    for (auto& item : core.work_for(node))
      if (item.kind == work_kind::reserve && item.task == x)
        return report(node,
                      a_report{item, task_state::failed}.message(message));
  }

  /// Names a live attempt as its machine would.
  [[nodiscard]] work_item item_of(const task_ref& x) const {
    auto* task = core.find_task(x);
    REQUIRE(task != nullptr);
    work_item result;
    result.task = x;
    result.attempt = task->attempt;
    result.allocation = task->allocation;
    return result;
  }

  // -- what is ---------------------------------------------------------------

  [[nodiscard]] task_state state_of(const task_ref& x) const {
    auto* task = core.find_task(x);
    return task != nullptr ? task->state : task_state::pending;
  }
  [[nodiscard]] std::string node_of(const task_ref& x) const {
    auto* task = core.find_task(x);
    return task != nullptr ? core.node_of(*task) : std::string{};
  }
  [[nodiscard]] bool is_over(const std::string& job) const {
    return core.find_job(job)->over();
  }

  /// Facts since the last call, one a line: type and members.
  std::string said() {
    std::string result;
    for (; read_ < events.size(); ++read_) {
      auto x = write_event(events[read_]);
      auto type = std::string{x.at("type").get_string()};
      for (auto* key : {"type", "version", "time", "spec", "job", "profile"})
        if (auto at = x.find(key);
            at != x.end()
            && (std::string_view{key} != "job" || x.contains("task")))
          x.stable_erase(at);
      result += type + ' ' + boost::json::serialize(x) + '\n';
    }
    return result;
  }

  /// Work given since the last call, one a line.
  std::string given() {
    std::string result;
    for (; work_read_ < work.size(); ++work_read_) {
      auto& [node, item] = work[work_read_];
      result += node + ": " + json::name_of(item.kind) + ' '
                + to_string(item.task) + '\n';
    }
    return result;
  }

  void forget_said() {
    read_ = events.size();
    work_read_ = work.size();
  }

  /// The lines of a snapshot.
  [[nodiscard]] static std::vector<std::string>
  image_of(const runtime::cluster& x) {
    std::vector<std::string> result;
    x.save([&](std::string_view line) { result.emplace_back(line); });
    return result;
  }

  /// Reads `lines` into `to`. Returns the error, or nothing.
  static std::string
  read_image(runtime::cluster& to, const std::vector<std::string>& lines) {
    size_t next = 0;
    auto ok = to.restore([&](std::string_view& line) {
      if (next == lines.size())
        return false;
      line = lines[next++];
      return true;
    });
    return ok ? std::string{} : ok.error();
  }

  /// Begins with a snapshot of another cluster, at its time.
  void begin_with(const cluster_fixture& x) {
    REQUIRE(read_image(core, image_of(x.core)) == "");
    now = x.now;
    base_ = core.version();
  }

  /// Begins with all facts of another cluster, as a controller that takes over.
  void begin_with_facts(const cluster_fixture& x) {
    for (auto& y : x.events)
      core.apply(y);
    events = x.events;
    now = x.now;
    forget_said();
  }

  /// Whether a replay of all facts and a snapshot both give this state.
  void check_copies() const {
    runtime::cluster replayed;
    for (auto& x : events) {
      // As it is read from a journal.
      auto read = read_line(x.version, write_line(x));
      REQUIRE_MESSAGE(read.has_value(), read.error());
      replayed.apply(*read);
    }
    CHECK(image_of(replayed) == image_of(core));
    CHECK(replayed.digest() == core.digest());
    CHECK(replayed.check_invariants() == "");
    runtime::cluster restored;
    CHECK(read_image(restored, image_of(core)) == "");
    CHECK(image_of(restored) == image_of(core));
    CHECK(restored.check_invariants() == "");
  }

  runtime::cluster core;
  timestamp now{1'000'000};
  std::vector<event> events;
  std::vector<runtime::node_work> work;
  /// Whether to check all invariants after each step.
  bool check = true;

private:
  void note() {
    for (auto& x : core.take_events()) {
      // Versions have no gaps.
      REQUIRE(x.version == base_ + events.size() + 1);
      events.push_back(std::move(x));
    }
    for (auto& x : core.take_work())
      work.push_back(std::move(x));
    if (check)
      REQUIRE(core.check_invariants() == "");
  }

  std::map<std::string, std::unique_ptr<runtime::placement::policy>,
           std::less<>>
    policies_;
  version_number base_ = 0;
  size_t read_ = 0;
  size_t work_read_ = 0;
};

} // namespace troupe
