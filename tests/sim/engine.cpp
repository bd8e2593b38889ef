#include "tests/sim/engine.hpp"

#include <deque>

#include <caf/all.hpp>

#include "actors/clock.hpp"

#include "tests/virtual_world/world.hpp"

namespace troupe::sim {

namespace {

using namespace std::chrono_literals;
using test::errand;

/// Exit code of what SIGTERM ended.
constexpr int32_t terminated = 143;

run_id run_of(const work_item& x) {
  return {x.allocation, x.attempt};
}

run_event event_of(const run_id& id, run_phase phase, timestamp at) {
  run_event result;
  result.run = id;
  result.phase = phase;
  result.at = at;
  return result;
}

} // namespace

// -- what outlives the process -----------------------------------------------

milliseconds engine::draw_preparing() {
  return dice_.chance(habits_.slow_preparing) ? dice_.between(1ms, 4s) : 0ms;
}

bool engine::draw_refusal() {
  return dice_.chance(habits_.refused_start);
}

engine::entry* engine::find(const run_id& x) {
  auto at = entries_.find(x);
  return at == entries_.end() ? nullptr : &at->second;
}

engine::entry& engine::accept(const work_item& x) {
  auto& result = entries_[run_of(x)];
  result.item = x;
  return result;
}

void engine::begin(entry& x, time_point now) {
  auto& rule = x.item.spec->simulate;
  real_run run{machine_, x.item, now, real_run::never, rule.exit_code};
  // A service goes on until it is stopped.
  if (rule.duration.count() > 0 || x.item.spec->kind == job_kind::batch)
    run.ends = now + rule.duration;
  run.known = !dice_.chance(habits_.unknown_end);
  if (x.item.spec->health && dice_.chance(habits_.sick))
    run.sick = now + dice_.between(0ms, 20s);
  x.run = &truth_.begin(std::move(run));
  auto late = dice_.chance(habits_.late_events) ? dice_.between(1ms, 8s) : 0ms;
  x.noticed
    = x.run->ends == real_run::never ? real_run::never : x.run->ends + late;
}

void engine::stop(entry& x, time_point now) {
  if (std::exchange(x.stop_asked, true) || x.refused
      || (x.run != nullptr && !x.run->alive(now)))
    return;
  if (x.run == nullptr) {
    x.withdrawn = true;
    x.noticed = now;
    return;
  }
  auto takes = habits_.stop_takes_max.count() > 0
                 ? dice_.between(0ms, habits_.stop_takes_max)
                 : 0ms;
  if (mutant_ == mutant::ends_at_stop_request)
    takes += 3s;
  if (now + takes >= x.run->ends)
    return;
  x.run->ends = now + takes;
  x.run->exit_code = terminated;
  x.noticed = x.run->ends;
}

std::optional<run_event>
engine::last_event(const entry& x, time_point now, timestamp wall) const {
  auto freed = mutant_ == mutant::ends_at_stop_request && x.stop_asked && x.run;
  if (x.run == nullptr && !x.refused && !x.withdrawn)
    return std::nullopt;
  if (!freed && x.run != nullptr && now < x.noticed)
    return event_of(run_of(x.item), run_phase::started, wall);
  auto result = event_of(run_of(x.item), run_phase::ended, wall);
  if (x.refused) {
    result.state = task_state::failed;
    result.why = reason::driver_error;
    result.message = "it cannot be started";
  } else if (x.withdrawn
             || (!x.run->known && mutant_ != mutant::invents_exit_code)) {
    result.state = task_state::lost;
    result.why = reason::node_lost;
    result.message = "nobody knows how it ended";
  } else {
    auto code = x.run->known ? x.run->exit_code : 0;
    result.exit_code = code;
    result.state = code == 0 ? task_state::succeeded : task_state::failed;
    result.why = code == 0 ? reason::none : reason::exit_code;
  }
  return result;
}

void engine::lose_process() {
  std::erase_if(entries_, [](auto& x) {
    return x.second.run == nullptr && !x.second.refused && !x.second.withdrawn;
  });
}

void engine::lose_power(time_point now) {
  lose_process();
  std::erase_if(entries_, [&](auto& x) {
    auto* run = x.second.run;
    if (run == nullptr || !run->alive(now))
      return false;
    run->ends = now;
    run->known = false;
    return true;
  });
}

// -- the driver ----------------------------------------------------------------

namespace {

/// State of the driver: gone with its process.
struct desk {
  caf::event_based_actor* self;
  engine& of;
  std::map<run_id, task_actor> listeners;
  /// What waits until nothing hangs, in order.
  std::deque<std::function<void()>> waiting{};

  [[nodiscard]] time_point now() const { return self->clock().now(); }

  void after(std::chrono::nanoseconds pause, std::function<void()> what) {
    self->delayed_send(self, pause, errand{std::move(what)});
  }

  /// Does `what`, in order, once nothing hangs.
  void serve(std::function<void()> what) {
    if (now() >= of.hangs_until && waiting.empty())
      return what();
    if (waiting.empty())
      after(of.hangs_until - now(), [this] { go_on(); });
    waiting.push_back(std::move(what));
  }

  void go_on() {
    if (now() < of.hangs_until)
      return after(of.hangs_until - now(), [this] { go_on(); });
    for (auto& what : std::exchange(waiting, {}))
      what();
  }

  void tell(const run_id& id) {
    auto* x = of.find(id);
    auto to = listeners.find(id);
    if (x == nullptr || to == listeners.end())
      return;
    if (auto event = of.last_event(*x, now(), wall_clock::read(now())))
      self->send(to->second, std::move(*event));
    else
      self->send(to->second,
                 event_of(id, run_phase::preparing, wall_clock::read(now())));
  }

  /// Tells of the end of a run when it is noticed.
  void await_end(const run_id& id) {
    auto* x = of.find(id);
    if (x == nullptr || x->noticed == real_run::never || x->noticed < now())
      return;
    after(x->noticed - now(), [this, id, due = x->noticed] {
      serve([this, id, due] {
        // Unless a stop has changed that.
        if (auto* y = of.find(id); y != nullptr && y->noticed == due)
          tell(id);
      });
    });
  }

  void begin(const run_id& id) {
    auto* x = of.find(id);
    if (x == nullptr || x->run != nullptr || x->withdrawn)
      return;
    of.begin(*x, now());
    tell(id);
    await_end(id);
  }

  void start(const work_item& item) {
    auto id = run_of(item);
    if (of.find(id) != nullptr)
      return tell(id);
    auto& x = of.accept(item);
    if (of.planted() == mutant::adopts_other_attempt)
      for (auto& [other, y] : of.entries())
        if (other != id && y.item.task == item.task && y.run) {
          x.run = y.run;
          x.noticed = y.noticed;
          tell(id);
          return await_end(id);
        }
    if (of.draw_refusal()) {
      x.refused = true;
      return tell(id);
    }
    auto pause = of.draw_preparing();
    if (pause.count() == 0)
      return begin(id);
    tell(id);
    after(pause, [this, id] { serve([this, id] { begin(id); }); });
  }

  void stop(const run_id& id) {
    auto* x = of.find(id);
    if (x == nullptr || of.planted() == mutant::loses_stops)
      return;
    of.stop(*x, now());
    if (x->noticed <= now() || of.planted() == mutant::ends_at_stop_request)
      tell(id);
    else
      await_end(id);
  }

  void follow(const run_id& id, task_actor task) {
    listeners[id] = std::move(task);
    auto* x = of.find(id);
    if (x == nullptr) {
      auto gone = event_of(id, run_phase::ended, wall_clock::read(now()));
      gone.state = task_state::lost;
      gone.why = reason::node_lost;
      return self->send(listeners.at(id), std::move(gone));
    }
    if (of.planted() == mutant::starts_when_adopting)
      of.begin(*x, now());
    tell(id);
    await_end(id);
  }

  /// What a health check asks.
  exec_result look(const run_id& id) {
    auto* x = of.find(id);
    if (x == nullptr || x->run == nullptr || !x->run->alive(now()))
      return {"it does not run"};
    auto well = now() < x->run->sick || of.planted() == mutant::sick_looks_well;
    return {{}, well ? 0 : 1};
  }

  adopted_runs list() {
    adopted_runs result;
    for (auto& [id, x] : of.entries()) {
      auto event = of.last_event(x, now(), wall_clock::read(now()));
      result.runs.push_back(event.value_or(
        event_of(id, run_phase::preparing, wall_clock::read(now()))));
    }
    return result;
  }
};

caf::behavior driver(caf::event_based_actor* self, engine* of) {
  auto d = std::make_shared<desk>(desk{self, *of, {}});
  self->set_default_handler(caf::drop);
  return {
    [](errand& x) { x.run(); },
    [d](const start_run& x, const task_actor& task) {
      d->listeners[run_of(x.item)] = task;
      d->serve([d = d.get(), item = x.item] { d->start(item); });
    },
    [d](adopt_runs, const run_id& id, const task_actor& task) {
      d->serve([d = d.get(), id, task] { d->follow(id, task); });
    },
    [d](const stop_run& x) {
      d->serve([d = d.get(), id = x.run] { d->stop(id); });
    },
    [d](const forget_run& x) {
      d->listeners.erase(x.run);
      d->serve([d = d.get(), id = x.run] { d->of.forget(id); });
    },
    [d](adopt_runs) -> caf::result<adopted_runs> {
      auto promise = d->self->make_response_promise<adopted_runs>();
      d->serve(
        [d = d.get(), promise]() mutable { promise.deliver(d->list()); });
      return promise;
    },
    [d](measure_runs) {
      measured_runs result;
      result.trouble = d->now() < d->of.hangs_until ? "it hangs" : "";
      return result;
    },
    [d](const exec_command& x) -> caf::result<exec_result> {
      auto promise = d->self->make_response_promise<exec_result>();
      run_id id{x.allocation, x.attempt};
      d->serve(
        [d = d.get(), promise, id]() mutable { promise.deliver(d->look(id)); });
      return promise;
    },
    [d](probe_driver) -> caf::result<probed_driver> {
      auto promise = d->self->make_response_promise<probed_driver>();
      d->serve([promise]() mutable { promise.deliver(probed_driver{}); });
      return promise;
    },
  };
}

} // namespace

driver_actor spawn_driver(caf::event_based_actor* parent, engine& x) {
  return caf::actor_cast<driver_actor>(parent->spawn(driver, &x));
}

} // namespace troupe::sim
