#pragma once

/// The one place that decides about the cluster.
///
///   command --> decide --> facts --> apply --> state, work for nodes
///
/// A plain state machine: no clock, no chance, no I/O and no order of pointers in
/// it. The same facts give the same state, and the same commands at the same
/// times the same facts. A fact is applied as soon as it is decided; whoever owns
/// a cluster makes it durable before anybody outside learns of it.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/command.hpp"
#include "messages/expected.hpp"

#include "runtime/cluster/state.hpp"
#include "runtime/cluster/step_recorder.hpp"
#include "runtime/cluster/work_items.hpp"

namespace troupe::runtime {

class cluster : public cluster_state {
public:
  explicit cluster(cluster_options options = {});
  cluster(const cluster&) = delete;
  cluster& operator=(const cluster&) = delete;

  // -- deciding --------------------------------------------------------------

  /// Decides `x` at `now`; the facts wait in `take_events`.
  [[nodiscard]] expected<outcome, refusal>
  decide(const command& x, timestamp now);

  /// Decides `x` without applying anything: the answer that `decide` would give.
  [[nodiscard]] expected<outcome, refusal>
  rehearse(const command& x, timestamp now);

  /// Lets time pass until `now`: tasks whose delay is over wait for a place, and
  /// what was to happen by then happens.
  void advance(timestamp now);

  /// When `advance` has something to do next.
  [[nodiscard]] std::optional<timestamp> next_wake() const;

  /// Names the policies that are there. Jobs of others are left alone.
  void set_policies(std::set<std::string, std::less<>> names);

  /// The first waiting tasks, for one policy to propose places for: no more than
  /// `tasks_max` and the settings allow. One batch is open at a time: it ends with
  /// `commit` or `abandon`.
  [[nodiscard]] std::optional<waiting::batch> next_batch(uint32_t tasks_max);

  /// The nodes on which places are to be proposed for a batch: for some tasks
  /// less is free than there is.
  [[nodiscard]] const placement::table&
  nodes_for(const waiting::batch& x) const {
    return backfill_.open_to(x.behind, table_);
  }

  /// Places what `x` proposes and still fits; what does not waits on.
  void commit(const placement::proposal& x, timestamp now);
  void abandon();

  /// Facts decided since the last call, in order.
  [[nodiscard]] std::vector<event> take_events();
  /// What they give the nodes to do.
  [[nodiscard]] std::vector<node_work> take_work();

  // -- folding ---------------------------------------------------------------

  /// Applies a fact that a journal holds. REQUIRES: x.version == version() + 1.
  void apply(const event& x);

  /// Writes the state as lines of JSON.
  void save(const std::function<void(std::string_view line)>& out) const;
  /// Reads what `save` wrote, of this or an older version of troupe, from lines
  /// that `next` gives until it returns false. REQUIRES: version() == 0.
  [[nodiscard]] expected<void, std::string>
  restore(const std::function<bool(std::string_view& line)>& next);

  /// A hash of all that facts determine.
  [[nodiscard]] uint64_t digest() const;

  /// Recomputes every index from scratch and compares. Empty if all is well.
  [[nodiscard]] std::string check_invariants() const;

private:
  // cluster.cpp
  void begin_step(step_kind kind, timestamp now);
  void end_step();
  /// Ends a decision: wakes whom it helped, forgets what is too old.
  void settle();
  void wake_quotas();

  // batches.cpp
  [[nodiscard]] std::optional<waiting::batch>
  next_fair(uint32_t tasks_max, const waiting::row_finder& row_of);
  void commit_tasks(const placement::proposal& x);
  /// Says that task `index` has what `table_` holds for it on `row`.
  void say_placed(job_record& job, uint32_t index, placement::node_index row,
                  placement::occupation held);
  [[nodiscard]] bool backfills() const;
  void renew_reservation();
  void wake_those_behind();

  // decide_jobs.cpp
  expected<outcome, refusal> on(const submit_jobs& x);
  expected<outcome, refusal> on(const stop_job& x);
  expected<outcome, refusal> on(const scale_job& x);
  expected<outcome, refusal> on(const restart_job& x);
  expected<outcome, refusal> on(const rollback_job& x);
  expected<outcome, refusal> on(const stop_task& x);
  expected<outcome, refusal> on(const restart_task& x);
  submitted_job submit(const job_spec_ptr& spec, const std::string& key);
  /// Starts members that are wanted again: those from `first` on, and, after a
  /// stop of the whole job, those that it stopped.
  void revive(job_record& job, uint32_t first, bool after_stop);
  void
  start_again(job_record& job, uint32_t index, reason why, std::string message,
              milliseconds delay, const std::string& avoid = {});
  void forget_old_jobs();

  // decide_after.cpp
  /// Says which of the jobs that `job` awaits have ended as it wants.
  void meet_dependencies(job_record& job);
  /// The same of all jobs that await one that has ended since the last call.
  void wake_dependents();
  [[nodiscard]] bool is_met(const job_record& job, std::string_view name) const;
  void await_jobs(job_record& job, std::set<std::string, std::less<>> names);
  void stop_awaiting(job_record& job, const std::string& name);
  void list_finished(job_record& job);

  // decide_rolling.cpp
  struct rolling;
  [[nodiscard]] rolling survey(const job_record& job) const;
  void roll(job_record& job);
  void stop_surplus(job_record& job);
  void stand_in(job_record& job, const rolling& x);
  void replace_members(job_record& job, rolling& x);
  [[nodiscard]] bool
  fits_in_place_of(const job_record& job, uint32_t index) const;
  void resume_rolling();
  void roll_back(job_record& job, const past_spec& to, std::string message);
  [[nodiscard]] bool
  roll_back_if_bad(job_record& job, uint32_t index, const task_record& before);
  [[nodiscard]] bool is_draining(const task_record& task) const;

  // decide_draining.cpp
  expected<outcome, refusal> on(const drain_node& x);
  void move_away(node_record& node);
  void stop_what_is_left(node_record& node);
  void end_drain_if_empty(node_record& node);

  // decide_losses.cpp
  [[nodiscard]] bool is_mending() const;
  [[nodiscard]] bool may_give_up(const node_record& node) const;
  void give_up_lost();
  void give_up_due(node_record& node);
  void give_up(node_record& node, const task_place& place, reason why,
               const std::string& message);
  void visit(node_record& node);

  // decide_cache.cpp
  expected<outcome, refusal> on(const forget_results& x);
  /// Ends tasks whose results are there, with at most `left` lookups. Returns
  /// whether there were any.
  bool give_results(uint32_t& left);
  void hear_ends_of_identical();
  void look_up(job_record& job);
  void give_result(const job_record& job, uint32_t index, const cache_key& key,
                   const kept_result& x);
  void forget_result(const job_record& job, uint32_t index);
  void enter_queue(job_record& job, uint32_t index);
  void enter_identical(job_record& job, uint32_t index, const cache_key& key);
  void keep_result(const job_record& job, uint32_t index, const task_ended& x);

  // decide_quarantine.cpp
  void judge(node_record& node, const job_record& job,
             const task_record& before, task_state ended_as);
  void probe(node_record& node);
  void
  note_end(node_record& node, const task_ended& x, const task_record& before);

  // decide_schedule.cpp
  void take_schedule(job_record& job, const job_spec* before, bool was_stopped);
  void await_tick(job_record& job);
  /// Decides what is due. REQUIRES: the job's next tick has come.
  void tick(job_record& job);
  void stop_for_new_run(job_record& job, const std::string& message);
  void start_queued_runs();
  void begin_run(job_record& job);

  // decide_system.cpp
  /// How many tasks a job of `spec` has, as things stand.
  [[nodiscard]] uint32_t tasks_of(const job_spec& spec) const;
  [[nodiscard]] bool
  wants_member(const job_record& job, const node_record& node) const;
  /// Notes which nodes and jobs a fact concerns, for `settle_members`.
  void note_for_members(const fact& x);
  void help_member(const job_record& job, uint32_t index);
  /// Gives each system job its tasks on the nodes that match.
  void settle_members();
  void settle_member(job_record& job, node_record& node);
  void bind(job_record& job, node_record& node);
  void unbind(job_record& job, const node_record& node, reason why,
              const std::string& message);
  void unbind_all(const node_record& node, const std::string& message);
  void place_members(job_record& job);
  void
  place_members_on(job_record& job, std::vector<placement::node_index> rows);
  void place_member(job_record& job, uint32_t index);
  void forget_members(const node_record& node);
  void roll_members(job_record& job);
  void suspend(job_record& job, uint32_t index, reason why,
               const std::string& message);
  [[nodiscard]] std::vector<job_record*> system_jobs_in_order();

  // decide_settings.cpp
  expected<outcome, refusal> on(const change_settings& x);
  void count_quotas();
  void count_shares();

  // decide_nodes.cpp
  expected<outcome, refusal> on(const join_node& x);
  expected<outcome, refusal> on(const change_node& x);
  expected<outcome, refusal> on(const cordon_node& x);
  expected<outcome, refusal> on(const remove_node& x);
  expected<outcome, refusal> on(const change_node_health& x);
  expected<outcome, refusal> on(const note_troubles& x);
  expected<outcome, refusal> on(const take_lead& x);
  void reconcile(node_record& node, const std::vector<task_report>& inventory);

  // decide_reports.cpp
  expected<outcome, refusal> on(const take_reports& x);
  void take_report(node_record& node, const task_report& x);
  void note_stray(node_record& node, allocation_id allocation,
                  std::vector<allocation_id>& in,
                  std::vector<allocation_id>& not_in);
  bool take_attempt(job_record& job, uint32_t index, const task_report& x);
  void restart_attempt(job_record& job, uint32_t index, const task_report& x);
  void end_attempt(job_record& job, uint32_t index, const task_report& x);
  void after_end(job_record& job, uint32_t index, const task_record& before);

  // decide_preemption.cpp
  /// What found no place, and why.
  struct refused_ask {
    version_number born = 0;
    /// The task that it was about, if not just any of the job.
    std::optional<uint32_t> index;
    placement::refusal why;
  };
  /// Makes room for what found none, in its order. Blocks the classes of the
  /// others.
  void make_room(const std::vector<refused_ask>& refused, bool behind);
  bool make_room_for(job_record& job, uint32_t index,
                     const placement::refusal& why, bool behind);
  /// Places tasks whose kept places are free by now.
  void place_held_tasks();
  void release_late_holds();
  void
  release_place(const job_record& job, uint32_t index, std::string message);

  // gangs.cpp
  void enter_gang(job_record& job);
  void leave_gang(job_record& job);
  void count_gang_anew(const gang_record& gang);
  void refresh_gang(gang_record& gang);
  void list_gang(gang_record& gang, const gang_members& members);
  void forget_times_of(gang_record& gang);
  void release_gang(gang_record& gang);
  void ask_nodes(const gang_record& gang);

  // decide_gangs.cpp
  struct gang_plan;
  /// Asks for places for the next gang, if it comes before all else that waits.
  [[nodiscard]] std::optional<waiting::batch> next_gang();
  [[nodiscard]] std::optional<queue_key> first_gang() const;
  void commit_gang(const placement::proposal& x);
  void take_places(gang_plan& plan, const gang_record& gang,
                   const placement::proposal& x,
                   const std::vector<waiting::asked>& asked);
  void make_room(gang_plan& plan, const gang_record& gang, uint32_t missing);
  void plan_room(gang_plan& plan, const job_record& job, uint32_t index,
                 const placement::room& x, int32_t priority);
  /// Places for members of a gang: those that are free, and those that there
  /// would be if everybody had made room who must.
  struct gang_room {
    uint32_t free = 0;
    uint32_t most = 0;
  };
  void block_gang(gang_record& gang, const gang_members& members,
                  const gang_room& room, bool behind);
  void block_gang(gang_record& gang, reason why, std::string message);
  void wake_gangs();
  void pass_gang_times();
  void give_up_reservation(gang_record& gang, reason why,
                           const std::string& message);
  bool hear_member(const node_record& node, const task_report& x);
  /// Ends or breaks gangs that lost members.
  void check_gangs();
  void break_gang(gang_record& gang, const gang_members& members);
  void stop_members(const gang_record& gang, const std::string& message);
  void end_gang(gang_record& gang);

  // apply.cpp, fold_jobs.cpp, fold_tasks.cpp, fold_nodes.cpp
  void say(fact x);
  void fold_event(const event& x);
  void fold(const job_submitted& x);
  void fold(const job_updated& x);
  void fold(const job_surged& x);
  void fold(const job_settled& x);
  void fold(const job_scaled& x);
  void fold(const job_dependency_met& x);
  void fold(const job_ticked& x);
  void fold(const job_stopped& x);
  void fold(const job_forgotten& x);
  void fold(const task_bound& x);
  void fold(const task_unbound& x);
  void fold(const task_placed& x);
  void fold(const task_starting& x);
  void fold(const task_started& x);
  void fold(const task_health_changed& x);
  void fold(const task_stopping& x);
  void fold(const task_ended& x);
  void restart_in_place(job_record& job, uint32_t index, const task_ended& x);
  void resize(job_record& job, uint32_t count, uint32_t extra);
  void mark_lost(node_record& node, bool lost);
  void fold(const task_requeued& x);
  void fold(const cache_hit& x);
  void fold(const cache_invalidated& x);
  void fold(const task_preempted& x);
  void fold(const place_held& x);
  void fold(const place_released& x);
  void fold(const gang_reserved& x);
  void fold(const gang_committed& x);
  void fold(const gang_released& x);
  void fold(const gang_broken& x);
  void fold(const node_joined& x);
  void fold(const node_unhealthy& x);
  void fold(const node_ready& x);
  void fold(const node_removed& x);
  void fold(const node_cordoned& x);
  void fold(const node_draining& x);
  void fold(const node_drained& x);
  void fold(const node_quarantined& x);
  void fold(const node_troubled& x);
  void fold(const node_labelled& x);
  void fold(const settings_changed& x);
  void fold(const leader_elected& x);

  // restore.cpp, check.cpp
  class reader;
  class checker;

  // cluster.cpp: upkeep of what several ask for
  job_record* job_called(std::string_view name);
  node_record* node_called(std::string_view name);
  /// Makes records up to `index`, so that a fresh task can be told apart.
  task_record& materialise(job_record& job, uint32_t index);
  void enter_class(job_record& job);
  void leave_class(job_record& job);
  /// Brings the queue and the list of finished jobs in step with `job`.
  void refresh(job_record& job);
  /// Only the queue.
  void take_its_place(job_record& job);
  void wait_for_place(job_record& job, uint32_t index, timestamp not_before);
  void stop_waiting(job_record& job, uint32_t index);
  void free_capacity(job_record& job, uint32_t index);
  void erase_job(job_record& job);
  void close_or_open(node_record& node);
  void give(const std::string& node, work_item item);

  // holds.cpp
  void hold(job_record& job, uint32_t index, node_record& node, hold_record x);
  /// Ends what `hold` began, but for the table.
  std::optional<hold_record> take_hold(job_record& job, uint32_t index);
  /// Gives up a place that is kept, if one is.
  bool drop_hold(job_record& job, uint32_t index);
  /// Gives up all that is kept on `node`: the tasks wait for any place.
  void drop_holds_on(node_record& node);
  /// Notes that `allocation` has left `node`.
  void note_left(node_record& node, allocation_id allocation);
  /// Keeps `tenants_` and shares in step with an allocation.
  void move_in(const job_record& job, uint32_t index, const node_record& node);
  void move_out(const job_record& job, uint32_t index, const node_record& node);
  void count_anew(const job_record& job);
  void expect_end(const job_record& job, uint32_t index, bool expected);
  /// Notes that a task has begun now.
  void set_since(const job_record& job, uint32_t index);

  // What is told outside.
  std::vector<event> events_;
  std::vector<node_work> work_;
  step_recorder recorder_;

  // What happened since the last `settle`.
  /// Rows where capacity came free or rules changed, and rows where labelled
  /// tasks came that others may want to be near.
  std::vector<placement::node_index> helped_;
  std::vector<placement::node_index> populated_;
  /// Gangs of which something changed.
  std::set<std::string> shaken_gangs_;
  /// Births of jobs whose queued run may begin.
  std::set<version_number> idle_;
  /// Whose tasks of system jobs may be others now: nodes, and jobs by birth.
  std::set<std::string, std::less<>> nodes_due_;
  std::set<version_number> members_due_;

  // What a policy is being asked.
  bool batch_open_ = false;
  std::vector<waiting::asked> asked_;
  /// Whether behind a reservation.
  bool asked_behind_ = false;
  /// The gang that it is about, if it is.
  std::string asked_gang_;

  // What is under way.
  bool folding_ = false;
  bool rehearsing_ = false;
  bool restoring_ = false;
  /// Set while a placement that `table_` already holds is applied.
  bool held_ = false;
};

} // namespace troupe::runtime
