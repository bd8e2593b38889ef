// The table of routes, and what is read for each.

#include "runtime/api/routes.hpp"

#include <array>
#include <limits>

#include "runtime/api/bodies.hpp"
#include "runtime/api/handlers.hpp"
#include "runtime/live/usage_history.hpp"

namespace troupe::runtime::api {

namespace {

// -- kinds of calls -----------------------------------------------------------

call do_now(reading& x, command what, telling how = telling::done) {
  return command_call{std::move(what), x.dry_run(), how};
}

/// For commands that their path says all about.
call do_plain(reading& x, command what, telling how = telling::done) {
  x.no_body();
  return do_now(x, std::move(what), how);
}

call ask(reading& x, query what) {
  query_call result{std::move(what), x.wait(), std::nullopt};
  result.past
    = x.number("version", 0, std::numeric_limits<version_number>::max());
  return result;
}

template <page Which>
call read_page(reading&) {
  return page_request{Which};
}

call read_actors(reading& x) {
  return page_request{page::actors, {}, x.limit(), x.text("cursor")};
}

// -- jobs ---------------------------------------------------------------------

call read_list_jobs(reading& x) {
  list_jobs what;
  what.kinds = x.enums<job_kind>("kind");
  what.states = x.enums<job_state>("state");
  what.labels = x.labels();
  what.limit = x.limit();
  what.cursor = x.text("cursor");
  return ask(x, std::move(what));
}

call read_get_job(reading& x) {
  return ask(x, get_job{x.job()});
}

call read_forget_job(reading& x) {
  return do_plain(x, stop_job{x.job(), true}, telling::accepted);
}

call read_scale_job(reading& x) {
  return do_now(x, scale_job{x.job(), read_scale(x)});
}

call read_stop_job(reading& x) {
  return do_plain(x, stop_job{x.job(), false}, telling::accepted);
}

call read_restart_job(reading& x) {
  return do_plain(x, restart_job{x.job()}, telling::accepted);
}

call read_rollback_job(reading& x) {
  return do_plain(x, rollback_job{x.job()}, telling::accepted);
}

call read_why_job(reading& x) {
  return ask(x, get_why{std::nullopt, x.job(), {}});
}

// -- tasks --------------------------------------------------------------------

call read_list_tasks(reading& x) {
  list_tasks what;
  what.states = x.enums<task_state>("state");
  what.job = x.text("job");
  what.node = x.text("node");
  what.labels = x.labels();
  what.limit = x.limit();
  what.cursor = x.text("cursor");
  return ask(x, std::move(what));
}

call read_get_task(reading& x) {
  return ask(x, get_task{x.task()});
}

call read_stop_task(reading& x) {
  return do_plain(x, stop_task{x.task()}, telling::accepted);
}

call read_restart_task(reading& x) {
  return do_plain(x, restart_task{x.task()}, telling::accepted);
}

call read_logs(reading& x) {
  log_request result;
  result.task = x.task();
  auto stream = x.text("stream");
  if (stream == "stdout")
    result.stream = log_stream::out;
  else if (stream == "stderr")
    result.stream = log_stream::err;
  else if (!stream.empty() && stream != "both")
    x.unknown_value("stream", stream, {"stdout", "stderr", "both"});
  result.follow = x.flag("follow");
  constexpr auto most = std::numeric_limits<uint32_t>::max();
  if (auto tail = x.number("tail", 0, most))
    result.tail = static_cast<uint32_t>(*tail);
  if (auto attempt = x.number("attempt", 1, most))
    result.attempt = static_cast<uint32_t>(*attempt);
  return result;
}

call read_exec(reading& x) {
  return exec_request{x.task(), read_command(x), x.dry_run()};
}

call read_why_task(reading& x) {
  return ask(x, get_why{x.task(), {}, {}});
}

// -- nodes --------------------------------------------------------------------

call read_list_nodes(reading& x) {
  list_nodes what;
  what.states = x.enums<node_state>("state");
  what.labels = x.labels();
  what.limit = x.limit();
  what.cursor = x.text("cursor");
  return ask(x, std::move(what));
}

call read_join_node(reading& x) {
  return do_now(x, join_node{read_profile(x), std::nullopt},
                telling::registration);
}

call read_get_node(reading& x) {
  return ask(x, get_node{x.node()});
}

call read_change_node(reading& x) {
  return do_now(x, read_node_change(x, x.node()));
}

call read_remove_node(reading& x) {
  return do_plain(x, remove_node{x.node(), "removed by a user"});
}

call read_cordon(reading& x) {
  return do_plain(x, cordon_node{x.node(), true});
}

call read_uncordon(reading& x) {
  return do_plain(x, cordon_node{x.node(), false});
}

call read_drain_node(reading& x) {
  return do_now(x, read_drain(x, x.node()), telling::accepted);
}

call read_beat(reading& x) {
  return heartbeat_request{read_heartbeat(x, x.node()), x.dry_run()};
}

call read_work(reading& x) {
  return node_work_request{x.node(), x.wait()};
}

call read_node_reports(reading& x) {
  auto result = read_reports(x, x.node());
  result.dry_run = x.dry_run();
  return result;
}

call read_why_node(reading& x) {
  return ask(x, get_why{std::nullopt, {}, x.node()});
}

// -- the cluster --------------------------------------------------------------

template <class List>
call read_list(reading& x) {
  return ask(x, List{x.limit(), x.text("cursor")});
}

call read_list_results(reading& x) {
  return ask(x,
             list_results{read_result_filter(x), x.limit(), x.text("cursor")});
}

call read_forget_results(reading& x) {
  return do_plain(x, forget_results{read_result_filter(x)}, telling::removal);
}

template <class Question>
call read_question(reading& x) {
  return ask(x, Question{});
}

call read_usage(reading& x) {
  usage_request result;
  result.nodes = x.values("node");
  result.last = static_cast<uint32_t>(
    x.number("last", 1, usage_history::length).value_or(usage_history::length));
  return result;
}

call read_live(reading&) {
  return live_request{};
}

call read_asset(reading& x) {
  return page_request{page::dashboard, x.file()};
}

call read_change_settings(reading& x) {
  auto result = read_settings(x);
  result.dry_run = x.dry_run();
  return result;
}

/// There are never more than fit on a page.
call read_policies(reading& x) {
  static_cast<void>(x.limit());
  if (!x.text("cursor").empty())
    x.wrong("cursor", "leave it out: this list has one page");
  return ask(x, list_policies{});
}

// -- the table ----------------------------------------------------------------

using http::method;

constexpr std::string_view until = "wait version";
constexpr std::string_view paged = "limit cursor wait version";

constexpr auto table = std::to_array<route>({
  {method::post, "/v1/jobs", read_submission, "", "submit jobs, all or none"},
  {method::get, "/v1/jobs", read_list_jobs,
   "kind state label limit cursor wait version", "list jobs"},
  {method::get, "/v1/jobs/{job}", read_get_job, until, "show a job"},
  {method::del, "/v1/jobs/{job}", read_forget_job, "",
   "stop a job and forget it"},
  {method::post, "/v1/jobs/{job}/scale", read_scale_job, "",
   "change how many tasks a job has"},
  {method::post, "/v1/jobs/{job}/stop", read_stop_job, "",
   "stop the tasks of a job"},
  {method::post, "/v1/jobs/{job}/restart", read_restart_job, "",
   "stop the tasks of a job and place them anew"},
  {method::post, "/v1/jobs/{job}/rollback", read_rollback_job, "",
   "go back to the version before"},
  {method::get, "/v1/jobs/{job}/why", read_why_job, until,
   "explain why a job's tasks wait or have failed"},
  {method::get, "/v1/tasks", read_list_tasks,
   "state job node label limit cursor wait version", "list tasks"},
  {method::get, "/v1/tasks/{task}", read_get_task, until, "show a task"},
  {method::post, "/v1/tasks/{task}/stop", read_stop_task, "", "stop a task"},
  {method::post, "/v1/tasks/{task}/restart", read_restart_task, "",
   "stop a task and place it anew"},
  {method::get, "/v1/tasks/{task}/logs", read_logs,
   "stream follow tail attempt", "read what a task has written"},
  {method::post, "/v1/tasks/{task}/exec", read_exec, "",
   "run a command beside a task"},
  {method::get, "/v1/tasks/{task}/why", read_why_task, until,
   "explain why a task waits, is where it is, or has ended"},
  {method::get, "/v1/nodes", read_list_nodes,
   "state label limit cursor wait version", "list nodes"},
  {method::post, "/v1/nodes", read_join_node, "",
   "register a node's capacity and labels"},
  {method::get, "/v1/nodes/{node}", read_get_node, until, "show a node"},
  {method::del, "/v1/nodes/{node}", read_remove_node, "",
   "remove a node and place its tasks anew"},
  {method::patch, "/v1/nodes/{node}", read_change_node, "",
   "change labels, weight or overcommit of a node"},
  {method::get, "/v1/nodes/{node}/work", read_work, "wait",
   "offer a node what it has to do"},
  {method::post, "/v1/nodes/{node}/reports", read_node_reports, "",
   "take what became of a node's work"},
  {method::post, "/v1/nodes/{node}/drain", read_drain_node, "",
   "move a node's tasks elsewhere"},
  {method::post, "/v1/nodes/{node}/cordon", read_cordon, "",
   "let no more tasks go to a node"},
  {method::post, "/v1/nodes/{node}/uncordon", read_uncordon, "",
   "let a node take tasks again"},
  {method::post, "/v1/nodes/{node}/heartbeat", read_beat, "",
   "take a sign of life from a node"},
  {method::get, "/v1/nodes/{node}/why", read_why_node, until,
   "explain why a node takes no tasks, or not those that wait"},
  {method::get, "/v1/gangs", read_list<list_gangs>, paged, "list gangs"},
  {method::get, "/v1/queue", read_list<list_queue>, paged,
   "list what waits and why, in order"},
  {method::get, "/v1/cluster", read_question<get_cluster>, until,
   "show totals"},
  {method::get, "/v1/policies", read_policies, paged,
   "list the policies that place tasks"},
  {method::get, "/v1/actors", read_actors, "limit cursor",
   "list live actors by type"},
  {method::get, "/v1/map", read_question<get_map>, until,
   "show which tasks are on which nodes, in short"},
  {method::get, "/v1/usage", read_usage, "node last",
   "show what was reserved and used over the last minutes"},
  {method::get, "/v1/events", read_events,
   "since types job node limit cursor wait version",
   "read what has happened, or follow it"},
  {method::get, "/v1/live", read_live, "",
   "follow answers as they change, over a WebSocket"},
  {method::post, "/v1/plan", read_plan, "", "say what a change would do"},
  {method::get, "/v1/backup", read_page<page::backup>, "",
   "copy the journal, for `troupe restore`"},
  {method::get, "/v1/cache", read_list_results,
   "key job prefix limit cursor wait version",
   "list the results that are kept, and count lookups"},
  {method::del, "/v1/cache", read_forget_results, "key job prefix",
   "forget results, all or those that are meant"},
  {method::get, "/v1/settings", read_page<page::settings>, "",
   "show what can be set at run time"},
  {method::put, "/v1/settings", read_change_settings, "",
   "change what can be set at run time"},
  {method::get, "/healthz", read_page<page::health>, "", "say that it lives"},
  {method::get, "/readyz", read_page<page::ready>, "",
   "say whether it can do its work"},
  {method::get, "/metrics", read_page<page::metrics>, "",
   "measure, for Prometheus"},
  {method::get, "/openapi.json", read_page<page::openapi>, "",
   "describe this interface"},
  {method::get, "/", read_page<page::dashboard>, "", "show the dashboard"},
  {method::get, "/dashboard/{file}", read_asset, "", "a part of the dashboard"},
});

} // namespace

std::span<const route> routes() {
  return table;
}

} // namespace troupe::runtime::api
