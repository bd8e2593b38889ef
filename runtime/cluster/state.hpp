#pragma once

/// What facts add up to, and what anybody may ask about it. Whoever changes it is
/// a `cluster`.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/fact.hpp"
#include "messages/work.hpp"

#include "runtime/cluster/agenda.hpp"
#include "runtime/cluster/backfill.hpp"
#include "runtime/cluster/dependents.hpp"
#include "runtime/cluster/fair_shares.hpp"
#include "runtime/cluster/finished_jobs.hpp"
#include "runtime/cluster/lookups.hpp"
#include "runtime/cluster/node_names.hpp"
#include "runtime/cluster/options.hpp"
#include "runtime/cluster/queue_order.hpp"
#include "runtime/cluster/quotas.hpp"
#include "runtime/cluster/records.hpp"
#include "runtime/cluster/submission_keys.hpp"
#include "runtime/cluster/waiting.hpp"
#include "runtime/placement/preempt.hpp"
#include "runtime/placement/shadow.hpp"
#include "runtime/placement/table.hpp"
#include "runtime/result_cache.hpp"

namespace troupe::runtime {

class cluster_state {
public:
  [[nodiscard]] version_number version() const { return version_; }
  [[nodiscard]] version_number term() const { return term_; }
  [[nodiscard]] timestamp last_time() const { return now_; }
  [[nodiscard]] const settings& config() const { return settings_; }
  [[nodiscard]] const job_record* find_job(std::string_view name) const;
  [[nodiscard]] const task_record* find_task(const task_ref& x) const;
  [[nodiscard]] const node_record* find_node(std::string_view name) const;
  /// Whether so many nodes are silent that it must be the network between them
  /// and here: then nothing is placed anew, which would only make it worse.
  [[nodiscard]] bool is_braked() const;
  [[nodiscard]] const auto& jobs() const { return jobs_; }
  [[nodiscard]] const auto& nodes() const { return nodes_; }
  [[nodiscard]] const auto& gangs() const { return gangs_; }
  [[nodiscard]] const placement::table& table() const { return table_; }
  [[nodiscard]] const placement::tenants& tenants() const { return tenants_; }
  [[nodiscard]] const waiting& queue() const { return waiting_; }
  /// Name of the node that `x` is or was on; empty before its first place.
  [[nodiscard]] const std::string& node_of(const task_record& x) const;
  [[nodiscard]] const std::string& name_of(placement::node_index row) const;
  [[nodiscard]] const std::string& name_of(const hold_record& x) const {
    return names_[x.node];
  }
  /// The name of a node by its number, as in `task_record::node`.
  [[nodiscard]] const std::string& name_at(uint32_t id) const {
    return names_[id];
  }
  [[nodiscard]] queue_key key_of(const job_record& job) const {
    return key_in(settings_.queue_order, job);
  }
  [[nodiscard]] queue_key key_of(const gang_record& gang) const {
    return key_in(settings_.queue_order, gang);
  }
  /// What placement looks at of tasks of `spec`.
  [[nodiscard]] placement::task_class class_of(const job_spec& spec) const;
  /// What a task holds that is there by `allocation`.
  [[nodiscard]] placement::held_place
  holding_of(placement::node_index row, uint64_t allocation) const;
  /// The task that holds `allocation` on `row`.
  [[nodiscard]] task_ref
  holder_of(placement::node_index row, uint64_t allocation) const;
  /// What may be asked for of a node's cpu, in parts of what it has.
  [[nodiscard]] double overcommit_of(const node_record& node) const;
  /// The limits on how many tasks may run at once, by label.
  [[nodiscard]] const auto& limits() const { return quotas_.all(); }
  /// How many more tasks of `x` may have a place under these.
  [[nodiscard]] uint32_t left_for(const waiting::job_class& x) const {
    return quotas_.left(x.quotas);
  }
  /// What all nodes have.
  [[nodiscard]] const resources& whole() const;
  /// Whether no node would take a task of `x` even if it were empty.
  [[nodiscard]] bool never_fits(const waiting::job_class& x) const;
  /// For whom places are kept until others have ended, if for anybody.
  [[nodiscard]] const std::optional<reserved_head>& ahead() const {
    return backfill_.ahead();
  }
  /// What waits for its next try by time alone waits longer.
  [[nodiscard]] bool is_slowed_down() const { return waiting_.slowed_down(); }
  [[nodiscard]] const result_cache& results() const { return results_; }
  /// What a result of task `index` is kept by; nothing if none is.
  [[nodiscard]] std::optional<cache_key>
  cache_key_of(const job_record& job, uint32_t index) const;
  /// A task that is identical to those of `key` and holds a place.
  [[nodiscard]] std::optional<task_ref> who_runs(const cache_key& key) const {
    return lookups_.who_runs(key);
  }

  /// Names of the policies that are there.
  [[nodiscard]] const auto& policies() const { return policies_; }
  /// Whether any job waits for the end of `job`.
  [[nodiscard]] bool is_awaited(std::string_view job) const {
    return dependents_.is_awaited(job);
  }

  /// All that `node` has to do, as after a new connection.
  [[nodiscard]] std::vector<work_item> work_for(std::string_view node) const;

  /// Notes what `node` measured. Not a fact: it is not in the journal.
  void note_load(std::string_view node, const resources& used);
  /// Notes what `shadow` would have done instead of `here`. Not a fact either.
  void note_shadow(const std::string& shadow, const placement::proposal& here,
                   const placement::proposal& there, timestamp now);
  [[nodiscard]] const placement::comparison& shadow() const { return shadow_; }

protected:
  explicit cluster_state(const cluster_options& options);
  cluster_state(const cluster_state&) = delete;
  cluster_state& operator=(const cluster_state&) = delete;
  ~cluster_state() = default;

  cluster_options options_;
  version_number version_ = 0;
  version_number term_ = 0;
  /// Time of the fact that is being decided or applied.
  timestamp now_;
  /// Time of the last fact.
  timestamp said_at_;
  settings settings_;
  std::map<std::string, job_record, std::less<>> jobs_;
  std::map<std::string, node_record, std::less<>> nodes_;
  placement::table table_;
  /// Who could make room for others; in step with `node_record::allocations`.
  placement::tenants tenants_;
  /// Tasks whose kept place nobody has any more.
  std::set<task_number> free_holds_;
  /// While the queue is fair to groups.
  fair_shares shares_;
  /// What all nodes have, as it was so many of their changes ago.
  mutable resources whole_;
  mutable uint64_t whole_found_at_ = 0;
  quotas quotas_;
  waiting waiting_;
  std::set<std::string, std::less<>> policies_;
  /// [row] Nodes, null where none is.
  std::vector<node_record*> rows_;
  /// Counts changes of what nodes have, and which there are.
  uint64_t node_changes_ = 1;
  node_names names_;
  agenda agenda_;
  std::map<std::string, gang_record, std::less<>> gangs_;
  /// Gangs that may start, by their place in the queue.
  std::set<std::pair<queue_key, std::string>> open_gangs_;
  std::map<version_number, job_record*> jobs_by_birth_;
  dependents dependents_;
  /// Nodes that are unhealthy, and that drain.
  std::set<std::string, std::less<>> silent_;
  /// When nodes that were so many that it braked began to come back.
  timestamp mending_since_{};
  std::set<std::string, std::less<>> draining_;
  /// Births of jobs of kind `system`.
  std::set<version_number> system_jobs_;
  result_cache results_;
  lookups lookups_;
  finished_jobs finished_;
  submission_keys keys_;
  placement::comparison shadow_;
  backfill backfill_;
};

} // namespace troupe::runtime
