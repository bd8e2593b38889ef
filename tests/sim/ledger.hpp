#pragma once

/// What facts add up to, kept once more, by somebody who trusts nobody: which
/// facts may follow which, and who holds what.

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "messages/fact.hpp"

namespace troupe::sim {

class ledger {
public:
  /// A place that nobody else gets, until those who have it have left.
  struct kept_place {
    std::string node;
    std::vector<port_binding> ports;
    std::set<allocation_id> awaits;
    std::vector<task_ref> victims;
    timestamp until;
  };

  struct task {
    task_state state = task_state::pending;
    uint32_t attempt = 0;
    allocation_id allocation;
    std::string node;
    /// Of the attempt's version.
    job_spec_ptr spec;
    std::vector<port_binding> ports;
    bool stopping = false;
    bool restart = false;
    timestamp not_before;
    /// A place that is kept for it, while it waits.
    std::optional<kept_place> kept;
    /// Failures in a row that nobody but the task is to blame for.
    uint32_t failures = 0;
    reason why = reason::none;
    /// Whether it has ended because nobody knew of it any more.
    bool given_up = false;
    /// Was beyond the count, or of a job that was stopped: it may be remembered
    /// no more, and then begins anew.
    bool forgotten = false;
  };

  struct job {
    job_spec_ptr spec;
    uint32_t count = 0;
    /// Members beyond the count that stand in for others.
    uint32_t extra = 0;
    uint32_t version = 1;
    bool stopped = false;
    std::map<uint32_t, task> tasks;
    [[nodiscard]] uint32_t wanted() const { return count + extra; }
  };

  struct node {
    node_profile profile;
    label_set labels;
    node_state state = node_state::ready;
    /// Cordoned, draining or drained.
    bool cordoned = false;
    /// Gets single tasks only, to try whether it works again.
    bool quarantined = false;
  };

  /// One attempt at a place.
  struct allocation {
    task_ref task;
    uint32_t attempt = 0;
    std::string node;
    job_spec_ptr spec;
    /// How often its machine has started it again.
    uint32_t restarts = 0;
    bool ended = false;
    /// Ended although it may run on: its node was silent.
    bool given_up = false;
  };

  /// Takes the next fact. What it breaks is added to `breaches`.
  void take(const event& x);

  std::vector<std::string> breaches;

  [[nodiscard]] version_number version() const { return version_; }
  [[nodiscard]] const auto& jobs() const { return jobs_; }
  [[nodiscard]] const auto& nodes() const { return nodes_; }
  [[nodiscard]] const job* find_job(const std::string& name) const;
  [[nodiscard]] const task* find_task(const task_ref& x) const;
  [[nodiscard]] const allocation* find(allocation_id x) const;
  /// Jobs that were accepted with `key`, a name for each fact.
  [[nodiscard]] std::vector<std::string>
  jobs_of_key(const std::string& key) const;
  /// The highest version of `job` ever accepted, 0 if it never was.
  [[nodiscard]] uint32_t accepted_version(const std::string& name) const;
  /// What `node` has left beside what is held and kept there; without those who
  /// leave it, and without whoever counts less than `priority`.
  struct room {
    resources free;
    std::set<uint16_t> ports;
  };
  static constexpr auto nobody = std::numeric_limits<int32_t>::min();
  [[nodiscard]] room
  room_on(const std::string& node, int32_t priority = nobody) const;
  /// What a task counts as when places are scarce.
  [[nodiscard]] static int32_t priority_of(const job& owner, const task& x);

private:
  void expect(bool holds, const std::string& what);
  task* task_called(const task_ref& x);
  void check_room(const std::string& node);
  void check_kept(const task& x, const std::string& node);
  /// Whether somebody is to wait again before his place is given away.
  [[nodiscard]] bool is_owed_a_wait(const task_ref& x) const;
  /// Notes that members from `first` on may be forgotten.
  static void let_go(job& owner, uint32_t first);
  void drop_kept_on(const std::string& node);

  void on(const job_submitted& x);
  void on(const job_updated& x);
  void on(const job_surged& x);
  void on(const job_scaled& x);
  void on(const job_stopped& x);
  void on(const job_forgotten& x);
  void on(const task_placed& x);
  void on(const task_starting& x);
  void on(const task_started& x);
  void on(const task_stopping& x);
  void on(const task_ended& x);
  void on(const task_requeued& x);
  void on(const task_preempted& x);
  void on(const place_held& x);
  void on(const place_released& x);
  void on(const node_joined& x);
  void on(const node_unhealthy& x);
  void on(const node_ready& x);
  void on(const node_removed& x);
  void on(const node_cordoned& x);
  void on(const node_draining& x);
  void on(const node_quarantined& x);
  void on(const leader_elected& x);
  /// All others change nothing here.
  template <class Fact>
  void on(const Fact&) {
    // nop
  }

  version_number version_ = 0;
  version_number term_ = 0;
  timestamp now_;
  std::map<std::string, job> jobs_;
  std::map<std::string, node> nodes_;
  std::map<allocation_id, allocation> allocations_;
  std::map<std::string, std::vector<std::string>> keys_;
  std::map<std::string, uint32_t> accepted_;
  /// Tasks that were preempted, until it is said for which place.
  std::set<task_ref> victims_;
};

/// Whether `labels` satisfy `x`, by the letter of the job language.
[[nodiscard]] bool
satisfies(const label_set& labels, const label_requirement& x);

} // namespace troupe::sim
