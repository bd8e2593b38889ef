#pragma once

/// The map of the house: every actor's interface, in the order data flows.
///
///   HTTP -> GATEWAY -> SCHEDULER -> NODES -> NODE ~~> SESSION -> AGENT -> TASK
///                        |  ^  |                          (on the machine)  |
///                   POLICY  |  JOURNAL, WATCH                    CHECKER, DRIVER
///
/// `~~>` crosses processes. Only the interfaces and messages of that path are
/// announced to CAF; all others are local, and may carry pointers to const.

#include <memory>
#include <string>
#include <vector>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/replies_to.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include "messages/command.hpp"
#include "messages/driver.hpp"
#include "messages/plan.hpp"
#include "messages/query.hpp"
#include "messages/session.hpp"
#include "messages/wire.hpp"

CAF_BEGIN_TYPE_ID_BLOCK(troupe_atoms, caf::first_custom_type_id)

  CAF_ADD_ATOM(troupe_atoms, troupe::atom, tick, "tick")
  CAF_ADD_ATOM(troupe_atoms, troupe::atom, dial, "dial")
  CAF_ADD_ATOM(troupe_atoms, troupe::atom, flush, "flush")
  CAF_ADD_ATOM(troupe_atoms, troupe::atom, measure, "measure")

CAF_END_TYPE_ID_BLOCK(troupe_atoms)

namespace troupe::runtime::http {
class exchange;
} // namespace troupe::runtime::http

namespace troupe::runtime {
class cluster;
class decisions;
class journal;
struct cluster_image;
struct cluster_figures;
struct decision_batch;
} // namespace troupe::runtime

namespace troupe::runtime::placement {
class table;
struct ask;
struct proposal;
} // namespace troupe::runtime::placement

namespace troupe {

// -- messages that stay in the process ---------------------------------------

/// An HTTP request that waits for its answer. Carried here, looked at by GATEWAY.
struct http_call {
  std::shared_ptr<runtime::http::exchange> exchange;
};

/// Asks the scheduler to decide `what`; with `rehearse`, to change nothing.
struct run_command {
  command what;
  bool rehearse = false;
};

/// What followed, once it is durable; or why nothing did.
struct command_answer {
  outcome done;
  std::optional<refusal> refused;
};

/// Asks for a view of the cluster.
struct run_query {
  query what;
};

/// The view, as JSON; or why there is none.
struct query_answer {
  std::shared_ptr<const boost::json::value> view;
  std::optional<refusal> refused;
};

/// Asks for what is measured of the cluster's state.
struct measure_cluster {};

struct measured_cluster {
  std::shared_ptr<const runtime::cluster_figures> figures;
};

/// Asks for an image of the cluster, to work on elsewhere.
struct copy_cluster {};

struct cluster_copy {
  std::shared_ptr<const runtime::cluster_image> image;
};

/// Asks what would follow from `change`. Answered with a `plan_view` as JSON.
struct make_plan {
  std::shared_ptr<const runtime::cluster_image> image;
  plan_change change;
};

/// Asks for the journal, to copy it elsewhere while it is used.
struct lend_journal {};

struct lent_journal {
  std::shared_ptr<const runtime::journal> core;
};

/// Asks for a backup of a journal.
struct make_backup {
  std::shared_ptr<const runtime::journal> core;
};

/// The bytes of its file; or, with `trouble`, why there are none.
struct backup_made {
  std::shared_ptr<const std::string> bytes;
  std::string trouble;
};

/// Asks for all that `node` has to do, after a new connection.
struct list_work {
  std::string node;
};

/// Asks for the names of all nodes that have joined.
struct list_node_names {};

struct node_names {
  std::vector<std::string> names;
};

/// Work for nodes, as facts brought it about.
struct assigned_work {
  std::string node;
  std::vector<work_item> items;
};

/// Asks a policy for places for `asks`, in queue order.
struct propose_places {
  std::shared_ptr<const runtime::placement::table> snapshot;
  std::shared_ptr<const std::vector<runtime::placement::ask>> asks;
  /// Only to be compared: what is asked for in earnest must not depend on it.
  bool compared = false;
};

struct proposed_places {
  std::shared_ptr<const runtime::placement::proposal> places;
};

/// Facts, in order, without gaps.
struct event_batch {
  std::shared_ptr<const std::vector<event>> events;
};

/// Asks for the state that the journal holds, folded.
struct load_cluster {};

/// The state: whoever receives it owns it.
struct loaded_cluster {
  std::shared_ptr<runtime::cluster> state;
  std::string cluster_id;
  /// What is still known of how it was decided; null: nothing.
  std::shared_ptr<runtime::decisions> decided{};
};

/// Gives what is known of decisions to whoever keeps it.
struct keep_decisions {
  std::shared_ptr<const runtime::decision_batch> batch;
};

/// Says that the next batch may come after `pause`; with `wants_whole`, that it
/// must tell all.
struct decisions_kept {
  bool wants_whole = false;
  milliseconds pause{0};
};

/// Asks the journal for facts after `since`, at most `count_max`.
struct read_events {
  version_number since = 0;
  uint32_t count_max = 4'096;
};

/// Adds facts to the journal. Fails with `caf::sec::runtime_error` and a sentence
/// when the journal cannot go on; the process must then end.
struct append_events {
  version_number expected_version = 0;
  event_batch batch;
};

/// Says that the journal holds all facts up to `version`; or, with `trouble`, that
/// it could not take them now and that the same call may be made again.
struct appended {
  version_number version = 0;
  std::string trouble;
};

/// Asks to be told when the version is past `version`.
struct await_version {
  version_number version = 0;
  milliseconds patience{30'000};
};

/// Streams or lists events to an HTTP client.
struct watch_events {
  http_call call;
  version_number since = 0;
  std::vector<std::string> types;
  std::string job;
  std::string node;
  /// Whether to go on as a stream of server-sent events.
  bool follow = false;
  uint32_t limit = 100;
};

/// Says what a page of the dashboard has said over its WebSocket.
struct tab_said {
  uint64_t tab = 0;
  std::string text;
};

struct tab_closed {
  uint64_t tab = 0;
};

/// Asks what was reserved and used of late.
struct read_usage {
  std::vector<std::string> nodes;
  uint32_t last = 0;
};

/// Asks a node's actor for the open work of a worker that speaks HTTP.
struct poll_work {
  std::string node;
  milliseconds patience{0};
};

/// Reports of a worker that speaks HTTP; `acknowledged` is the last sequence of
/// its work that is safe with it.
struct post_reports {
  std::string node;
  report_batch batch;
  uint64_t acknowledged = 0;
};

/// Finds an allocation's machine, for logs and commands inside it.
struct forward_read_log {
  std::string node;
  read_log what;
};

/// Asks for what is kept of the output of a run that may be gone.
struct read_kept_output {
  allocation_id allocation;
  uint32_t attempt = 0;
};

/// The last of what it wrote; not `found` if nothing is kept.
struct kept_output {
  bool found = false;
  std::string out;
  std::string err;
};

struct forward_exec {
  std::string node;
  exec_command what;
};

// -- across processes --------------------------------------------------------

/// SESSION: the controller's hand on one machine, for one connection. Spawned
/// there by NODE, ended with the connection or by a session of a newer term.
using session_actor = caf::typed_actor<
  // Gives work to AGENT.
  caf::reacts_to<work_batch>,
  // Tells AGENT what is in the journal.
  caf::reacts_to<reports_taken>, caf::replies_to<read_log>::with<log_chunk>,
  caf::replies_to<exec_command>::with<exec_result>,
  // Sets what the machine's process logs.
  caf::reacts_to<set_log_level>,
  // Tells NODE what AGENT says.
  caf::reacts_to<work_taken>, caf::reacts_to<report_batch>>;

/// NODE: the control plane's view of one machine.
using node_actor = caf::typed_actor<
  // Joins the machine. The session is spawned on the sender's process.
  caf::replies_to<node_hello, caf::strong_actor_ptr>::with<node_welcome>,
  // Notes a sign of life.
  caf::reacts_to<heartbeat>,
  // Hears from its session.
  caf::reacts_to<work_taken>, caf::reacts_to<report_batch>,
  // Takes work from SCHEDULER.
  caf::reacts_to<assigned_work>,
  // The same protocol for workers that speak HTTP.
  caf::replies_to<poll_work>::with<work_batch>,
  caf::replies_to<post_reports>::with<reports_taken>,
  // Talks to its session.
  caf::replies_to<forward_read_log>::with<log_chunk>,
  caf::replies_to<forward_exec>::with<exec_result>,
  // INTERNAL: lets time pass.
  caf::reacts_to<atom::tick>>;

/// NODES: finds or makes the actor of each machine. Published for machines.
using nodes_actor = caf::typed_actor<
  // Passes a hello on to the node's actor.
  caf::replies_to<node_hello, caf::strong_actor_ptr>::with<node_welcome>,
  // Passes signs of life on; those of machines that have not joined are dropped.
  caf::reacts_to<heartbeat>,
  // Passes work on.
  caf::reacts_to<assigned_work>, caf::replies_to<poll_work>::with<work_batch>,
  caf::replies_to<post_reports>::with<reports_taken>,
  caf::replies_to<forward_read_log>::with<log_chunk>,
  caf::replies_to<forward_exec>::with<exec_result>>;

// -- the controller ----------------------------------------------------------

/// POLICY: advises where tasks should go, from a snapshot.
using policy_actor
  = caf::typed_actor<caf::replies_to<propose_places>::with<proposed_places>>;

/// Says that `policy` places the tasks of jobs that name it.
struct serve_policy {
  std::string name;
  policy_actor policy;
};

/// GATEWAY: turns HTTP requests into commands and questions.
using gateway_actor = caf::typed_actor<
  // Answers one request.
  caf::reacts_to<http_call>>;

/// SCHEDULER: owns the cluster; the one place where anything is decided.
using scheduler_actor = caf::typed_actor<
  // Hears that a policy is there.
  caf::reacts_to<serve_policy>,
  // Hears who passes work on to machines.
  caf::reacts_to<nodes_actor>,
  // Decides a command. Answered when its facts are durable.
  caf::replies_to<run_command>::with<command_answer>,
  // Answers a question. Answered when what it shows is durable.
  caf::replies_to<run_query>::with<query_answer>,
  // Measures the cluster's state, as far as it is durable.
  caf::replies_to<measure_cluster>::with<measured_cluster>,
  // Copies the cluster, also what is not durable yet: for rehearsals.
  caf::replies_to<copy_cluster>::with<cluster_copy>,
  // Lends the journal, as JOURNAL does.
  caf::replies_to<lend_journal>::with<lent_journal>,
  // Lists the open work of a node.
  caf::replies_to<list_work>::with<work_batch>,
  // Lists the nodes, for NODES to watch after a restart.
  caf::replies_to<list_node_names>::with<node_names>,
  // Notes what a machine and its tasks use.
  caf::reacts_to<heartbeat>,
  // INTERNAL: lets time pass.
  caf::reacts_to<atom::tick>,
  // INTERNAL: gives the facts that have gathered to the journal.
  caf::reacts_to<atom::flush>>;

/// DECISIONS: keeps on disk why tasks were placed where they are.
using decisions_actor
  = caf::typed_actor<caf::replies_to<keep_decisions>::with<decisions_kept>>;

/// PLANNER: rehearses one change on copies of the cluster, in a thread of its own,
/// and ends.
using planner_actor
  = caf::typed_actor<caf::replies_to<make_plan>::with<query_answer>>;

/// BACKUP: copies the journal once, in a thread of its own, and ends.
using backup_actor
  = caf::typed_actor<caf::replies_to<make_backup>::with<backup_made>>;

/// JOURNAL: orders facts and makes them durable.
using journal_actor = caf::typed_actor<
  // Folds everything that is durable.
  caf::replies_to<load_cluster>::with<loaded_cluster>,
  caf::replies_to<append_events>::with<appended>,
  // Reads facts that WATCH no longer holds.
  caf::replies_to<read_events>::with<event_batch>,
  // Lends what it works on, for nothing but `journal::backup`.
  caf::replies_to<lend_journal>::with<lent_journal>,
  // INTERNAL: writes a snapshot if enough has happened since the last.
  caf::reacts_to<atom::tick>>;

/// Hears of all durable facts, in order.
using event_listener_actor = caf::typed_actor<caf::reacts_to<event_batch>>;

/// BLACK BOX: keeps the end of what tasks wrote, for when their node is gone.
using black_box_actor = caf::typed_actor<
  // Takes durable facts.
  caf::reacts_to<event_batch>,
  caf::replies_to<read_kept_output>::with<kept_output>,
  // INTERNAL: lets time pass.
  caf::reacts_to<atom::tick>>;

/// WATCH: tells whoever looks what has happened.
using watch_actor = caf::typed_actor<
  // Takes durable facts.
  caf::reacts_to<event_batch>,
  // Lists or streams them to a client.
  caf::reacts_to<watch_events>,
  // Tells the listener of the last facts now, and of all that follow.
  caf::reacts_to<event_listener_actor>,
  // Answers with the present version, once it is past the one given or
  // patience has run out.
  caf::replies_to<await_version>::with<version_number>,
  // INTERNAL: lets time pass.
  caf::reacts_to<atom::tick>,
  // INTERNAL: a slow client has room again, or a stream has ended.
  caf::reacts_to<atom::flush>>;

/// LIVE: tells the open pages of the dashboard what changes.
using live_actor = event_listener_actor::extend<
  // Opens a WebSocket for a page.
  caf::reacts_to<http_call>,
  // INTERNAL: a page has said something, or has gone.
  caf::reacts_to<tab_said>, caf::reacts_to<tab_closed>,
  // Tells what was reserved and used of late.
  caf::replies_to<read_usage>::with<query_answer>,
  // INTERNAL: lets time pass while pages are open.
  caf::reacts_to<atom::tick>,
  // INTERNAL: takes the next sample of what is used.
  caf::reacts_to<atom::flush>>;

// -- the machine -------------------------------------------------------------

/// TASK: one allocation of a task, over all its runs here.
using task_actor = caf::typed_actor<
  // Hears how its run goes.
  caf::reacts_to<run_event>,
  // Stops it.
  caf::reacts_to<end_task>,
  // Hears that its next run is known on disk.
  caf::reacts_to<restart_kept>,
  // Hears from its checker.
  caf::reacts_to<health_changed>,
  // INTERNAL: lets time pass.
  caf::reacts_to<atom::tick>>;

/// CHECKER: looks after the health of one run, and tells its task of changes.
using checker_actor = caf::typed_actor<
  // INTERNAL: hears what a check found.
  caf::reacts_to<check_answer>,
  // INTERNAL: makes the next check.
  caf::reacts_to<atom::tick>,
  // INTERNAL: the check with this number has taken too long.
  caf::reacts_to<atom::tick, uint64_t>>;

/// DRIVER: runs what tasks ask for. One for each way of running.
using driver_actor = caf::typed_actor<
  // Runs a task; how it goes is told to the task.
  caf::reacts_to<start_run, task_actor>,
  // Tells the task how a run that was adopted goes.
  caf::reacts_to<adopt_runs, run_id, task_actor>, caf::reacts_to<stop_run>,
  caf::reacts_to<forget_run>,
  // Lists what is here from earlier lives of the process.
  caf::replies_to<adopt_runs>::with<adopted_runs>,
  caf::replies_to<measure_runs>::with<measured_runs>,
  // Moves the ceilings of a run.
  caf::replies_to<limit_run>::with<limited_run>,
  caf::replies_to<read_log>::with<log_chunk>,
  caf::replies_to<exec_command>::with<exec_result>,
  // Tells where a port of a run is reached.
  caf::replies_to<locate_port>::with<located_port>,
  // Tells whether its engine answers.
  caf::replies_to<probe_driver>::with<probed_driver>,
  // INTERNAL: hears from its engine.
  caf::reacts_to<run_event>, caf::reacts_to<measured_runs>>;

/// Asks an agent for every allocation that it knows.
struct list_inventory {};

struct inventory {
  std::vector<task_report> allocations;
};

/// Serves `session` from now on, unless the agent knows a newer term.
struct attach_session {
  session_actor session;
  version_number term = 0;
};

/// JOIN: keeps a machine joined to a controller.
using join_actor = caf::typed_actor<
  // Hears that the session has ended: starts over, if it thinks that it is joined.
  caf::reacts_to<atom::dial>,
  // INTERNAL: lets time pass for the given try: it dials, or sends a heartbeat.
  caf::reacts_to<atom::tick, uint64_t>>;

/// Asks an agent to end all its tasks and to forget them, as if the machine were
/// switched off: when it joins again they are lost, and placed anew.
struct end_all_tasks {};
struct all_tasks_ended {};

/// Asks an agent to tell `who` when its session has ended.
struct tell_session_end {
  join_actor who;
};

/// AGENT: everything a machine does for the cluster.
using agent_actor = caf::typed_actor<
  // Hears who must know when a session ends.
  caf::reacts_to<tell_session_end>,
  // Takes a new session; what the agent knows was told by the hello.
  caf::reacts_to<attach_session>, caf::reacts_to<work_batch>,
  caf::reacts_to<reports_taken>,
  // Hears from TASK.
  caf::reacts_to<task_report>,
  // Ends everything here, before the process ends. Answered when it is done.
  caf::replies_to<end_all_tasks>::with<all_tasks_ended>,
  // Tells everything it knows, for a hello.
  caf::replies_to<list_inventory>::with<inventory>,
  // Tells what its tasks use.
  caf::replies_to<measure_runs>::with<measured_runs>,
  caf::replies_to<read_log>::with<log_chunk>,
  caf::replies_to<exec_command>::with<exec_result>,
  // INTERNAL: sends what has gathered.
  caf::reacts_to<atom::flush>,
  // INTERNAL: looks whether the controller has been away for too long.
  caf::reacts_to<atom::tick>,
  // INTERNAL: measures for itself, whether bursts must be held back.
  caf::reacts_to<atom::measure>>;

} // namespace troupe

// What crosses processes, by its name on the wire: never renamed.
CAF_BEGIN_TYPE_ID_BLOCK(troupe, caf::id_block::troupe_atoms::end)

  CAF_ADD_TYPE_ID(troupe, (troupe::exec_command))
  CAF_ADD_TYPE_ID(troupe, (troupe::exec_result))
  CAF_ADD_TYPE_ID(troupe, (troupe::heartbeat))
  CAF_ADD_TYPE_ID(troupe, (troupe::log_chunk))
  CAF_ADD_TYPE_ID(troupe, (troupe::node_hello))
  CAF_ADD_TYPE_ID(troupe, (troupe::node_welcome))
  CAF_ADD_TYPE_ID(troupe, (troupe::read_log))
  CAF_ADD_TYPE_ID(troupe, (troupe::report_batch))
  CAF_ADD_TYPE_ID(troupe, (troupe::reports_taken))
  CAF_ADD_TYPE_ID(troupe, (troupe::set_log_level))
  CAF_ADD_TYPE_ID(troupe, (troupe::work_batch))
  CAF_ADD_TYPE_ID(troupe, (troupe::work_taken))
  CAF_ADD_TYPE_ID(troupe, (troupe::node_actor))
  CAF_ADD_TYPE_ID(troupe, (troupe::nodes_actor))
  CAF_ADD_TYPE_ID(troupe, (troupe::session_actor))

CAF_END_TYPE_ID_BLOCK(troupe)

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::http_call)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::run_command)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::command_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::run_query)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::query_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::measure_cluster)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::measured_cluster)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::copy_cluster)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::cluster_copy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::make_plan)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::lend_journal)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::lent_journal)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::make_backup)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::backup_made)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::list_work)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::assigned_work)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::propose_places)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::proposed_places)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::event_batch)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::load_cluster)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::loaded_cluster)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::keep_decisions)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::decisions_kept)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::append_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::appended)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::await_version)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::watch_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::tab_said)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::tab_closed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::read_usage)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::poll_work)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::post_reports)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::forward_read_log)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::forward_exec)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::read_kept_output)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::kept_output)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::serve_policy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::start_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::stop_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::forget_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::adopt_runs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::run_event)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::adopted_runs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::measure_runs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::measured_runs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::limit_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::limited_run)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::run_id)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::end_task)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::restart_kept)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::locate_port)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::located_port)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::probe_driver)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::probed_driver)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::check_answer)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::health_changed)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::task_report)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::read_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::attach_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::list_inventory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::inventory)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::list_node_names)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::node_names)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::tell_session_end)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::end_all_tasks)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::all_tasks_ended)
