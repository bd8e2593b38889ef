#include "tests/sim/scenario.hpp"

#include <algorithm>

#include <boost/mp11/algorithm.hpp>

#include "messages/json.hpp"

#include "tests/sim/dice.hpp"
#include "tests/virtual_world/text.hpp"

namespace troupe::sim {

namespace {

using namespace std::chrono_literals;

/// Draws one scenario, part by part.
class artist {
public:
  explicit artist(uint64_t seed) : dice_(seed) { result_.seed = seed; }

  scenario draw() {
    draw_options();
    draw_machines();
    draw_asks();
    draw_faults();
    std::stable_sort(
      result_.moments.begin(), result_.moments.end(),
      [](const moment& x, const moment& y) { return x.at < y.at; });
    return std::move(result_);
  }

private:
  // -- options ---------------------------------------------------------------

  void draw_options() {
    // Some seeds are calm, to find what is wrong without any fault.
    auto share = static_cast<uint32_t>(dice_.one_of<int>({0, 200, 500, 800}));
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<trouble>>(
      [&](auto x) {
        if (dice_.chance(share))
          result_.troubles.insert(x.value);
      });
    result_.length = dice_.between(10s, 90s);
    result_.strategy = dice_.one_of<std::string>(
      {"binpack", "spread", "firstFit", "roundRobin", "mostFreeCpu"});
    result_.queue_order = dice_.one_of<std::string>(
      {"priority", "priority", "fifo", "sjf", "fair"});
    result_.snapshot_after = dice_.one_of<version_number>({5, 40, 1'000'000});
    auto& habits = result_.habits;
    if (on(trouble::slow_preparing))
      habits.slow_preparing = 300;
    if (on(trouble::refused_start))
      habits.refused_start = 100;
    if (on(trouble::unknown_end))
      habits.unknown_end = 100;
    if (on(trouble::late_events))
      habits.late_events = 300;
    if (on(trouble::sickness))
      habits.sick = 300;
    if (on(trouble::slow_stop))
      habits.stop_takes_max = 4s;
  }

  void draw_machines() {
    auto count = dice_.one_of<int64_t>({1, 2, 2, 3, 3, 4, 6, 12});
    for (int64_t i = 0; i < count; ++i) {
      machine_plan x;
      x.name = "m" + std::to_string(i);
      x.capacity = {dice_.one_of<int64_t>({1'000, 2'000, 4'000, 8'000}),
                    dice_.one_of<int64_t>({1, 2, 8}) << 30,
                    0,
                    {}};
      x.labels = {{"zone", dice_.chance(500) ? "a" : "b"}};
      if (dice_.chance(200))
        x.joins_at = dice_.between(0ms, result_.length);
      result_.machines.push_back(std::move(x));
    }
  }

  // -- users -----------------------------------------------------------------

  job_spec_ptr draw_spec(const std::string& name) {
    job_spec x;
    x.name = name;
    x.driver = driver_kind::simulated;
    x.kind = dice_.chance(300)  ? job_kind::service
             : dice_.chance(80) ? job_kind::system
                                : job_kind::batch;
    x.request = {dice_.one_of<int64_t>({100, 250, 500, 1'000, 2'000, 5'000}),
                 dice_.one_of<int64_t>({64, 256, 1'024}) << 20,
                 0,
                 {}};
    if (x.kind != job_kind::system)
      x.count
        = static_cast<uint32_t>(dice_.one_of<int>({1, 1, 1, 2, 3, 8, 20}));
    x.priority = static_cast<int32_t>(dice_.one_of<int>({0, 0, 0, 10, 100}));
    auto batch = x.kind == job_kind::batch;
    // Most services run until they are stopped.
    if (batch || dice_.chance(300))
      x.simulate.duration = dice_.between(1ms, 15s);
    x.simulate.exit_code
      = dice_.chance(250) ? static_cast<int32_t>(dice_.between(1, 120)) : 0;
    x.restart.attempts
      = static_cast<uint32_t>(dice_.one_of<int>({0, batch ? 0 : 3, 1, 3}));
    x.restart.delay = dice_.one_of<milliseconds>({0ms, 1s, 3s});
    if (batch && dice_.chance(400))
      x.retries = static_cast<uint32_t>(dice_.between(1, 3));
    if (batch && dice_.chance(200))
      x.timeout = dice_.between(500ms, 10s);
    if (dice_.chance(200))
      x.requirements
        = {{"zone", {dice_.one_of<std::string>({"a", "b", "!a"})}}};
    if (dice_.chance(200))
      x.ports = {{"http", 80, dice_.one_of<uint16_t>({0, 0, 8'080, 9'090})}};
    if (dice_.chance(200))
      draw_health(x);
    if (x.kind != job_kind::system && dice_.chance(150))
      draw_gang(x);
    else if (batch && dice_.chance(200))
      draw_cache(x);
    if (dice_.chance(150))
      x.after = {{name_of(dice_.below(3)), dice_.chance(500)
                                             ? job_outcome::succeeded
                                             : job_outcome::finished}};
    if (batch && dice_.chance(80))
      x.schedule
        = {"* * * * *", "UTC",
           dice_.one_of<overlap_rule>(
             {overlap_rule::skip, overlap_rule::queue, overlap_rule::replace})};
    if (dice_.chance(150))
      x.replace_after = dice_.between(0ms, 60s);
    return std::make_shared<const job_spec>(std::move(x));
  }

  static std::string name_of(uint64_t job) { return "j" + std::to_string(job); }

  void draw_health(job_spec& x) {
    health_check check;
    check.kind = check_kind::command;
    check.command = {"true"};
    check.interval = dice_.between(500ms, 5s);
    check.timeout = dice_.between(100ms, 2s);
    check.failures = static_cast<uint32_t>(dice_.between(1, 3));
    check.grace = dice_.one_of<milliseconds>({0ms, 0ms, 2s});
    x.health = std::move(check);
  }

  /// Few kinds of work, so that some are identical.
  void draw_cache(job_spec& x) {
    x.simulate = {dice_.one_of<milliseconds>({500ms, 5s}), 0};
    x.cache = cache_rule{dice_.one_of<milliseconds>({2s, 1h}), {}};
  }

  void draw_gang(job_spec& x) {
    gang_request gang;
    if (dice_.chance(300))
      gang.name = "g";
    if (x.count > 1 && dice_.chance(500)) {
      gang.min = static_cast<uint32_t>(dice_.between(1, x.count));
      if (dice_.chance(300))
        gang.max = static_cast<uint32_t>(dice_.between(gang.min, x.count));
    }
    x.gang = std::move(gang);
  }

  void at_random(happening what) {
    result_.moments.push_back(
      {dice_.between(0ms, result_.length),
       static_cast<uint32_t>(dice_.chance(500) ? dice_.below(40) : 0),
       std::move(what)});
  }

  void draw_asks() {
    change_settings order;
    order.queue_order = result_.queue_order;
    result_.moments.push_back({0ms, 0, ask{std::move(order)}});
    auto jobs = dice_.between(1, 8);
    std::vector<std::string> names;
    for (int64_t i = 0; i < jobs; ++i) {
      names.push_back(name_of(static_cast<uint64_t>(i)));
      submit(names.back());
    }
    for (auto n = dice_.below(8); n > 0; --n)
      draw_ask(dice_.one_of(names));
    if (!on(trouble::node_cordoned))
      return;
    auto& node = dice_.one_of(result_.machines).name;
    at_random(ask{cordon_node{node, true}});
    at_random(ask{
      drain_node{dice_.one_of(result_.machines).name, dice_.between(0s, 20s)}});
    at_random(ask{cordon_node{node, false}});
  }

  void submit(const std::string& name) {
    submit_jobs what{{draw_spec(name)}, {}};
    if (dice_.chance(700))
      what.key = "key-" + std::to_string(++keys_);
    auto times = what.key.empty() ? 1 : dice_.between(1, 3);
    at_random(ask{std::move(what), static_cast<uint32_t>(times)});
  }

  void draw_ask(const std::string& name) {
    task_ref task{name, static_cast<uint32_t>(dice_.below(3))};
    switch (dice_.below(8)) {
    case 0:
      return at_random(ask{stop_job{name, dice_.chance(300)}});
    case 1:
      return at_random(
        ask{scale_job{name, static_cast<uint32_t>(dice_.below(6))}});
    case 2:
      return at_random(ask{restart_job{name}});
    case 3:
      return at_random(ask{stop_task{task}});
    case 4:
      return at_random(ask{restart_task{task}});
    case 5:
      return at_random(ask{rollback_job{name}});
    default:
      // An update, or the same job anew.
      return submit(name);
    }
  }

  // -- faults ----------------------------------------------------------------

  milliseconds draw_length() {
    return dice_.one_of<milliseconds>({dice_.between(0ms, 1s),
                                       dice_.between(1s, 10s),
                                       dice_.between(10s, 60s)});
  }

  /// Some are so long that schedules tick more than once.
  milliseconds draw_outage() {
    auto result = dice_.between(0ms, 20s);
    return result < 16s ? result : result * 8;
  }

  void draw_faults() {
    for (auto x : result_.troubles)
      for (auto n = dice_.between(1, 3); n > 0; --n)
        draw_fault(x);
  }

  void draw_fault(trouble x) {
    auto& machine = dice_.one_of(result_.machines).name;
    switch (x) {
    case trouble::cable_cut:
      return at_random(break_cable{machine, cable_fault::cut, draw_length()});
    case trouble::cable_cut_one_way:
      return at_random(break_cable{machine,
                                   dice_.chance(500)
                                     ? cable_fault::to_machine
                                     : cable_fault::to_controller,
                                   draw_length()});
    case trouble::cable_stalled:
      return at_random(break_cable{machine, cable_fault::stall, draw_length(),
                                   dice_.chance(500)});
    case trouble::controller_killed:
      return at_random(kill_controller{draw_outage(), dice_.chance(500)});
    case trouble::machine_killed:
      return at_random(
        kill_machine{machine, machine_fault::killed, draw_length()});
    case trouble::power_cut:
      return at_random(
        kill_machine{machine, machine_fault::power_cut, draw_length()});
    case trouble::switched_off:
      return at_random(
        kill_machine{machine, machine_fault::switched_off, draw_length()});
    case trouble::actor_killed:
      return draw_actor(machine);
    case trouble::disk_full:
      return at_random(spoil_disk{disk_fault::full, draw_length()});
    case trouble::disk_broken:
      return at_random(spoil_disk{
        dice_.chance(500) ? disk_fault::broken : disk_fault::broken_after_write,
        0ms});
    case trouble::driver_hangs:
      return at_random(hang_driver{machine, draw_length()});
    case trouble::slow_preparing:
    case trouble::slow_stop:
    case trouble::late_events:
    case trouble::refused_start:
    case trouble::unknown_end:
    case trouble::node_cordoned:
    case trouble::sickness:
      // Habits of drivers, and asks.
      return;
    }
  }

  void draw_actor(const std::string& machine) {
    auto role = dice_.one_of<std::string>({"journal", "watch", "scheduler",
                                           "policy", "nodes", "node", "agent",
                                           "driver", "join", "task"});
    auto there = role == "agent" || role == "driver" || role == "join";
    at_random(kill_actor{role, there ? machine : ""});
  }

  [[nodiscard]] bool on(trouble x) const {
    return result_.troubles.contains(x);
  }

  dice dice_;
  scenario result_;
  uint64_t keys_ = 0;
};

// -- text --------------------------------------------------------------------

std::string seconds_of(milliseconds x) {
  return std::to_string(x.count()) + "ms";
}

std::string text_of(const job_spec& x) {
  return boost::json::serialize(write_job(x));
}

struct happening_text {
  std::string operator()(const ask& x) const {
    auto result = test::text_of(x.what);
    if (auto* y = std::get_if<submit_jobs>(&x.what)) {
      result += y->key.empty() ? " without a key" : " with " + y->key;
      for (auto& spec : y->specs)
        result += ' ' + text_of(*spec);
    }
    return x.times > 1 ? result + ", " + std::to_string(x.times) + " times"
                       : result;
  }
  std::string operator()(const break_cable& x) const {
    return "cable of " + x.machine + ": " + json::name_of(x.how) + " for "
           + seconds_of(x.lasts) + (x.noticed ? "" : ", unnoticed");
  }
  std::string operator()(const kill_controller& x) const {
    return "controller killed for " + seconds_of(x.lasts)
           + (x.in_append ? ", once the journal has written" : "");
  }
  std::string operator()(const kill_machine& x) const {
    return x.machine + ": " + json::name_of(x.how) + " for "
           + seconds_of(x.lasts);
  }
  std::string operator()(const kill_actor& x) const {
    return x.role + (x.machine.empty() ? "" : " of " + x.machine) + " fails";
  }
  std::string operator()(const spoil_disk& x) const {
    return "disk: " + json::name_of(x.how) + " for " + seconds_of(x.lasts);
  }
  std::string operator()(const hang_driver& x) const {
    return "driver of " + x.machine + " hangs for " + seconds_of(x.lasts);
  }
};

} // namespace

scenario draw_scenario(uint64_t seed) {
  return artist{seed}.draw();
}

std::string text_of(const happening& x) {
  return std::visit(happening_text{}, x);
}

std::string text_of(const scenario& x) {
  auto result = "seed " + std::to_string(x.seed) + ", " + seconds_of(x.length)
                + ", strategy " + x.strategy + ", order " + x.queue_order
                + ", snapshot after " + std::to_string(x.snapshot_after)
                + " facts\ntroubles:";
  for (auto y : x.troubles)
    result += ' ' + json::name_of(y);
  result += '\n';
  for (auto& y : x.machines)
    result += y.name + ": " + std::to_string(y.capacity.cpu_millicores)
              + " millicores, " + std::to_string(y.capacity.memory_bytes >> 20)
              + " MiB, zone " + y.labels.front().value + ", joins at "
              + seconds_of(y.joins_at) + '\n';
  for (auto& y : x.moments)
    result += seconds_of(y.at) + " and " + std::to_string(y.deliveries)
              + " deliveries: " + text_of(y.what) + '\n';
  return result;
}

} // namespace troupe::sim
