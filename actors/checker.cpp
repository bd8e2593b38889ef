#include "actors/checker.hpp"

#include "messages/json.hpp"
#include "messages/quantity.hpp"

#include "runtime/base64.hpp"

namespace troupe {

namespace {

/// A process that outstays its check is ended by its driver, a little after the
/// check has counted as failed.
constexpr auto end_after = std::chrono::seconds{1};
/// An engine cannot end a command in a container: no other is begun meanwhile.
constexpr auto engine_patience = std::chrono::hours{1};
/// What a driver may take beyond that.
constexpr auto driver_patience = std::chrono::seconds{10};
/// How long a driver may take to say that it is there.
constexpr milliseconds probe_patience{5'000};
/// Of what a command has said, for people.
constexpr size_t output_bytes_max = 200;

check_answer answer_of(uint64_t number, const exec_result& x) {
  if (!x.error.empty())
    return {number,
            x.bad_command ? check_result::failed : check_result::unknown,
            x.error};
  check_answer result{number, check_result::passed,
                      "exit code " + std::to_string(x.exit_code)};
  if (x.exit_code != 0)
    result.result = check_result::failed;
  auto said = json::readable(runtime::from_base64(x.output), output_bytes_max);
  while (!said.empty() && said.back() == '\n')
    said.pop_back();
  if (!said.empty())
    result.message += ": " + said;
  return result;
}

} // namespace

void checker_state::begin_check() {
  self->delayed_send(self, rule().interval, atom::tick_v);
  if (open) {
    // Within its timeout a check may take longer than the interval.
    if (late)
      conclude(check_result::failed, "the check before has not ended");
    return;
  }
  ++number;
  open = true;
  late = false;
  driver_away = false;
  self->delayed_send(self, rule().timeout, atom::tick_v, number);
  if (rule().kind == check_kind::command)
    run_command();
  else if (place)
    look();
  else
    locate();
}

void checker_state::locate() {
  locate_port ask{{item.allocation, item.attempt}, rule().port, 0};
  for (auto& port : item.ports)
    if (port.container == rule().port)
      ask.host_port = port.host;
  self->request(driver, driver_patience, ask)
    .then(
      [this](located_port& x) {
        if (!x.error.empty())
          return tell_self(check_result::unknown, x.error);
        place = std::move(x);
        look();
      },
      [this](const caf::error& x) {
        tell_self(check_result::unknown, self->system().render(x));
      });
}

void checker_state::look() {
  // Weak: whoever looks must not keep this actor alive.
  auto tell = [me = caf::actor_cast<caf::actor_addr>(self),
               mine = number](runtime::probe_answer x) {
    if (auto p = caf::actor_cast<caf::strong_actor_ptr>(me))
      caf::anon_send(caf::actor_cast<checker_actor>(p),
                     check_answer{mine, x.result, std::move(x.message)});
  };
  tools.look(
    {rule().kind, place->host, place->port, rule().path, rule().timeout},
    std::move(tell));
}

void checker_state::run_command() {
  milliseconds limit = item.spec->driver == driver_kind::docker
                         ? milliseconds{engine_patience}
                         : rule().timeout + end_after;
  exec_command ask{item.allocation, rule().command, limit, item.attempt};
  self->request(driver, limit + driver_patience, std::move(ask))
    .then(
      [this, mine = number](const exec_result& x) { take(answer_of(mine, x)); },
      [this](const caf::error& x) {
        tell_self(check_result::unknown, self->system().render(x));
      });
}

void checker_state::tell_self(check_result found, std::string message) {
  take({number, found, std::move(message)});
}

void checker_state::take(const check_answer& x) {
  if (x.number != number || !open)
    return;
  open = false;
  // What does not answer may have moved.
  if (x.result != check_result::passed)
    place.reset();
  if (!late)
    conclude(x.result, x.message);
}

void checker_state::too_late(uint64_t which) {
  if (which != number || !open || late)
    return;
  if (rule().kind == check_kind::command || !place)
    return doubt(which);
  late = true;
  conclude(check_result::failed,
           "no answer within " + duration_text(rule().timeout));
}

/// Asks the driver, through which the check goes, whether it is the one that does
/// not answer: that says nothing about the task.
void checker_state::doubt(uint64_t which) {
  self
    ->request(driver, std::min<milliseconds>(rule().timeout, probe_patience),
              probe_driver{})
    .then(
      [this, which](const probed_driver& x) { judge_late(which, x.trouble); },
      [this, which](const caf::error& x) {
        judge_late(which, self->system().render(x));
      });
}

void checker_state::judge_late(uint64_t which, const std::string& trouble) {
  if (which != number || !open || late)
    return;
  auto was_away = std::exchange(driver_away, !trouble.empty());
  // What it was asked while it was away, it has only just begun.
  if (driver_away || was_away) {
    conclude(check_result::unknown, trouble);
    self->delayed_send(self, rule().timeout, atom::tick_v, number);
    return;
  }
  late = true;
  conclude(check_result::failed,
           "no answer within " + duration_text(rule().timeout));
}

void checker_state::conclude(check_result found, const std::string& message) {
  if (tools.counts)
    tools.counts->add(rule().kind, found);
  auto now = wall.at(self->clock().now());
  if (auto changed = core->note(found, now))
    self->send(
      task, health_changed{{item.allocation, item.attempt}, *changed, message});
}

checker_actor::behavior_type checker_state::make_behavior() {
  self->monitor(task);
  self->set_down_handler([this](const caf::down_msg&) { //
    self->quit(caf::exit_reason::user_shutdown);
  });
  self->delayed_send(self, core->first_pause(), atom::tick_v);
  return {
    [this](const check_answer& x) { take(x); },
    [this](atom::tick) { begin_check(); },
    [this](atom::tick, uint64_t which) { too_late(which); },
  };
}

checker_actor::behavior_type
checker(checker_actor::stateful_pointer<checker_state> self, check_tools tools,
        work_item item, timestamp started, task_actor task,
        driver_actor driver) {
  auto& state = self->state;
  state.tools = std::move(tools);
  state.item = std::move(item);
  state.task = std::move(task);
  state.driver = std::move(driver);
  state.core.emplace(state.rule(), started);
  return state.make_behavior();
}

} // namespace troupe
