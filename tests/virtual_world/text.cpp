#include "tests/virtual_world/text.hpp"

#include <caf/all.hpp>

#include "messages/json.hpp"

#include "runtime/placement/policy.hpp"

namespace troupe::test {

namespace {

template <class Range, class F>
std::string joined(const Range& xs, F f) {
  std::string result;
  for (auto& x : xs)
    result += (result.empty() ? "" : ", ") + f(x);
  return result;
}

template <class T>
std::string number(T x) {
  return std::to_string(x);
}

std::string attempt_of(const task_ref& task, uint32_t attempt) {
  return to_string(task) + (attempt > 1 ? "#" + number(attempt) : "");
}

std::string code_of(const std::optional<int32_t>& x) {
  return x ? ", exit code " + number(*x) : "";
}

// -- parts of messages -------------------------------------------------------

std::string text(const work_item& x) {
  auto result
    = json::name_of(x.kind) + std::string{" "} + attempt_of(x.task, x.attempt);
  return x.kind == work_kind::start
           ? result + " as " + number(x.allocation.value)
           : result;
}

std::string text(const std::vector<work_item>& x) {
  return x.empty() ? "nothing"
                   : joined(x, [](const work_item& y) { return text(y); });
}

std::string text(const task_report& x) {
  return attempt_of(x.task, x.attempt) + ' ' + json::name_of(x.state)
         + (x.why == reason::none ? ""
                                  : std::string{", "} + json::name_of(x.why))
         + code_of(x.exit_code);
}

std::string text(const std::vector<task_report>& x) {
  return x.empty() ? "nothing"
                   : joined(x, [](const task_report& y) { return text(y); });
}

std::string text(const std::shared_ptr<const std::vector<event>>& x) {
  return joined(*x, [](const event& y) { return text_of(y); });
}

struct command_text {
  std::string operator()(const submit_jobs& x) const {
    return "submit_jobs "
           + joined(x.specs, [](const job_spec_ptr& y) { return y->name; });
  }
  std::string operator()(const join_node& x) const {
    return "join_node " + x.profile.name;
  }
  std::string operator()(const change_node_health& x) const {
    return "change_node_health " + x.node + ' ' + json::name_of(x.state);
  }
  std::string operator()(const forget_results& x) const {
    return "forget_results " + x.which.key + x.which.job + x.which.prefix;
  }
  std::string operator()(const note_troubles& x) const {
    return "note_troubles of " + x.node;
  }
  std::string operator()(const take_reports& x) const {
    return "take_reports of " + x.node + ": " + text(x.reports);
  }
  std::string operator()(const stop_job& x) const {
    return "stop_job " + x.job;
  }
  std::string operator()(const scale_job& x) const {
    return "scale_job " + x.job + " to " + number(x.count);
  }
  std::string operator()(const restart_job& x) const {
    return "restart_job " + x.job;
  }
  std::string operator()(const stop_task& x) const {
    return "stop_task " + to_string(x.task);
  }
  std::string operator()(const restart_task& x) const {
    return "restart_task " + to_string(x.task);
  }
  std::string operator()(const change_node& x) const {
    return "change_node " + x.node;
  }
  std::string operator()(const cordon_node& x) const {
    return "cordon_node " + x.node;
  }
  std::string operator()(const drain_node& x) const {
    return "drain_node " + x.node;
  }
  std::string operator()(const rollback_job& x) const {
    return "rollback_job " + x.job;
  }
  std::string operator()(const remove_node& x) const {
    return "remove_node " + x.node;
  }
  std::string operator()(const change_settings&) const {
    return "change_settings";
  }
  std::string operator()(const take_lead& x) const {
    return "take_lead " + x.leader;
  }
};

// -- messages: how each is shown ---------------------------------------------

std::string show(const run_command& x) {
  return "run_command(" + text_of(x.what) + ')';
}
std::string show(const command_answer& x) {
  return x.refused ? "command_answer(refused: " + x.refused->detail + ')'
                   : "command_answer(version " + number(x.done.version) + ')';
}
std::string show(const run_query&) {
  return "run_query";
}
std::string show(const query_answer& x) {
  return x.refused ? "query_answer(refused: " + x.refused->detail + ')'
                   : "query_answer";
}
std::string show(const list_work& x) {
  return "list_work(" + x.node + ')';
}
std::string show(const list_node_names&) {
  return "list_node_names";
}
std::string show(const node_names& x) {
  return "node_names(" + joined(x.names, [](const std::string& y) { return y; })
         + ')';
}
std::string show(const assigned_work& x) {
  return "assigned_work(" + x.node + ": " + text(x.items) + ')';
}
std::string show(const propose_places& x) {
  uint32_t tasks = 0;
  for (auto& y : *x.asks)
    tasks += y.count;
  return "propose_places(" + number(tasks) + ')';
}
std::string show(const proposed_places& x) {
  size_t tasks = 0;
  for (auto& y : x.places->runs)
    tasks += y.nodes.size();
  return "proposed_places(" + number(tasks) + ')';
}
std::string show(const serve_policy& x) {
  return "serve_policy(" + x.name + ')';
}
std::string show(const event_batch& x) {
  return "event_batch(" + text(x.events) + ')';
}
std::string show(const append_events& x) {
  return "append_events(" + text(x.batch.events) + ')';
}
std::string show(const appended& x) {
  return x.trouble.empty() ? "appended(" + number(x.version) + ')'
                           : "appended(trouble: " + x.trouble + ')';
}
std::string show(const load_cluster&) {
  return "load_cluster";
}
std::string show(const loaded_cluster&) {
  return "loaded_cluster";
}
std::string show(const read_events& x) {
  return "read_events(since " + number(x.since) + ')';
}
std::string show(const await_version& x) {
  return "await_version(" + number(x.version) + ')';
}
std::string show(const node_hello& x) {
  return "node_hello(" + x.profile.name + " knows " + text(x.inventory) + ')';
}
std::string show(const node_welcome& x) {
  return x.refused.empty() ? "node_welcome(term " + number(x.term) + ')'
                           : "node_welcome(refused: " + x.refused + ')';
}
std::string show(const work_batch& x) {
  return "work_batch(" + text(x.items) + ')';
}
std::string show(const work_taken& x) {
  return "work_taken(" + number(x.sequence) + ')';
}
std::string show(const report_batch& x) {
  return "report_batch(" + text(x.reports) + ')';
}
std::string show(const reports_taken& x) {
  return "reports_taken(" + number(x.sequence) + ')';
}
std::string show(const set_log_level& x) {
  return "set_log_level(" + x.level + ')';
}
std::string show(const poll_work& x) {
  return "poll_work(" + x.node + ')';
}
std::string show(const post_reports& x) {
  return "post_reports(" + text(x.batch.reports) + ')';
}
std::string show(const start_run& x) {
  return "start_run(" + text(x.item) + ')';
}
std::string show(const stop_run& x) {
  return "stop_run(" + to_string(x.run) + ')';
}
std::string show(const end_task& x) {
  return "end_task(" + json::name_of(x.why) + ')';
}
std::string show(const health_changed& x) {
  return "health_changed(" + to_string(x.run) + ' ' + json::name_of(x.health)
         + ": " + x.message + ')';
}
std::string show(const check_answer& x) {
  return "check_answer(" + number(x.number) + ' ' + json::name_of(x.result)
         + ')';
}
std::string show(const locate_port& x) {
  return "locate_port(" + to_string(x.run) + " port " + number(x.port) + ')';
}
std::string show(const located_port& x) {
  return x.error.empty() ? "located_port(" + x.host + ':' + number(x.port) + ')'
                         : "located_port(" + x.error + ')';
}
std::string show(const probe_driver&) {
  return "probe_driver";
}
std::string show(const probed_driver& x) {
  return "probed_driver(" + x.trouble + ')';
}
std::string show(const restart_kept& x) {
  return "restart_kept(" + number(x.attempt) + ')';
}
std::string show(const forget_run& x) {
  return "forget_run(" + to_string(x.run) + ')';
}
std::string show(const run_event& x) {
  return "run_event(" + to_string(x.run) + ' ' + json::name_of(x.phase)
         + code_of(x.exit_code) + ')';
}
std::string show(const adopt_runs&) {
  return "adopt_runs";
}
std::string show(const adopted_runs& x) {
  return "adopted_runs(" + number(x.runs.size()) + ')';
}
std::string show(const task_report& x) {
  return "task_report(" + text(x) + ')';
}
std::string show(const list_inventory&) {
  return "list_inventory";
}
std::string show(const inventory& x) {
  return "inventory(" + text(x.allocations) + ')';
}
std::string show(const attach_session& x) {
  return "attach_session(term " + number(x.term) + ')';
}
std::string show(const tell_session_end&) {
  return "tell_session_end";
}
std::string show(const end_all_tasks&) {
  return "end_all_tasks";
}
std::string show(const all_tasks_ended&) {
  return "all_tasks_ended";
}
std::string show(const nodes_actor&) {
  return "nodes";
}
std::string show(const caf::error& x) {
  return "error(" + caf::to_string(x) + ')';
}
std::string show(const caf::exit_msg&) {
  return "exit";
}
std::string show(const caf::down_msg&) {
  return "down";
}
std::string show(atom::dial) {
  return "dial";
}

/// Shows the message as the first of `Ts` that it is.
template <class... Ts>
std::optional<std::string> first_of(const caf::type_erased_tuple& x) {
  std::optional<std::string> result;
  static_cast<void>(
    ((x.match_element<Ts>(0) ? (result = show(x.get_as<Ts>(0)), true) : false)
     || ...));
  return result;
}

struct fact_text {
  template <class Fact>
  std::string operator()(const Fact& x) const {
    std::string result;
    if constexpr (requires { x.task; })
      result += ' ' + to_string(x.task);
    else if constexpr (requires { x.job; })
      result += ' ' + x.job;
    if constexpr (requires { x.task, x.node; })
      result += " on " + x.node;
    else if constexpr (requires { x.node; })
      result += ' ' + x.node;
    if constexpr (requires { x.exit_code; })
      result
        += ' ' + std::string{json::name_of(x.state)} + code_of(x.exit_code);
    return result;
  }
};

} // namespace

std::string text_of(const command& x) {
  return std::visit(command_text{}, x);
}

std::string text_of(const event& x) {
  return number(x.version) + ' ' + std::string{type_of(x.what)}
         + std::visit(fact_text{}, x.what);
}

std::optional<std::string> text_of(const caf::type_erased_tuple& x) {
  if (x.size() == 0)
    return std::nullopt;
  return first_of<
    run_command, command_answer, run_query, query_answer, list_work,
    list_node_names, node_names, assigned_work, propose_places, proposed_places,
    serve_policy, event_batch, append_events, appended, load_cluster,
    loaded_cluster, read_events, await_version, node_hello, node_welcome,
    work_batch, work_taken, report_batch, reports_taken, set_log_level,
    poll_work, post_reports, start_run, end_task, restart_kept, health_changed,
    check_answer, locate_port, located_port, probe_driver, probed_driver,
    stop_run, forget_run, run_event, adopt_runs, adopted_runs, task_report,
    list_inventory, inventory, attach_session, tell_session_end, end_all_tasks,
    all_tasks_ended, nodes_actor, caf::error, caf::exit_msg, caf::down_msg,
    atom::dial>(x);
}

} // namespace troupe::test
