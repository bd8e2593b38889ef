// What an agent measures of its runs, and how it holds their bursts back while its
// machine has little left.

#include "messages/json.hpp"
#include "messages/quantity.hpp"

#include "runtime/log.hpp"

#include "actors/agent.hpp"

namespace troupe {

namespace log = runtime::log;

void agent_state::note_usage(const measured_runs& x) {
  std::vector<runtime::job_usage::sample> samples;
  for (auto& run : x.tasks)
    if (auto* item = core.find(run.allocation))
      samples.push_back(
        {item->task.job, run.allocation, run.cpu_seconds, run.memory_bytes});
  options.meters->note_usage(samples, self->clock().now());
}

// -- measuring ----------------------------------------------------------------

/// Asks all drivers what their runs use. `then` hears whether all have answered.
void agent_state::measure(std::function<void(measured_runs, bool)> then) {
  struct round {
    measured_runs all;
    size_t open = 0;
    bool is_complete = true;
    std::function<void(measured_runs, bool)> then;
  };
  auto x = std::make_shared<round>();
  x->open = options.drivers.size();
  x->then = std::move(then);
  if (x->open == 0)
    return x->then({}, true);
  auto one_done = [this, x] {
    if (--x->open > 0)
      return;
    note_usage(x->all);
    x->then(std::move(x->all), x->is_complete);
  };
  for (auto& [kind, driver] : options.drivers)
    self->request(driver, options.measure_timeout, measure_runs{})
      .then(
        [this, x, one_done, kind = kind,
         began = self->clock().now()](const measured_runs& y) {
          note_operation(kind, "measure", true, began);
          auto now = self->clock().now();
          for (size_t i = 0; i < y.tasks.size(); ++i) {
            x->all.tasks.push_back(y.tasks[i]);
            x->all.at.push_back(i < y.at.size() ? y.at[i] : now);
          }
          if (y.trouble && !y.trouble->empty())
            x->all.troubles.push_back({json::name_of(kind), *y.trouble});
          one_done();
        },
        [this, x, one_done, kind = kind,
         began = self->clock().now()](const caf::error&) {
          note_operation(kind, "measure", false, began);
          x->is_complete = false;
          one_done();
        });
}

// -- pressure -------------------------------------------------------------------

/// Measures for itself, also while there is no controller.
void agent_state::look_for_pressure() {
  auto next = [this](bool is_close) {
    self->delayed_send(self,
                       is_close ? options.pressure_interval_close
                                : options.pressure_interval,
                       atom::measure_v);
  };
  if (core.live() == 0 || ending)
    return next(false);
  measure([this, next](const measured_runs& x, bool is_complete) {
    // Half a picture shows room where there is none.
    if (is_complete)
      relieve(x);
    next(pressure->is_close());
  });
}

void agent_state::relieve(const measured_runs& x) {
  std::vector<runtime::run_sample> samples;
  for (size_t i = 0; i < x.tasks.size(); ++i) {
    auto& usage = x.tasks[i];
    auto* item = core.find(usage.allocation);
    if (item == nullptr || !core.progress(usage.allocation).begun)
      continue;
    auto& job = *item->spec;
    samples.push_back(
      {.run = core.run(usage.allocation),
       .priority = job.priority,
       .request = {job.request.cpu_millicores, job.request.memory_bytes},
       .own = runtime::limits_of(job),
       .cpu_seconds = usage.cpu_seconds,
       .memory_bytes = usage.memory_bytes,
       .at = x.at[i],
       .ending = core.progress(usage.allocation).stopping != reason::none});
  }
  auto steps
    = pressure->take(samples, options.measure_free(), self->clock().now());
  for (auto& change : steps.changes)
    move_limits(change);
  if (!steps.end)
    return;
  auto victim = steps.end->run.allocation;
  log::warn("node {}: {} is {}", options.node,
            to_string(core.find(victim)->task), steps.end->message);
  options.meters->note_memory_end();
  end(victim, reason::out_of_memory, steps.end->message);
}

/// Written down first: whoever comes after this process must know.
void agent_state::move_limits(const runtime::pressure::change& x) {
  auto allocation = x.run.allocation;
  auto driver = driver_of(allocation);
  auto before = core.progress(allocation).burst;
  auto task = to_string(core.find(allocation)->task);
  auto failed = [this, x, before, task](const std::string& why) {
    note_held(x.run, before);
    if (pressure->failed(x.run, self->clock().now()))
      log::warn("node {}: what {} may use cannot be changed: {}", options.node,
                task, why);
  };
  auto kept = note_held(x.run, x.to);
  // What is given back and not written down is given back once more.
  if (!kept && x.to != run_limits{})
    return failed(kept.error());
  if (!driver)
    return failed("its driver is not there");
  // The steps between are for those who want to know.
  if (before == run_limits{} || x.to == run_limits{})
    log::info("node {}: {}, {}", options.node, task, x.text);
  else
    log::debug("node {}: {}, {}", options.node, task, x.text);
  auto own = runtime::limits_of(*core.find(allocation)->spec);
  limit_run order{
    x.run,
    own,
    {x.to.cpu_millicores > 0 ? x.to.cpu_millicores : own.cpu_millicores,
     x.to.memory_bytes > 0 ? x.to.memory_bytes : own.memory_bytes}};
  self->request(driver, options.limit_timeout, std::move(order))
    .then(
      [this, x, own, failed](const limited_run& y) {
        if (!y.error.empty())
          return failed(y.error);
        auto to = x.to;
        if (to.memory_bytes > 0)
          to.memory_bytes = y.limits.memory_bytes;
        // It uses all that it may: nothing could be taken from it.
        if (own.memory_bytes > 0 && to.memory_bytes >= own.memory_bytes)
          to.memory_bytes = 0;
        note_held(x.run, to);
        pressure->changed(x.run, to);
        tell_held();
      },
      [this, x, failed, before](const caf::error& y) {
        // It may have been done: what is held, or was, may be so now.
        auto to = x.to;
        if (to.cpu_millicores == 0)
          to.cpu_millicores = before.cpu_millicores;
        if (to.memory_bytes == 0)
          to.memory_bytes = before.memory_bytes;
        failed(self->system().render(y));
        note_held(x.run, to);
        pressure->suspect(x.run, to);
        tell_held();
      });
}

/// Errors: a sentence, if it is not on disk.
expected<void, std::string>
agent_state::note_held(const run_id& run, run_limits to) {
  auto known = core.find(run.allocation) != nullptr;
  if (!known || core.progress(run.allocation).burst == to)
    return {};
  auto progress = core.hold_burst(run, to);
  if (!progress || !store || ending)
    return {};
  return store->keep(run.allocation, *progress);
}

void agent_state::tell_held() {
  size_t cpu = 0;
  size_t memory = 0;
  for (auto& x : pressure->held()) {
    cpu += x.cpu_millicores > 0 ? 1 : 0;
    memory += x.memory_bytes > 0 ? 1 : 0;
  }
  options.meters->note_bursts_held(options.node, cpu, memory);
}

} // namespace troupe
