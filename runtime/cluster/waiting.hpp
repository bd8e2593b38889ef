#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "runtime/cluster/records.hpp"
#include "runtime/placement/policy.hpp"
#include "runtime/retry.hpp"

namespace troupe::runtime {

/// Jobs that wait, by class. Arrays stay ranges: a job stands here once,
/// however many of its tasks wait.
///
///   ready   -> blocked   [block]   its tasks fit nowhere; costs nothing
///   blocked -> ready     [wake]    a fact could help it, or time has come to try
///                                  once more
class waiting {
public:
  struct job_class {
    std::shared_ptr<const placement::task_class> of;
    /// The policy that places it.
    std::string policy;
    /// What its tasks count as when others could make room for them.
    int32_t priority = 0;
    /// Whose share of the cluster they use, where that decides who is next.
    std::string group;
    /// Names of the limits on how many of them may run at once.
    std::vector<std::string> quotas;
    /// How long they run; 0 if nobody knows.
    milliseconds estimate{0};
    std::map<queue_key, job_record*> jobs;
    /// Jobs of the class, waiting or not.
    uint32_t users = 0;
    bool blocked = false;
    /// Whether it was refused so that what is ahead of it is not delayed.
    bool behind = false;
    placement::refusal refusal;
    /// Whether a fact that could help arrived while a proposal was being made.
    bool helped = false;
    /// Tries by time alone since one of it was placed, and when the next is due.
    uint32_t tries = 0;
    timestamp next_try;
    /// Whether the try under way is one of these.
    bool by_time = false;
    /// Whether some node would be large enough if it were empty, as it was found
    /// out for the nodes of so many changes ago; see `cluster::never_fits`.
    mutable bool fits_empty_nodes = true;
    mutable uint64_t found_at_change = 0;

    /// Whether it waits for facts only: by time alone it has been tried enough.
    [[nodiscard]] bool is_parked() const {
      return blocked && tries > 0 && !next_try;
    }
  };

  /// Finds the class equal to `x` that `policy` serves, or makes it. Jobs of
  /// another priority, group or with other limits stand in a class of their own:
  /// what is found out for one of a class holds for all of it.
  class_id
  acquire(placement::task_class x, std::string policy, int32_t priority = 0,
          std::string group = {}, std::vector<std::string> quotas = {},
          milliseconds estimate = {});
  void release(class_id id);

  void insert(job_record& job, queue_key key);
  void erase(const job_record& job, queue_key key);

  /// Ends with a try at a later time, unless there were enough of them already.
  void block(class_id id, placement::refusal why, timestamp now,
             bool behind = false);
  void wake(class_id id);
  void note_placed(class_id id);
  /// Notes that something happened that could help somebody.
  void note_help() { breaker_.note_help(); }
  /// Wakes those blocked classes for which `could_help` is true.
  void wake_if(const std::function<bool(const job_class&)>& could_help);
  /// Wakes the classes whose next try is due.
  void wake_due(timestamp now);
  [[nodiscard]] std::optional<timestamp> next_try() const;
  /// How often a class was tried enough.
  [[nodiscard]] uint64_t times_parked() const { return times_parked_; }
  [[nodiscard]] bool slowed_down() const { return breaker_.is_open(); }

  /// The first ready jobs in queue order that one policy serves, with at most
  /// `tasks_max` tasks. Passes over classes whose policy is not in `known`: they
  /// are blocked as `unknown_scheduler`. Ends at what does not come before
  /// `before`, if that is given.
  struct asked {
    version_number born = 0;
    std::shared_ptr<const placement::task_class> of;
    /// The task that it is about, if not just any of the job.
    std::optional<uint32_t> index;
  };
  struct batch {
    std::string policy;
    std::vector<placement::ask> asks;
    /// [ask]
    std::vector<asked> about;
    /// The gang whose members are asked for, all or none; empty for others.
    std::string gang = {};
    /// Whether they must leave alone what is reserved for others.
    bool behind = false;
  };
  /// Finds the row of a node by its name's number, if the node is there.
  using row_finder
    = std::function<std::optional<placement::node_index>(uint32_t name)>;
  static std::optional<placement::node_index> nowhere(uint32_t) {
    return std::nullopt;
  }
  /// How many more tasks of a class may have a place.
  using allowance = std::function<uint32_t(const job_class&)>;
  static uint32_t no_limit(const job_class&) { return UINT32_MAX; }
  /// Whether tasks of a class, at this place in the queue, must leave alone what
  /// is reserved. A batch is of one kind.
  using backfill_rule = std::function<bool(queue_key, const job_class&)>;
  static bool nobody_behind(queue_key, const job_class&) { return false; }
  [[nodiscard]] std::optional<batch>
  next(uint32_t tasks_max, const std::set<std::string, std::less<>>& known,
       const row_finder& row_of = nowhere, std::optional<queue_key> before = {},
       const allowance& left_for = no_limit,
       const backfill_rule& is_behind = nobody_behind);

  /// The same, task by task: the next is always of the group that has used the
  /// least of what it may. `share_of` gives what a group has used already, and
  /// `cost_of` what a task of a class adds to it, both divided by its weight.
  struct fairness {
    std::function<double(const std::string& group)> share_of;
    std::function<double(const job_class&)> cost_of;
  };
  [[nodiscard]] std::optional<batch>
  next_fair(uint32_t tasks_max, const std::set<std::string, std::less<>>& known,
            const fairness& by, const row_finder& row_of = nowhere,
            const allowance& left_for = no_limit);

  /// The key of the first ready job, if there is one.
  [[nodiscard]] std::optional<queue_key> first() const {
    return heads_.empty() ? std::nullopt : std::optional{heads_.begin()->first};
  }

  /// Forgets what helped so far: a proposal for the present state begins.
  void begin_proposal();

  [[nodiscard]] const job_class& at(class_id id) const { return *classes_[id]; }
  /// The first jobs of blocked classes, in queue order, one of each class.
  [[nodiscard]] std::vector<std::pair<queue_key, const job_record*>>
  blocked(size_t limit) const;
  /// Jobs that wait and come before `key`, up to `limit`.
  [[nodiscard]] uint32_t ahead_of(queue_key key, uint32_t limit) const;
  /// Calls `f` for waiting jobs; false ends it.
  void
  each(const std::function<bool(const job_class&, const job_record&)>& f) const;

private:
  void refresh_head(class_id id);
  void refresh_try(class_id id, timestamp due);
  /// Blocks what no try helps.
  void pass_over(const std::vector<class_id>& classes, reason why);

  std::vector<std::unique_ptr<job_class>> classes_;
  std::vector<class_id> free_;
  using class_key = std::tuple<placement::task_class, std::string, int32_t,
                               std::string, std::vector<std::string>, int64_t>;
  std::map<class_key, class_id> index_;
  /// Ready classes by the key of their first job.
  std::set<std::pair<queue_key, class_id>> heads_;
  /// [class] The key under which a class stands in `heads_`, if it does.
  std::vector<std::optional<queue_key>> head_of_;
  /// The same of blocked classes.
  std::set<std::pair<queue_key, class_id>> blocked_;
  std::vector<std::optional<queue_key>> blocked_of_;
  /// When blocked classes are tried again.
  std::set<std::pair<timestamp, class_id>> tries_;
  uint64_t times_parked_ = 0;
  circuit_breaker breaker_;
};

} // namespace troupe::runtime
