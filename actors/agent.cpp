#include "actors/agent.hpp"

#include "messages/json.hpp"

#include "runtime/log.hpp"

#include "actors/task.hpp"

namespace troupe {

namespace {

namespace log = runtime::log;

task_report report_of(const work_item& x, task_state state) {
  task_report result;
  result.task = x.task;
  result.attempt = x.attempt;
  result.allocation = x.allocation;
  result.state = state;
  return result;
}

} // namespace

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
    core.adopt(x.item, report_of(x.item, x.started ? task_state::running
                                                   : task_state::starting));
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
    for (auto& x : entries) {
      auto gone = report_of(x.item, task_state::lost);
      gone.why = reason::driver_error;
      gone.message
        = "the driver " + json::name_of(kind) + " is not there any more";
      core.note(std::move(gone));
    }
    return adopted();
  }
  self->request(driver->second, options.adopt_timeout, adopt_runs{})
    .then(
      [this, kind, entries,
       began = self->clock().now()](const adopted_runs& x) {
        note_operation(kind, "adopt", x.error.empty(), began);
        std::set<allocation_id> found;
        for (auto& run : x.runs)
          found.insert(run.allocation);
        for (auto& y : entries) {
          auto here = found.contains(y.item.allocation);
          // A driver that cannot tell now has it, until it says otherwise.
          if (here || !x.error.empty()) {
            start(y.item, here || y.started);
            continue;
          }
          // What never began may be running elsewhere by now: whether it is
          // still wanted is for the controller to say.
          auto gone = report_of(y.item, task_state::lost);
          gone.why = reason::node_lost;
          gone.message
            = y.started ? "it was gone when troupe came back on its node"
                        : "troupe ended on its node before it could be started";
          core.note(std::move(gone));
          tasks[y.item.allocation].driver = kind;
        }
        for (auto& y : entries)
          found.erase(y.item.allocation);
        end_strays(kind, x.runs, found);
        adopted();
      },
      [this, kind, entries, began = self->clock().now()](const caf::error& x) {
        note_operation(kind, "adopt", false, began);
        log::warn("agent: a driver does not answer: {}",
                  self->system().render(x));
        for (auto& y : entries)
          start(y.item, y.started);
        adopted();
      });
}

/// Ends what runs here and was never accepted, or was given up when this machine
/// was told to end everything. What has ended is kept for its output.
void agent_state::end_strays(driver_kind kind,
                             const std::vector<run_event>& runs,
                             const std::set<allocation_id>& strays) {
  for (auto& x : runs) {
    if (!strays.contains(x.allocation))
      continue;
    if (x.phase == run_phase::ended)
      forget_run_of(kind, x.allocation);
    else
      self->send(options.drivers.at(kind), stop_run{x.allocation});
  }
}

/// Lets the driver remove what is left of a run, some time later: until then its
/// output can be read.
void agent_state::forget_run_of(driver_kind kind, allocation_id allocation) {
  self->send(options.drivers.at(kind), forget_run{allocation});
  ended[allocation] = kind;
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
        auto refused = report_of(item, task_state::failed);
        refused.why = reason::driver_error;
        refused.message = ok.error();
        note(std::move(refused));
        continue;
      }
    start(item, false);
  }
  for (auto allocation : steps.stop)
    if (auto at = tasks.find(allocation); at != tasks.end() && at->second.actor)
      stop_task(at->second, allocation);
  for (auto allocation : steps.forget) {
    if (auto task = tasks.find(allocation);
        task != tasks.end() && options.drivers.contains(task->second.driver))
      forget_run_of(task->second.driver, allocation);
    tasks.erase(allocation);
    if (store)
      store->forget(allocation);
  }
  if (session)
    self->send(session, work_taken{x.items.back().sequence});
  flush();
}

void agent_state::start(const work_item& item, bool is_adopted) {
  auto driver = item.spec ? options.drivers.find(item.spec->driver)
                          : options.drivers.end();
  if (driver == options.drivers.end()) {
    auto refused = report_of(item, task_state::failed);
    refused.why = reason::driver_error;
    refused.message = "node " + options.node + " has no driver for it";
    return note(std::move(refused));
  }
  auto& mine = tasks[item.allocation];
  mine.driver = driver->first;
  if (!is_adopted)
    mine.starting = self->clock().now();
  mine.actor = self->spawn(
    task, item, is_adopted ? task_origin::adopted : task_origin::fresh,
    agent_actor{self}, driver->second);
  allocation_of[mine.actor.address()] = item.allocation;
  self->monitor(mine.actor);
}

void agent_state::stop_task(running_task& task, allocation_id allocation) {
  if (!task.stopping)
    task.stopping = self->clock().now();
  self->send(task.actor, stop_run{allocation});
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
             item->attempt, self->system().render(x.reason));
  if (++task->second.restarts <= options.task_restarts_max)
    return start(work_item{*item}, true);
  auto failed = report_of(*item, task_state::failed);
  failed.why = reason::driver_error;
  failed.message = "its actor failed too often";
  note(std::move(failed));
}

void agent_state::note(task_report x) {
  note_progress(x);
  if (store && x.state == task_state::running)
    store->mark_started(x.allocation);
  core.note(std::move(x));
  check_all_ended();
  // Reports that come in one go leave in one message.
  if (!flushing) {
    flushing = true;
    self->send(self, atom::flush_v);
  }
}

void agent_state::note_usage(const measured_runs& x) {
  std::vector<runtime::job_usage::sample> samples;
  for (auto& run : x.tasks)
    if (auto* item = core.find(run.allocation))
      samples.push_back(
        {item->task.job, run.allocation, run.cpu_seconds, run.memory_bytes});
  options.meters->note_usage(samples, self->clock().now());
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

void agent_state::end_all() {
  ending = true;
  for (auto& [allocation, task] : tasks) {
    if (task.actor)
      stop_task(task, allocation);
    if (store)
      store->forget(allocation);
  }
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
      if (session && session != x.session) {
        self->demonitor(session.address());
        self->send_exit(session, caf::exit_reason::user_shutdown);
      }
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
      auto promise = self->make_response_promise<inventory>();
      if (adopting == 0)
        promise.deliver(inventory{core.join()});
      else
        awaiting_inventory.push_back(promise);
      return promise;
    },
    [this](measure_runs) -> caf::result<measured_runs> {
      auto promise = self->make_response_promise<measured_runs>();
      auto all = std::make_shared<measured_runs>();
      auto open = std::make_shared<size_t>(options.drivers.size());
      auto one_done = [this, promise, all, open]() mutable {
        if (--*open > 0)
          return;
        note_usage(*all);
        promise.deliver(std::move(*all));
      };
      for (auto& [kind, driver] : options.drivers)
        self->request(driver, options.measure_timeout, measure_runs{})
          .then(
            [this, all, one_done, kind = kind,
             began = self->clock().now()](measured_runs& x) mutable {
              note_operation(kind, "measure", true, began);
              all->tasks.insert(all->tasks.end(), x.tasks.begin(),
                                x.tasks.end());
              one_done();
            },
            [this, one_done, kind = kind,
             began = self->clock().now()](const caf::error&) mutable {
              note_operation(kind, "measure", false, began);
              one_done();
            });
      if (options.drivers.empty())
        promise.deliver(measured_runs{});
      return promise;
    },
    [this](const read_log& x) -> caf::result<log_chunk> {
      if (auto driver = driver_of(x.allocation))
        return self->delegate(driver, x);
      // Ended and acknowledged. Runs of processes can be read by their number,
      // also those of an earlier life.
      auto past = ended.find(x.allocation);
      auto kind = past == ended.end() ? driver_kind::process : past->second;
      if (auto driver = options.drivers.find(kind);
          driver != options.drivers.end())
        return self->delegate(driver->second, x);
      return log_chunk{"its output is not here any more"};
    },
    [this](const exec_command& x) -> caf::result<exec_result> {
      if (auto driver = driver_of(x.allocation))
        return self->delegate(driver, x);
      return exec_result{"it does not run here"};
    },
    [this](atom::flush) {
      flushing = false;
      flush();
    },
  };
}

agent_actor::behavior_type
agent(agent_actor::stateful_pointer<agent_state> self, agent_options options,
      std::optional<runtime::agent_store> store) {
  auto& state = self->state;
  state.options = std::move(options);
  state.store = std::move(store);
  auto result = state.make_behavior();
  state.adopt_all();
  return result;
}

} // namespace troupe
