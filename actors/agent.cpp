#include "actors/agent.hpp"

#include "messages/json.hpp"
#include "messages/quantity.hpp"

#include "runtime/log.hpp"

#include "actors/task.hpp"

namespace troupe {

namespace log = runtime::log;

// -- beginning ---------------------------------------------------------------

void agent_state::adopt_all() {
  if (!store)
    return;
  std::vector<std::string> damaged;
  // All drivers, also those of whose runs nothing is stored: what they find then
  // is nobody's, and is to be tidied up.
  std::map<driver_kind, std::vector<runtime::agent_store::entry>> by_driver;
  for (auto& [kind, driver] : options.drivers)
    by_driver[kind];
  for (auto& x : store->load(damaged)) {
    task_report last;
    last.task = x.item.task;
    last.attempt = x.progress.attempt;
    last.allocation = x.item.allocation;
    last.state = x.progress.begun ? task_state::running : task_state::starting;
    core.adopt(x.item, x.progress, std::move(last));
    if (pressure && x.progress.burst != run_limits{})
      pressure->adopt({x.item.allocation, x.progress.attempt},
                      x.progress.burst);
    by_driver[x.item.spec->driver].push_back(std::move(x));
  }
  for (auto& file : damaged)
    log::warn("agent: {} cannot be read and is left alone", file);
  adopting = by_driver.size();
  for (auto& [kind, entries] : by_driver)
    adopt_from(kind, std::move(entries));
}

void agent_state::adopt_from(driver_kind kind,
                             std::vector<runtime::agent_store::entry> entries) {
  auto driver = options.drivers.find(kind);
  if (driver == options.drivers.end()) {
    for (auto& x : entries)
      note(report_of(x.item.allocation, task_state::lost, reason::driver_error,
                     "the driver " + json::name_of(kind)
                       + " is not there any more"));
    return adopted();
  }
  self->request(driver->second, options.adopt_timeout, adopt_runs{})
    .then(
      [this, kind, entries,
       began = self->clock().now()](const adopted_runs& x) {
        note_operation(kind, "adopt", x.error.empty(), began);
        std::set<run_id> strays;
        for (auto& y : x.runs) {
          core.find_run(y);
          strays.insert(y.run);
        }
        for (auto& y : entries) {
          auto run = core.run(y.item.allocation);
          // A driver that cannot tell now has it, until it says otherwise.
          if (go_on(kind, y.item, strays.erase(run) > 0 || !x.error.empty()))
            start(y.item);
        }
        end_strays(kind, x.runs, strays);
        adopted();
      },
      [this, kind, entries, began = self->clock().now()](const caf::error& x) {
        note_operation(kind, "adopt", false, began);
        log::warn("agent: a driver does not answer: {}",
                  self->system().render(x));
        for (auto& y : entries)
          start(y.item);
        adopted();
      });
}

/// Whether an allocation of an earlier life goes on here; it is lost, otherwise.
/// So is what never began: it may be running elsewhere by now, and whether it is
/// still wanted is for the controller to say. One that only waits to be started
/// again waits on.
bool agent_state::go_on(driver_kind kind, const work_item& item,
                        bool driver_knows) {
  auto& progress = core.progress(item.allocation);
  if (driver_knows || (!progress.begun && progress.attempt > item.attempt))
    return true;
  tasks[item.allocation].driver = kind;
  note(report_of(item.allocation, task_state::lost, reason::node_lost,
                 progress.begun
                   ? "it was gone when troupe came back on its node"
                   : "troupe ended on its node before it could be started"));
  return false;
}

/// Ends what runs here and was never accepted, or was given up when this machine
/// was told to end everything. What has ended is kept for its output.
void agent_state::end_strays(driver_kind kind,
                             const std::vector<run_event>& runs,
                             const std::set<run_id>& strays) {
  for (auto& x : runs) {
    if (!strays.contains(x.run))
      continue;
    if (x.phase == run_phase::ended)
      forget_run_of(kind, x.run);
    else
      self->send(options.drivers.at(kind), stop_run{x.run});
  }
}

/// Lets the driver remove what is left of a run, some time later: until then its
/// output can be read.
void agent_state::forget_run_of(driver_kind kind, const run_id& run) {
  self->send(options.drivers.at(kind), forget_run{run});
  ended[run] = kind;
  // The oldest have the smallest numbers.
  if (ended.size() > options.ended_known_max)
    ended.erase(ended.begin());
}

void agent_state::adopted() {
  if (--adopting > 0)
    return;
  for (auto& promise : awaiting_inventory)
    promise.deliver(inventory{core.join()});
  awaiting_inventory.clear();
}

// -- work --------------------------------------------------------------------

void agent_state::take(const work_batch& x) {
  if (x.items.empty() || ending)
    return;
  auto steps = core.take(x.items);
  for (auto& item : steps.start) {
    if (store)
      if (auto ok = store->accept(item); !ok) {
        // Not its fault, and it never ran: it is placed elsewhere.
        note(report_of(item.allocation, task_state::lost, reason::driver_error,
                       ok.error()));
        continue;
      }
    start(item);
  }
  for (auto allocation : steps.stop)
    end(allocation, reason::stopped_by_user, "");
  for (auto& run : steps.forget) {
    if (auto task = tasks.find(run.allocation);
        task != tasks.end() && options.drivers.contains(task->second.driver))
      forget_run_of(task->second.driver, run);
    tasks.erase(run.allocation);
    if (store)
      store->forget(run.allocation);
  }
  if (session)
    self->send(session, work_taken{x.items.back().sequence});
  flush();
}

void agent_state::start(const work_item& item) {
  auto driver = item.spec ? options.drivers.find(item.spec->driver)
                          : options.drivers.end();
  if (driver == options.drivers.end())
    return note(report_of(item.allocation, task_state::failed,
                          reason::driver_error,
                          "node " + options.node + " has no driver for it"));
  auto& mine = tasks[item.allocation];
  mine.driver = driver->first;
  if (!core.progress(item.allocation).begun)
    mine.starting = self->clock().now();
  mine.actor = self->spawn(task, item, core.progress(item.allocation),
                           agent_actor{self}, driver->second, options.checks);
  allocation_of[mine.actor.address()] = item.allocation;
  self->monitor(mine.actor);
}

driver_actor agent_state::driver_of(allocation_id x) const {
  auto at = tasks.find(x);
  if (at == tasks.end())
    return {};
  auto driver = options.drivers.find(at->second.driver);
  return driver == options.drivers.end() ? driver_actor{} : driver->second;
}

/// A task that has ended leaves in order. One that failed is started again: its
/// run goes on meanwhile.
void agent_state::hear_down(const caf::down_msg& x) {
  if (session && session.address() == x.source) {
    session = nullptr;
    note_away();
    if (join)
      self->send(join, atom::dial_v);
    return;
  }
  auto at = allocation_of.find(x.source);
  if (at == allocation_of.end())
    return;
  auto allocation = at->second;
  allocation_of.erase(at);
  auto task = tasks.find(allocation);
  auto* item = core.find(allocation);
  if (!x.reason || x.reason == caf::exit_reason::user_shutdown
      || task == tasks.end() || item == nullptr)
    return;
  log::error("task {} attempt {}: its actor failed: {}", to_string(item->task),
             core.run(allocation).attempt, self->system().render(x.reason));
  if (++task->second.restarts <= options.task_restarts_max) {
    census::note_restart(task_actor_state::name);
    return start(work_item{*item});
  }
  note(report_of(allocation, task_state::failed, reason::driver_error,
                 "its actor failed too often"));
}

// -- reports -----------------------------------------------------------------

task_report agent_state::report_of(allocation_id x, task_state state,
                                   reason why, std::string message) const {
  task_report result;
  if (auto* item = core.find(x))
    result.task = item->task;
  result.attempt = core.run(x).attempt;
  result.allocation = x;
  result.state = state;
  result.why = why;
  result.message = std::move(message);
  return result;
}

void agent_state::note(task_report x) {
  note_progress(x);
  if (x.why == reason::out_of_memory && core.find(x.allocation) != nullptr)
    if (auto& progress = core.progress(x.allocation);
        progress.burst.memory_bytes > 0 && progress.stopping == reason::none)
      x.message += " (its node had little left, and held it to "
                   + bytes_text(progress.burst.memory_bytes) + ')';
  if (pressure
      && (x.restarts || is_final(x.state) || x.state == task_state::lost)) {
    pressure->forget(x.allocation);
    tell_held();
  }
  auto progress = core.note(x);
  auto is_kept = true;
  // After the end of everything nothing is to go on.
  if (store && progress && !ending)
    if (auto ok = store->keep(x.allocation, *progress); !ok) {
      log::warn("agent: {}", ok.error());
      is_kept = false;
    }
  if (x.restarts)
    note_restart(x, is_kept);
  check_all_ended();
  // Reports that come in one go leave in one message.
  if (!flushing) {
    flushing = true;
    self->send(self, atom::flush_v);
  }
}

/// Times what the driver was asked to do for a task.
void agent_state::note_progress(const task_report& x) {
  auto at = tasks.find(x.allocation);
  if (at == tasks.end())
    return;
  auto& task = at->second;
  auto ended = is_final(x.state) || x.state == task_state::lost;
  if (task.starting && (ended || x.state == task_state::running)) {
    // Whatever ran and failed was started well.
    auto never_ran
      = x.why == reason::driver_error || x.why == reason::image_not_found
        || x.why == reason::port_in_use || x.state == task_state::lost;
    note_operation(task.driver, "start", !never_ran, *task.starting);
    task.starting.reset();
  }
  if (task.stopping && ended) {
    note_operation(task.driver, "stop", x.state != task_state::lost,
                   *task.stopping);
    task.stopping.reset();
  }
}

void agent_state::note_operation(driver_kind driver, const char* operation,
                                 bool ok,
                                 std::chrono::steady_clock::time_point began) {
  options.meters->note_operation(json::name_of(driver), operation,
                                 ok ? "ok" : "error",
                                 self->clock().now() - began);
}

/// Lets the next run begin, now that it is on disk. What is left of the last one
/// goes some time later; unless the disk is full, when it is what tells a later
/// life how far this one came.
void agent_state::note_restart(const task_report& x, bool is_kept) {
  auto at = tasks.find(x.allocation);
  if (at == tasks.end())
    return;
  if (is_kept)
    forget_run_of(at->second.driver, {x.allocation, x.attempt});
  if (at->second.actor)
    self->send(at->second.actor, restart_kept{x.attempt + 1});
}

/// Ends a task for good. A later life must know: it would start it again.
void agent_state::end(allocation_id x, reason why, const std::string& message) {
  auto progress = core.want_stop(x, why, message);
  auto at = tasks.find(x);
  if (!progress || at == tasks.end() || !at->second.actor)
    return;
  if (store)
    if (auto ok = store->keep(x, *progress); !ok)
      log::warn("agent: {}", ok.error());
  if (!at->second.stopping)
    at->second.stopping = self->clock().now();
  self->send(at->second.actor, end_task{why, message});
}

void agent_state::end_all() {
  ending = true;
  // Nothing is forgotten: what has not ended when the process is gone still takes
  // its place here, and an end that is not acknowledged is still to be told.
  // What is being stopped already keeps its reason.
  for (auto& [allocation, task] : tasks)
    if (core.find(allocation) != nullptr
        && core.progress(allocation).stopping == reason::none)
      end(allocation, reason::node_lost, "troupe was ended on its node");
  check_all_ended();
}

void agent_state::check_all_ended() {
  if (!ending || core.live() > 0)
    return;
  for (auto& promise : awaiting_end)
    promise.deliver(all_tasks_ended{});
  awaiting_end.clear();
}

void agent_state::flush() {
  if (!session || ending)
    return;
  for (auto reports = core.reports_to_send(); !reports.empty();
       reports = core.reports_to_send())
    self->send(session, report_batch{std::move(reports)});
}

/// Leaves the session: with a hello a new connection begins, and what is sent by
/// the one before may be lost.
void agent_state::detach() {
  if (!session)
    return;
  self->demonitor(session.address());
  self->send_exit(session, caf::exit_reason::user_shutdown);
  session = nullptr;
  note_away();
}

void agent_state::note_away() {
  away_since = self->clock().now();
  if (options.stop_tasks_after.count() > 0)
    self->delayed_send(self, options.stop_tasks_after, atom::tick_v);
}

/// Stops everything here if nobody has been there for too long. They are not lost
/// by it: where they are to run is said when somebody is there again.
void agent_state::check_away() {
  if (session || self->clock().now() - away_since < options.stop_tasks_after)
    return;
  auto text = "stopped by its node after "
              + duration_text(options.stop_tasks_after)
              + " without a controller";
  if (core.live() > 0)
    log::warn(
      "agent: there has been no controller for {}: its tasks are stopped",
      duration_text(options.stop_tasks_after));
  for (auto& [allocation, task] : tasks)
    end(allocation, reason::node_lost, text);
}

caf::result<log_chunk> agent_state::read(read_log x) {
  if (x.attempt == 0)
    x.attempt = core.run(x.allocation).attempt;
  if (auto driver = driver_of(x.allocation))
    return self->delegate(driver, std::move(x));
  // Ended and acknowledged. Runs of processes can be read by their number, also
  // those of an earlier life.
  auto kind = driver_kind::process;
  auto past = ended.upper_bound(
    {x.allocation, x.attempt == 0 ? UINT32_MAX : x.attempt});
  if (past != ended.begin()
      && std::prev(past)->first.allocation == x.allocation) {
    kind = std::prev(past)->second;
    if (x.attempt == 0)
      x.attempt = std::prev(past)->first.attempt;
  }
  if (auto driver = options.drivers.find(kind); driver != options.drivers.end())
    return self->delegate(driver->second, std::move(x));
  return log_chunk{"its output is not here any more"};
}

agent_actor::behavior_type agent_state::make_behavior() {
  self->set_down_handler([this](const caf::down_msg& x) { hear_down(x); });
  return {
    [this](tell_session_end& x) { join = std::move(x.who); },
    [this](const attach_session& x) {
      if (x.term < term) {
        log::warn("agent: refused a session of term {}, the leader's is {}",
                  x.term, term);
        self->send_exit(x.session, caf::exit_reason::user_shutdown);
        return;
      }
      if (session != x.session)
        detach();
      term = x.term;
      session = x.session;
      self->monitor(session);
      flush();
    },
    [this](const work_batch& x) { take(x); },
    [this](const reports_taken& x) {
      core.acknowledge(x.sequence);
      flush();
    },
    [this](task_report& x) { note(std::move(x)); },
    [this](end_all_tasks) -> caf::result<all_tasks_ended> {
      auto promise = self->make_response_promise<all_tasks_ended>();
      awaiting_end.push_back(promise);
      end_all();
      return promise;
    },
    [this](list_inventory) -> caf::result<inventory> {
      detach();
      auto promise = self->make_response_promise<inventory>();
      if (adopting == 0)
        promise.deliver(inventory{core.join()});
      else
        awaiting_inventory.push_back(promise);
      return promise;
    },
    [this](measure_runs) -> caf::result<measured_runs> {
      auto promise = self->make_response_promise<measured_runs>();
      measure([this, promise](measured_runs x, bool) mutable {
        if (options.checks.counts)
          x.checks = options.checks.counts->take();
        if (pressure)
          x.burst_limits = pressure->held();
        promise.deliver(std::move(x));
      });
      return promise;
    },
    [this](read_log& x) { return read(std::move(x)); },
    [this](exec_command& x) -> caf::result<exec_result> {
      if (x.attempt == 0)
        x.attempt = core.run(x.allocation).attempt;
      if (auto driver = driver_of(x.allocation))
        return self->delegate(driver, std::move(x));
      return exec_result{"it does not run here"};
    },
    [this](atom::flush) {
      flushing = false;
      flush();
    },
    [this](atom::tick) { check_away(); },
    [this](atom::measure) { look_for_pressure(); },
  };
}

agent_actor::behavior_type
agent(agent_actor::stateful_pointer<agent_state> self, agent_options options,
      std::optional<runtime::agent_store> store) {
  auto& state = self->state;
  state.options = std::move(options);
  state.store = std::move(store);
  auto result = state.make_behavior();
  state.note_away();
  if (state.options.capacity != resources{}) {
    state.pressure.emplace(state.options.capacity);
    self->delayed_send(self, state.options.pressure_interval, atom::measure_v);
  }
  state.adopt_all();
  return result;
}

} // namespace troupe
