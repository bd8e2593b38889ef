#include "actors/gateway.hpp"

#include "messages/json.hpp"
#include "messages/view.hpp"

#include "runtime/api/handlers.hpp"
#include "runtime/api/openapi.hpp"
#include "runtime/api/problem.hpp"
#include "runtime/api/render.hpp"
#include "runtime/api/routes.hpp"
#include "runtime/base64.hpp"
#include "runtime/http/exchange.hpp"
#include "runtime/log.hpp"
#include "runtime/views/page.hpp"

#include "actors/backup.hpp"
#include "actors/log_relay.hpp"
#include "actors/planner.hpp"
#include "actors/scrape.hpp"

namespace troupe {

namespace api = runtime::api;

// People do not wait behind the reports of nodes: whatever a client asks of the
// scheduler is sent with high priority.

namespace {

/// Asks WATCH for whatever comes after its present version.
constexpr auto from_now_on = std::numeric_limits<version_number>::max();

/// Tells a client that a part of the controller did not answer in time.
auto unavailable(const http_call& call) {
  return [call](const caf::error&) {
    call.exchange->answer(
      api::render(refusal{refusal_kind::unavailable,
                          "the controller cannot answer now; try again",
                          {}}));
  };
}

/// Tells a worker that speaks HTTP why it is not heard.
auto no_such_node(const http_call& call, const std::string& node) {
  return [call, node](const caf::error& x) {
    // Anything else is no reason to register again.
    if (x != caf::sec::invalid_argument)
      return unavailable(call)(x);
    call.exchange->answer(api::render(
      refusal{refusal_kind::not_found,
              "there is no node \"" + node + "\"; register it first",
              {}}));
  };
}

} // namespace

void gateway_state::serve(http_call call) {
  auto who = options.guard->admit(call.exchange->request(),
                                  wall.at(self->clock().now()));
  if (!who)
    return call.exchange->answer(api::to_response(who.error()));
  auto parsed = api::parse(call.exchange->request(), chance());
  if (!parsed)
    return call.exchange->answer(api::to_response(parsed.error()));
  if (auto* x = std::get_if<api::command_call>(&*parsed))
    if (auto* join = std::get_if<join_node>(&x->what);
        join != nullptr && !who->node.empty()
        && join->profile.name != who->node)
      return call.exchange->answer(api::render(
        refusal{refusal_kind::forbidden,
                "this token speaks for node " + who->node + " alone",
                {}}));
  std::visit([&](auto& x) { on(call, x); }, *parsed);
}

void gateway_state::on(http_call call, api::command_call& x) {
  if (std::holds_alternative<join_node>(x.what) && !x.dry_run)
    return join(call, std::move(x));
  decide(call, x, [] {
    // Nothing to do beside.
  });
}

void gateway_state::on(http_call call, api::settings_call& x) {
  decide(call, {std::move(x.what), x.dry_run},
         [this, level = x.dry_run ? std::nullopt : x.log_level] {
           if (!level)
             return;
           options.log_level->ask_for(*level);
           // Names were checked when the request was read.
           static_cast<void>(runtime::log::set_level(*level));
           runtime::log::warn("the log level is {} from now on", *level);
         });
}

void gateway_state::decide(const http_call& call, const api::command_call& x,
                           std::function<void()> then) {
  if (commands_open >= options.commands_max)
    return call.exchange->answer(
      api::render(refusal{refusal_kind::too_many,
                          "too many requests are waiting; try again in a "
                          "second",
                          {}}));
  ++commands_open;
  self
    ->request<caf::message_priority::high>(scheduler, options.command_timeout,
                                           run_command{x.what, x.dry_run})
    .then(
      [this, call, x, then = std::move(then)](const command_answer& answer) {
        --commands_open;
        if (!answer.refused)
          then();
        if (!answer.refused)
          return call.exchange->answer(api::render(x, answer.done));
        auto refused = *answer.refused;
        if (std::holds_alternative<submit_jobs>(x.what))
          refused
            = api::placed_in(std::move(refused), call.exchange->request().body);
        call.exchange->answer(api::render(refused));
      },
      [this, call](const caf::error& error) {
        --commands_open;
        unavailable(call)(error);
      });
}

/// A machine that registers by HTTP gets an actor like any other. Registering
/// again changes what is known of it.
void gateway_state::join(const http_call& call, api::command_call x) {
  auto& name = std::get<join_node>(x.what).profile.name;
  self
    ->request<caf::message_priority::high>(scheduler, options.query_timeout,
                                           run_query{get_node{name}})
    .then(
      [this, call, x = std::move(x)](const query_answer& known) mutable {
        if (!known.refused)
          x.how = api::telling::done;
        say_hello(call, std::move(x));
      },
      unavailable(call));
}

void gateway_state::say_hello(const http_call& call, api::command_call x) {
  node_hello hello;
  hello.profile = std::get<join_node>(x.what).profile;
  auto welcomed = [this, call, x](const node_welcome& y) {
    if (!y.refused.empty())
      return call.exchange->answer(
        api::render(refusal{refusal_kind::conflict, y.refused, {}}));
    // Whoever registers lives, and so far uses nothing.
    if (x.how == api::telling::registration) {
      heartbeat first;
      first.node = std::get<join_node>(x.what).profile.name;
      self->send(nodes, first);
    }
    tell_version(call, [call, x](version_number version) {
      outcome done;
      done.version = version;
      call.exchange->answer(api::render(x, done));
    });
  };
  self->request(nodes, options.command_timeout, hello, caf::strong_actor_ptr{})
    .then(welcomed, unavailable(call));
}

/// Calls `f` with the present version, as WATCH knows it.
void gateway_state::tell_version(const http_call& call,
                                 std::function<void(version_number)> f) {
  self->request(watch, options.query_timeout, await_version{0, milliseconds{0}})
    .then(std::move(f), unavailable(call));
}

void gateway_state::ask(const http_call& call, query what) {
  self
    ->request<caf::message_priority::high>(scheduler, options.query_timeout,
                                           run_query{std::move(what)})
    .then(
      [call](const query_answer& x) {
        call.exchange->answer(x.refused ? api::render(*x.refused)
                                        : api::render(*x.view));
      },
      unavailable(call));
}

void gateway_state::on(http_call call, api::query_call& x) {
  if (x.wait.count() == 0)
    return ask(call, std::move(x.what));
  self
    ->request(watch, x.wait + options.query_timeout,
              await_version{x.past.value_or(from_now_on), x.wait})
    .then([this, call, what = x.what](version_number) { ask(call, what); },
          unavailable(call));
}

void gateway_state::on(http_call call, api::log_request& x) {
  self->spawn(log_relay, std::move(call), std::move(x), scheduler, nodes,
              black_box);
}

void gateway_state::on(http_call call, api::exec_request& x) {
  auto run = [this, call, argv = x.argv](const query_answer& answer) {
    if (answer.refused)
      return call.exchange->answer(api::render(*answer.refused));
    task_view task;
    static_cast<void>(json::read(*answer.view, task));
    if (task.state != task_state::running)
      return call.exchange->answer(
        api::render(refusal{refusal_kind::conflict,
                            "task " + to_string(task.id) + " does not run now",
                            {}}));
    exec_command command{task.allocation, argv};
    self
      ->request(nodes, command.timeout + options.query_timeout,
                forward_exec{task.node, command})
      .then(
        [call](const exec_result& y) {
          if (!y.error.empty())
            return call.exchange->answer(
              api::render(refusal{refusal_kind::conflict, y.error, {}}));
          call.exchange->answer(api::render(
            json::object{{"exitCode", y.exit_code},
                         {"output", runtime::from_base64(y.output)}}));
        },
        unavailable(call));
  };
  self
    ->request<caf::message_priority::high>(scheduler, options.query_timeout,
                                           run_query{get_task{x.task}})
    .then(run, unavailable(call));
}

void gateway_state::on(http_call call, api::event_request& x) {
  watch_events what{std::move(call),
                    x.last_event_id.value_or(x.since),
                    std::move(x.types),
                    std::move(x.job),
                    std::move(x.node),
                    x.sse,
                    x.limit};
  if (x.sse || x.wait.count() == 0)
    return self->send(watch, std::move(what));
  self
    ->request(watch, x.wait + options.query_timeout,
              await_version{x.past.value_or(what.since), x.wait})
    .then([this, what](version_number) { self->send(watch, what); },
          unavailable(what.call));
}

void gateway_state::on(http_call call, api::heartbeat_request& x) {
  self
    ->request<caf::message_priority::high>(scheduler, options.query_timeout,
                                           run_query{get_node{x.beat.node}})
    .then(
      [this, call, beat = x.beat,
       rehearse = x.dry_run](const query_answer& answer) {
        if (answer.refused)
          return call.exchange->answer(api::render(*answer.refused));
        if (!rehearse)
          self->send(nodes, beat);
        call.exchange->answer(api::render(json::object{{"node", beat.node}}));
      },
      unavailable(call));
}

void gateway_state::on(http_call call, api::node_work_request& x) {
  self
    ->request(nodes, x.wait + options.query_timeout, poll_work{x.node, x.wait})
    .then(
      [call](const work_batch& y) {
        call.exchange->answer(api::render(y.items));
      },
      no_such_node(call, x.node));
}

void gateway_state::on(http_call call, api::node_reports& x) {
  self
    ->request(nodes, options.command_timeout,
              post_reports{x.what.node, {x.what.reports}, x.acknowledged})
    .then(
      [call](const reports_taken& y) {
        call.exchange->answer(
          api::render(json::object{{"acknowledged", y.sequence}}));
      },
      no_such_node(call, x.what.node));
}

void gateway_state::on(http_call call, api::usage_request& x) {
  self->request(live, options.query_timeout, read_usage{x.nodes, x.last})
    .then(
      [call](const query_answer& y) {
        call.exchange->answer(api::render(*y.view));
      },
      unavailable(call));
}

void gateway_state::on(http_call call, api::live_request&) {
  self->send(live, std::move(call));
}

/// Whether there is room for one more; else the client is told.
bool gateway_state::begin_plan(const http_call& call) {
  if (plans_open < options.plans_max) {
    ++plans_open;
    return true;
  }
  call.exchange->answer(
    api::render(refusal{refusal_kind::too_many,
                        "other plans or backups are being made; try again in a "
                        "second",
                        {}}));
  return false;
}

void gateway_state::back_up(const http_call& call) {
  if (!begin_plan(call))
    return;
  auto failed = [this, call](const caf::error& error) {
    --plans_open;
    unavailable(call)(error);
  };
  auto copy = [this, call, failed](const lent_journal& lent) {
    self
      ->request(self->spawn<caf::detached>(backup), options.backup_timeout,
                make_backup{lent.core})
      .then(
        [this, call](const backup_made& x) {
          --plans_open;
          if (!x.trouble.empty())
            return call.exchange->answer(
              api::render(refusal{refusal_kind::conflict, x.trouble, {}}));
          runtime::http::response reply;
          reply.content_type = "application/octet-stream";
          reply.body = *x.bytes;
          call.exchange->answer(reply);
        },
        failed);
  };
  self->request(scheduler, options.query_timeout, lend_journal{})
    .then(copy, failed);
}

void gateway_state::on(http_call call, api::plan_request& x) {
  if (!begin_plan(call))
    return;
  auto failed = [this, call](const caf::error& error) {
    --plans_open;
    unavailable(call)(error);
  };
  auto plan
    = [this, call, failed, change = x.change](const cluster_copy& copy) {
        self
          ->request(self->spawn<caf::detached>(planner), options.plan_timeout,
                    make_plan{copy.image, change})
          .then(
            [this, call](const query_answer& y) {
              --plans_open;
              call.exchange->answer(y.refused ? api::render(*y.refused)
                                              : api::render(*y.view));
            },
            failed);
      };
  self->request(scheduler, options.query_timeout, copy_cluster{})
    .then(plan, failed);
}

void gateway_state::list_actors(const http_call& call,
                                const api::page_request& x) {
  namespace views = runtime::views;
  auto start = views::start_page(x.limit, x.cursor);
  if (!start)
    return call.exchange->answer(api::render(start.error()));
  tell_version(call, [call, from = *start](version_number version) {
    views::page_items items{from.limit};
    for (auto& [type, x] : census::count()) {
      if ((from.key && type <= *from.key) || items.done() || !items.takes_one())
        continue;
      json::object item{
        {"type", type}, {"count", x.alive}, {"restarts", x.restarts}};
      item["supervisor"]
        = x.supervisor.empty() ? json::value{} : json::value(x.supervisor);
      items.add(std::move(item), type);
    }
    call.exchange->answer(api::render(std::move(items).finish(version)));
  });
}

void gateway_state::tell_settings(const http_call& call) {
  self
    ->request<caf::message_priority::high>(scheduler, options.query_timeout,
                                           run_query{get_cluster{}})
    .then(
      [call](const query_answer& x) {
        call.exchange->answer(
          x.refused
            ? api::render(*x.refused)
            : api::render_settings(x.view->as_object(), runtime::log::level()));
      },
      unavailable(call));
}

void gateway_state::tell_metrics(const http_call& call) {
  self->spawn(
    scrape, call,
    scrape_options{options.query_timeout, options.meters, options.node_meters},
    scheduler);
}

void gateway_state::on(http_call call, api::page_request& x) {
  switch (x.which) {
  case api::page::health:
    return call.exchange->answer(api::render(json::object{{"status", "ok"}}));
  case api::page::ready:
    self
      ->request<caf::message_priority::high>(scheduler, options.query_timeout,
                                             run_query{get_cluster{}})
      .then(
        [call](const query_answer&) {
          call.exchange->answer(api::render(json::object{{"status", "ready"}}));
        },
        unavailable(call));
    return;
  case api::page::actors:
    return list_actors(call, x);
  case api::page::settings:
    return tell_settings(call);
  case api::page::metrics:
    return tell_metrics(call);
  case api::page::backup:
    return back_up(call);
  case api::page::openapi:
    return call.exchange->answer(api::render(api::openapi()));
  case api::page::dashboard:
    return call.exchange->answer(
      options.dashboard
        ? options.dashboard->answer(call.exchange->request(), x.file)
        : api::render(refusal{refusal_kind::not_found,
                              "this controller was started without a dashboard",
                              {}}));
  }
}

gateway_actor::behavior_type
gateway(gateway_actor::stateful_pointer<gateway_state> self,
        gateway_options options, scheduler_actor scheduler, nodes_actor nodes,
        watch_actor watch, live_actor live, black_box_actor black_box) {
  auto& state = self->state;
  state.options = std::move(options);
  state.scheduler = std::move(scheduler);
  state.nodes = std::move(nodes);
  state.watch = std::move(watch);
  state.live = std::move(live);
  state.black_box = std::move(black_box);
  return {
    [&state](http_call& x) {
      state.alive.note_mailbox(state.self->mailbox().size());
      state.serve(std::move(x));
    },
  };
}

} // namespace troupe
