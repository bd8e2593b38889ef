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
    /// Part of the reservation of a gang.
    bool gang = false;
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
    /// Jobs whose end it still awaits.
    std::set<std::string> awaited;
    /// Of a job with a schedule: whether what waits, waits for the next tick; and
    /// the last tick of which was told.
    bool asleep = false;
    timestamp ticked_at;
    timestamp queued_at;
    std::map<uint32_t, task> tasks;
    /// Of a system job: the members of nodes, and those whose node wants one now.
    std::map<std::string, uint32_t> members;
    std::map<uint32_t, std::string> present;
    /// Members that are told apart: those from here on are fresh.
    uint32_t known = 0;
    [[nodiscard]] uint32_t wanted() const { return count + extra; }
    /// What is known of member `index`; one that was never placed waits.
    [[nodiscard]] const task& member(uint32_t index) const;
    [[nodiscard]] bool is_system() const {
      return spec->kind == job_kind::system;
    }
    /// Whether member `index` shall exist.
    [[nodiscard]] bool wants(uint32_t index) const {
      return !stopped && index < wanted()
             && (!is_system() || present.contains(index));
    }
    [[nodiscard]] uint32_t live() const;
    [[nodiscard]] bool waits() const;
    /// Whether nothing will happen to it unless somebody asks for it.
    [[nodiscard]] bool over() const;
  };

  /// Jobs whose tasks start together, and how far they are.
  struct gang {
    enum class phase : uint8_t { waiting, reserving, running, broken };
    phase at = phase::waiting;
    uint32_t needs = 0;
    std::set<std::string> jobs;
  };

  /// The members of a gang, over all its jobs.
  struct members {
    uint32_t all = 0;
    uint32_t done = 0;
    uint32_t live = 0;
    /// Hold a place and are not being stopped, or have one kept.
    uint32_t able = 0;
    uint32_t min = 0;
    uint32_t max = 0;
    int32_t priority = std::numeric_limits<int32_t>::min();
  };

  struct node {
    node_profile profile;
    label_set labels;
    node_state state = node_state::ready;
    /// Cordoned, draining or drained.
    bool cordoned = false;
    /// Gets single tasks only, to try whether it works again.
    bool quarantined = false;
    /// Its drivers that do not work.
    std::vector<std::string> troubled;
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
    /// Ended well, by itself, at this time.
    std::optional<timestamp> succeeded_at;
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
  /// Whether anybody runs whose result others may wait for.
  [[nodiscard]] bool runs_cached() const;
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
  [[nodiscard]] int32_t priority_of(const job& owner, const task& x) const;
  [[nodiscard]] const auto& gangs() const { return gangs_; }
  [[nodiscard]] members members_of(const gang& x) const;
  /// Whether `awaited` has ended as `owner` wants.
  [[nodiscard]] bool is_met(const job& owner, const std::string& awaited) const;

  /// Looks at what holds between decisions, not between any two facts.
  void check_gangs();

private:
  void expect(bool holds, const std::string& what);
  task* task_called(const task_ref& x);
  void check_room(const std::string& node);
  void check_kept(const task& x, const std::string& node);
  /// Whether somebody is to wait again before his place is given away.
  [[nodiscard]] bool is_owed_a_wait(const task_ref& x) const;
  /// Notes that members from `first` on may be forgotten.
  void let_go(job& owner, uint32_t first);
  /// Forgets the last members, if they are beyond the count and have ended.
  static void trim(job& owner);
  /// Stops a member that waits, or was given up with its node.
  void suspend(job& owner, uint32_t index);
  void forget_members(const std::string& node);
  void drop_kept(task& x, const std::string& gang_name);
  void drop_kept_on(const std::string& node);
  void release(const std::string& gang_name);
  void enter_gang(const std::string& name, job& owner);
  void leave_gang(const std::string& name, job& owner);
  void settle_gangs();
  void take_schedule(job& owner, const job_spec* before, bool was_stopped);

  void on(const job_submitted& x);
  void on(const job_updated& x);
  void on(const job_surged& x);
  void on(const job_dependency_met& x);
  void on(const job_ticked& x);
  void on(const job_scaled& x);
  void on(const job_stopped& x);
  void on(const job_forgotten& x);
  void on(const task_bound& x);
  void on(const task_unbound& x);
  void on(const task_placed& x);
  void on(const task_starting& x);
  void on(const task_started& x);
  void on(const task_stopping& x);
  void on(const task_ended& x);
  void on(const task_requeued& x);
  void on(const cache_hit& x);
  void on(const task_preempted& x);
  void on(const place_held& x);
  void on(const place_released& x);
  void on(const gang_reserved& x);
  void on(const gang_committed& x);
  void on(const gang_released& x);
  void on(const gang_broken& x);
  void on(const node_joined& x);
  void on(const node_unhealthy& x);
  void on(const node_ready& x);
  void on(const node_removed& x);
  void on(const node_cordoned& x);
  void on(const node_draining& x);
  void on(const node_quarantined& x);
  void on(const node_troubled& x);
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
  std::map<std::string, gang> gangs_;
  std::map<allocation_id, allocation> allocations_;
  std::map<std::string, std::vector<std::string>> keys_;
  std::map<std::string, uint32_t> accepted_;
  /// Tasks that were preempted, until it is said for which place.
  std::set<task_ref> victims_;
};

/// The name of the gang that tasks of `x` belong to; empty if to none.
[[nodiscard]] std::string gang_named_by(const job_spec& x);

/// Whether the driver that runs `spec` works on `x`, as far as is known.
[[nodiscard]] bool can_run(const ledger::node& x, const job_spec& spec);

/// Whether `labels` satisfy `x`, by the letter of the job language.
[[nodiscard]] bool
satisfies(const label_set& labels, const label_requirement& x);

} // namespace troupe::sim
