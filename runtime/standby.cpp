#include "runtime/standby.hpp"

#include <chrono>

#include "messages/json.hpp"

#include "runtime/api/problem.hpp"
#include "runtime/api/render.hpp"
#include "runtime/metrics/text.hpp"

namespace troupe::runtime {

namespace {

timestamp wall_time() {
  using namespace std::chrono;
  return {duration_cast<milliseconds>(system_clock::now().time_since_epoch())
            .count()};
}

/// Clients try again by themselves.
http::response unavailable(const std::string& why) {
  auto result = http::problem(503, why);
  result.headers.emplace_back("Retry-After", "1");
  return result;
}

} // namespace

standby::standby(standby_options options)
  : options_{std::move(options)}, relay_{options_.ca_file} {}

expected<std::unique_ptr<standby>, std::string>
standby::start(standby_options options) {
  auto result = std::unique_ptr<standby>{new standby{std::move(options)}};
  auto server = http::server::start(
    result->options_.http,
    [x = result.get()](const http::exchange& asked) { x->serve(asked); });
  if (!server)
    return make_unexpected(server.error());
  result->server_ = std::move(*server);
  return result;
}

standby::~standby() {
  // What is under way gets its answer, though there will be none of the leader.
  relay_.cut_all();
  if (server_)
    server_->stop();
}

void standby::follow(std::optional<leader_note> leader, std::string why) {
  auto is_another = false;
  {
    std::lock_guard guard{mutex_};
    is_another = leader_ && leader_ != leader;
    leader_ = std::move(leader);
    why_ = std::move(why);
  }
  if (is_another)
    relay_.cut_all();
}

void standby::serve(const http::exchange& x) {
  auto& asked = x.request();
  auto reads = !http::is_write(asked.method);
  if (auto who = options_.guard->admit(asked, wall_time()); !who)
    return x.answer(api::to_response(who.error()));
  if (reads && asked.path == "/healthz")
    return x.answer(api::render(json::object{{"status", "ok"}}));
  if (reads && asked.path == "/metrics")
    return x.answer(
      {.content_type = metrics_content_type, .body = standby_metrics_text()});
  pass(x);
}

void standby::pass(const http::exchange& x) {
  auto& asked = x.request();
  auto leader = std::optional<leader_note>{};
  auto why = std::string{};
  {
    std::lock_guard guard{mutex_};
    leader = leader_;
    why = why_;
  }
  if (!leader)
    return x.answer(unavailable("no controller leads at the moment: " + why
                                + ". Tasks run on; try again"));
  auto there = "controller " + leader->name + " leads, at " + leader->url;
  if (asked.path == "/readyz")
    return x.answer(unavailable("this controller stands by; " + there));
  // Two that do not agree on who leads must not send it to and fro.
  if (asked.header(http::relay::mark))
    return x.answer(unavailable("the lead is changing hands; try again"));
  auto is_page = asked.path == "/" && !http::is_write(asked.method);
  if (is_page || asked.header("upgrade"))
    // A browser and what it follows live: straight to where it happens.
    return x.answer(
      {.status = 307,
       .content_type = "text/plain; charset=utf-8",
       .body = there + "\n",
       .headers = {{"Location", leader->url + http::target_of(asked)}}});
  relay_.pass(x, leader->url);
}

} // namespace troupe::runtime
