#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <random>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/access/guard.hpp"
#include "runtime/api/assets.hpp"
#include "runtime/api/call.hpp"
#include "runtime/log_level.hpp"
#include "runtime/metrics/controller_meters.hpp"
#include "runtime/metrics/node_meters.hpp"

#include "actors/census.hpp"
#include "actors/clock.hpp"

namespace troupe {

struct gateway_options {
  /// How long a command may take until its facts are durable.
  std::chrono::milliseconds command_timeout{30'000};
  std::chrono::milliseconds query_timeout{10'000};
  /// Commands that wait for their answer; beyond: 429.
  size_t commands_max = 10'000;
  /// How long a plan may take, from the copy of the cluster to its answer.
  std::chrono::milliseconds plan_timeout{60'000};
  /// Plans and backups at once, each a thread and copies of all there is;
  /// beyond: 429.
  size_t plans_max = 2;
  std::chrono::milliseconds backup_timeout{300'000};
  /// What nodes are to log as well, once somebody asks for it.
  std::shared_ptr<runtime::cluster_log_level> log_level
    = std::make_shared<runtime::cluster_log_level>();
  std::shared_ptr<runtime::controller_meters> meters
    = std::make_shared<runtime::controller_meters>();
  /// Of nodes in this process; null if there are none.
  std::shared_ptr<const runtime::node_meters> node_meters{};
  /// Who may ask what; as it is made, everybody everything.
  std::shared_ptr<const runtime::access::guard> guard
    = std::make_shared<const runtime::access::guard>();
  /// Files of the dashboard; none: there is no dashboard.
  std::shared_ptr<const runtime::api::assets> dashboard = {};
};

/// State of GATEWAY.
struct gateway_state {
  static inline const char* name = "gateway";

  explicit gateway_state(gateway_actor::pointer self)
    : self(self), wall(self->clock().now()), chance(std::random_device{}()) {}

  void serve(http_call call);
  void on(http_call call, runtime::api::command_call& x);
  void on(http_call call, runtime::api::query_call& x);
  void on(http_call call, runtime::api::log_request& x);
  void on(http_call call, runtime::api::exec_request& x);
  void on(http_call call, runtime::api::event_request& x);
  void on(http_call call, runtime::api::heartbeat_request& x);
  void on(http_call call, runtime::api::node_work_request& x);
  void on(http_call call, runtime::api::node_reports& x);
  void on(http_call call, runtime::api::usage_request& x);
  void on(http_call call, runtime::api::live_request& x);
  void on(http_call call, runtime::api::plan_request& x);
  void on(http_call call, runtime::api::page_request& x);
  void on(http_call call, runtime::api::settings_call& x);
  /// Answers with what followed; calls `then` if it was not refused.
  void decide(const http_call& call, const runtime::api::command_call& x,
              std::function<void()> then);
  void back_up(const http_call& call);
  bool begin_plan(const http_call& call);
  void tell_metrics(const http_call& call);
  void ask(const http_call& call, query what);
  void join(const http_call& call, runtime::api::command_call x);
  void say_hello(const http_call& call, runtime::api::command_call x);
  void
  tell_version(const http_call& call, std::function<void(version_number)> f);
  void list_actors(const http_call& call, const runtime::api::page_request& x);
  void tell_settings(const http_call& call);

  census alive{name, "controller"};
  gateway_actor::pointer self;
  wall_clock wall;
  gateway_options options;
  scheduler_actor scheduler;
  nodes_actor nodes;
  watch_actor watch;
  live_actor live;
  black_box_actor black_box;
  std::mt19937_64 chance;
  size_t commands_open = 0;
  size_t plans_open = 0;
};

/// GATEWAY: answers HTTP requests with what the others say.
gateway_actor::behavior_type
gateway(gateway_actor::stateful_pointer<gateway_state> self,
        gateway_options options, scheduler_actor scheduler, nodes_actor nodes,
        watch_actor watch, live_actor live, black_box_actor black_box);

} // namespace troupe
