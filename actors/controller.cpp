#include "actors/controller.hpp"

#include <condition_variable>
#include <mutex>

#include <caf/all.hpp>
#include <caf/io/middleman.hpp>
#include <caf/openssl/all.hpp>

#include "runtime/api/routes.hpp"
#include "runtime/http/exchange.hpp"
#include "runtime/log.hpp"
#include "runtime/placement/policy.hpp"

#include "actors/nodes.hpp"
#include "actors/policy.hpp"
#include "actors/supervisor.hpp"

namespace troupe {

namespace log = runtime::log;

/// The present handles, as the supervisor last made them. Written in the order of
/// the children, so each child finds those before it.
struct controller::handles {
  std::mutex mutex;
  std::condition_variable changed;
  journal_actor journal;
  watch_actor watch;
  decisions_actor decisions;
  scheduler_actor scheduler;
  nodes_actor nodes;
  live_actor live;
  black_box_actor black_box;
  gateway_actor gateway;

  template <class Handle>
  caf::actor keep(Handle handles::*slot, Handle x) {
    std::lock_guard guard{mutex};
    this->*slot = x;
    changed.notify_all();
    return caf::actor_cast<caf::actor>(x);
  }

  template <class Handle>
  [[nodiscard]] Handle get(Handle handles::*slot) {
    std::lock_guard guard{mutex};
    return this->*slot;
  }
};

namespace {

/// How long stopping may take before the process ends anyway.
constexpr auto stop_timeout = std::chrono::seconds{10};

using current_nodes = std::function<nodes_actor()>;

/// Stands in for NODES over its restarts, since what is published cannot change.
nodes_actor::behavior_type
stand_in(nodes_actor::pointer self, current_nodes current) {
  return {
    [self, current](const node_hello& x, const caf::strong_actor_ptr& y)
      -> caf::result<node_welcome> { return self->delegate(current(), x, y); },
    [self, current](heartbeat& x) { self->send(current(), std::move(x)); },
    [self, current](assigned_work& x) { self->send(current(), std::move(x)); },
    [self, current](const poll_work& x) -> caf::result<work_batch> {
      return self->delegate(current(), x);
    },
    [self, current](const post_reports& x) -> caf::result<reports_taken> {
      return self->delegate(current(), x);
    },
    [self, current](const forward_read_log& x) -> caf::result<log_chunk> {
      return self->delegate(current(), x);
    },
    [self, current](const forward_exec& x) -> caf::result<exec_result> {
      return self->delegate(current(), x);
    },
  };
}

/// What waits for news by its own wish says nothing about how fast we are.
void measure_answer(runtime::controller_meters& meters,
                    const runtime::http::request* request, int status,
                    std::chrono::nanoseconds took) {
  if (request == nullptr)
    meters.note_request("none", status, took);
  else if (!request->parameter("wait"))
    meters.note_request(runtime::api::pattern_of(*request), status, took);
}

/// Writes down who changed something, or was not let. What nodes say by the
/// minute is in the journal if it matters.
void write_down(runtime::audit& to, const runtime::access::guard& guard,
                const runtime::http::request& x, int status) {
  namespace access = runtime::access;
  auto was_refused = status == 401 || status == 403;
  if (!runtime::http::is_write(x.method) && !was_refused)
    return;
  auto needs = access::right_of(x.method, runtime::api::pattern_of(x));
  if (needs == access::right::serve && !was_refused)
    return;
  auto now = wall_clock::read(std::chrono::steady_clock::now());
  to.note({now, guard.name_of_caller(x, now), x.remote,
           runtime::http::to_string(x.method), x.path,
           x.parameter("dryRun") == "true", status});
}

/// Lets all count with the same meters, and the server tell of its answers; and
/// nodes know what the gateway is asked for.
void share_meters(controller_options& x) {
  x.node.log_level = x.gateway.log_level;
  x.scheduler.meters = x.meters;
  x.journal.meters = x.meters;
  x.node.meters = x.meters;
  x.gateway.meters = x.meters;
  x.gateway.node_meters = x.node_meters;
  x.gateway.guard = x.guard;
  x.http.on_answer = [meters = x.meters, guard = x.guard, audit = x.audit](
                       const runtime::http::request* request, int status,
                       std::chrono::nanoseconds took) {
    measure_answer(*meters, request, status, took);
    if (audit && request != nullptr)
      write_down(*audit, *guard, *request, status);
  };
}

/// What is asked of a leader whose time is over, and who has not noticed yet.
void refuse_without_lead(const runtime::http::exchange& x) {
  auto answer = runtime::http::problem(
    503, "this controller does not lead any more; try again");
  answer.headers.emplace_back("Retry-After", "1");
  x.answer(answer);
}

/// Waits until the scheduler has read the journal, and sets what was asked for.
expected<void, std::string>
await_lead(caf::actor_system& system, const scheduler_actor& scheduler,
           const controller_options& options) {
  caf::scoped_actor self{system};
  expected<void, std::string> result;
  auto failed = [&](const caf::error& x) {
    result = make_unexpected("the state cannot be read from the journal: "
                             + system.render(x));
  };
  self->request(scheduler, options.start_timeout, run_query{get_cluster{}})
    .receive([](const query_answer&) {}, failed);
  change_settings wanted;
  if (!options.strategy.empty())
    wanted.strategy = options.strategy;
  wanted.batch_size = options.batch_size;
  if (!result || wanted == change_settings{})
    return result;
  self->request(scheduler, options.start_timeout, run_command{wanted})
    .receive(
      [&](const command_answer& x) {
        if (x.refused)
          result = make_unexpected(x.refused->detail);
      },
      failed);
  return result;
}

} // namespace

controller::controller(caf::actor_system& system)
  : system_(system), handles_(std::make_shared<handles>()) {
  // nop
}

expected<std::unique_ptr<controller>, std::string>
controller::start(caf::actor_system& system, controller_options options,
                  std::shared_ptr<runtime::journal> journal) {
  std::unique_ptr<controller> result{new controller{system}};
  auto h = result->handles_;
  options.node.cluster_id = journal->cluster_id();
  options.decisions.cluster_id = journal->cluster_id();
  options.journal.decisions = options.decisions.file;
  options.node.leads = options.leads;
  share_meters(options);
  // Those that answer people have threads of their own: among thousands of nodes
  // and tasks that are ready to run they would wait for their turn at each step.
  std::vector<child_spec> children;
  children.push_back(
    {"journal", [=](caf::event_based_actor* self) {
       return h->keep(
         &handles::journal,
         self->spawn<caf::detached>(troupe::journal, options.journal, journal));
     }});
  children.push_back({"watch", [=](caf::event_based_actor* self) {
                        return h->keep(&handles::watch,
                                       self->spawn(troupe::watch, options.watch,
                                                   h->get(&handles::journal)));
                      }});
  if (!options.decisions.file.empty())
    children.push_back({"decisions", [=](caf::event_based_actor* self) {
                          return h->keep(&handles::decisions,
                                         self->spawn<caf::detached>(
                                           decisions, options.decisions));
                        }});
  children.push_back({"scheduler", [=](caf::event_based_actor* self) {
                        return h->keep(&handles::scheduler,
                                       self->spawn<caf::detached>(
                                         troupe::scheduler, options.scheduler,
                                         h->get(&handles::journal),
                                         h->get(&handles::watch),
                                         h->get(&handles::decisions)));
                      }});
  for (auto& strategy : runtime::placement::policy_names())
    children.push_back(
      {"policy " + strategy, [=](caf::event_based_actor* self) {
         return caf::actor_cast<caf::actor>(
           self->spawn(policy, strategy, h->get(&handles::scheduler),
                       options.placement_threads));
       }});
  children.push_back(
    {"nodes", [=](caf::event_based_actor* self) {
       return h->keep(
         &handles::nodes,
         self->spawn(nodes, options.node, h->get(&handles::scheduler)));
     }});
  children.push_back(
    {"live", [=](caf::event_based_actor* self) {
       return h->keep(&handles::live,
                      self->spawn<caf::detached>(
                        live, options.live, h->get(&handles::scheduler),
                        h->get(&handles::watch), h->get(&handles::journal)));
     }});
  children.push_back(
    {"black box", [=](caf::event_based_actor* self) {
       return h->keep(&handles::black_box,
                      self->spawn<caf::detached>(black_box, options.black_box,
                                                 h->get(&handles::scheduler),
                                                 h->get(&handles::nodes),
                                                 h->get(&handles::watch)));
     }});
  children.push_back(
    {"gateway", [=](caf::event_based_actor* self) {
       return h->keep(&handles::gateway,
                      self->spawn<caf::detached>(
                        gateway, options.gateway, h->get(&handles::scheduler),
                        h->get(&handles::nodes), h->get(&handles::watch),
                        h->get(&handles::live),

                        h->get(&handles::black_box)));
     }});
  supervisor_options root{"controller", restart_strategy::rest_for_one};
  result->root_ = system.spawn(supervisor, root, std::move(children));
  result->root_->attach_functor(
    [&system, failed = options.on_failure](const caf::error& why) {
      if (why && why != caf::exit_reason::user_shutdown && failed)
        failed(system.render(why));
    });
  result->door_
    = system.spawn(stand_in, [h] { return h->get(&handles::nodes); });
  {
    // The gateway is the last child that the supervisor starts.
    std::unique_lock lock{h->mutex};
    h->changed.wait(lock, [&] { return bool{h->gateway}; });
  }
  if (auto ok = await_lead(system, h->get(&handles::scheduler), options); !ok)
    return make_unexpected(ok.error());
  options.before_ports();
  auto http = runtime::http::server::start(
    options.http, [h, leads = options.leads](runtime::http::exchange x) {
      if (!leads())
        return refuse_without_lead(x);
      caf::anon_send(
        h->get(&handles::gateway),
        http_call{std::make_shared<runtime::http::exchange>(std::move(x))});
    });
  if (!http)
    return make_unexpected(http.error());
  result->http_ = std::move(*http);
  if (!options.listen)
    return result;
  auto port = options.tls
                ? caf::openssl::publish(result->door_, options.listen_port,
                                        options.listen_host.c_str(), true)
                : system.middleman().publish(result->door_, options.listen_port,
                                             options.listen_host.c_str(), true);
  if (!port)
    return make_unexpected("cannot listen for nodes on " + options.listen_host
                           + ':' + std::to_string(options.listen_port) + ": "
                           + system.render(port.error())
                           + ". Is the port taken? --listen takes another one");
  result->listen_port_ = *port;
  return result;
}

std::string controller::http_address() const {
  return http_->address();
}

scheduler_actor controller::scheduler() const {
  return handles_->get(&handles::scheduler);
}

void controller::stop() {
  if (std::exchange(stopped_, true))
    return;
  if (http_)
    http_->stop();
  if (listen_port_ != 0)
    system_.middleman().unpublish(door_, listen_port_);
  caf::scoped_actor self{system_};
  self->monitor(root_);
  self->send_exit(root_, caf::exit_reason::user_shutdown);
  self->receive([](const caf::down_msg&) {},
                caf::after(stop_timeout) >>
                  [] { log::error("controller: it does not stop"); });
  self->send_exit(door_, caf::exit_reason::user_shutdown);
  root_ = nullptr;
  door_ = nullptr;
  std::lock_guard guard{handles_->mutex};
  handles_->journal = nullptr;
  handles_->watch = nullptr;
  handles_->scheduler = nullptr;
  handles_->nodes = nullptr;
  handles_->live = nullptr;
  handles_->black_box = nullptr;
  handles_->gateway = nullptr;
}

controller::~controller() {
  stop();
}

} // namespace troupe
