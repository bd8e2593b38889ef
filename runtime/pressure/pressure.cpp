#include "runtime/pressure/pressure.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "messages/quantity.hpp"

namespace troupe::runtime {

using namespace std::chrono_literals;

namespace {

/// Stands for no limit: more than any machine has.
constexpr int64_t unlimited = int64_t{1} << 60;
/// Rates over less would tell of moments.
constexpr auto interval_min = 900ms;
/// The least that the kernel can hold a run to.
constexpr int64_t cpu_millicores_min = 10;
/// What cannot be moved is tried again after so long, and later and later.
constexpr auto retry_after = 10s;
constexpr int retry_doublings_max = 3;

int64_t ceiling_of(int64_t limit) {
  return limit > 0 ? limit : unlimited;
}

/// Bytes as people take them in: these are measured, and not exact.
std::string memory_text(int64_t bytes) {
  return bytes_text(bytes >> 20 << 20);
}

std::string priority_text(const run_sample& x) {
  return "priority " + std::to_string(x.priority);
}

} // namespace

run_limits limits_of(const job_spec& job) {
  auto memory = job.memory_limit_bytes;
  if (memory == 0 && job.driver == driver_kind::docker)
    memory = job.request.memory_bytes;
  return {job.cpu_limit_millicores, memory};
}

pressure::pressure(const resources& capacity)
  : cpu_{capacity.cpu_millicores}, memory_{capacity.memory_bytes}, capacity_{
                                                                     capacity} {
  // nop
}

void pressure::adopt(const run_id& run, run_limits held) {
  auto& x = runs_[run.allocation];
  x = {};
  x.run = run;
  x.held = held;
}

pressure::entry& pressure::measure(const run_sample& x) {
  auto& result = runs_[x.run.allocation];
  if (result.run != x.run) {
    result = {};
    result.run = x.run;
  }
  auto& last = result.last;
  if (!last) {
    last = x;
  } else if (auto took = x.at - last->at; took >= interval_min) {
    auto spent = std::max(x.cpu_seconds - last->cpu_seconds, 0.0);
    auto seconds = std::chrono::duration<double>(took).count();
    result.cpu_millicores = std::llround(spent * 1'000 / seconds);
    result.since = last->at;
    last = x;
  }
  result.at = x.at;
  return result;
}

pressure::steps
pressure::take(const std::vector<run_sample>& samples,
               const std::optional<resources>& free, time_point now) {
  std::vector<counted> runs;
  for (auto& x : samples) {
    auto& state = measure(x);
    runs.push_back({&state, &x, state.held});
  }
  std::sort(runs.begin(), runs.end(),
            [](auto& x, auto& y) { return x.state->run < y.state->run; });
  steps result;
  auto is_answered = [](const counted& x) { return !x.state->asked; };
  if (!std::all_of(runs.begin(), runs.end(), is_answered))
    return result;
  take_cpu(runs, free, now);
  result.end = take_memory(runs, free, now);
  for (auto& x : runs) {
    if (x.wanted == x.state->held)
      continue;
    x.state->asked = true;
    x.state->moved_at = now;
    result.changes.push_back({x.state->run, x.wanted, text_of(x)});
  }
  return result;
}

bool pressure::is_movable(const counted& x, time_point now) {
  return !x.sample->ending && now >= x.state->retry_at;
}

void pressure::take_cpu(std::vector<counted>& runs,
                        const std::optional<resources>& free, time_point now) {
  std::vector<cpu_run> cpu;
  for (auto& x : runs) {
    // What was moved shows only in what is measured from then on.
    if (x.state->since < x.state->moved_at && x.state->moved_at != time_point{})
      return;
    auto limit = ceiling_of(x.sample->own.cpu_millicores);
    auto held = x.state->held.cpu_millicores;
    cpu.push_back(
      {.priority = x.sample->priority,
       .request = std::min(
         std::max(x.sample->request.cpu_millicores, cpu_millicores_min), limit),
       .limit = limit,
       .ceiling = held > 0 ? std::min(held, limit) : limit,
       .used = x.state->cpu_millicores,
       .movable = is_movable(x, now) && x.state->since != time_point{}});
  }
  cpu_.take(cpu, free ? std::optional{free->cpu_millicores} : std::nullopt);
  // Nobody gives way before all below have been measured: one of them may burst.
  auto lowest_unknown = std::numeric_limits<int32_t>::max();
  for (auto& x : runs)
    if (x.state->since == time_point{})
      lowest_unknown = std::min(lowest_unknown, x.sample->priority);
  for (size_t i = 0; i < runs.size(); ++i) {
    auto& x = cpu[i];
    auto before = runs[i].wanted.cpu_millicores;
    auto lost = x.ceiling < (before > 0 ? before : x.limit);
    if (!lost || x.priority <= lowest_unknown)
      runs[i].wanted.cpu_millicores = x.ceiling < x.limit ? x.ceiling : 0;
  }
}

std::optional<pressure::victim>
pressure::take_memory(std::vector<counted>& runs,
                      const std::optional<resources>& free, time_point now) {
  std::vector<memory_run> memory;
  for (auto& x : runs) {
    if (x.state->at < x.state->moved_at)
      return std::nullopt;
    auto limit = ceiling_of(x.sample->own.memory_bytes);
    auto held = x.state->held.memory_bytes;
    memory.push_back(
      {.priority = x.sample->priority,
       .request = std::min(x.sample->request.memory_bytes, limit),
       .limit = limit,
       .ceiling = held > 0 ? std::min(held, limit) : limit,
       .used = x.sample->memory_bytes,
       .movable = is_movable(x, now),
       .ending = x.sample->ending,
       .squeezed = x.state->squeezed});
  }
  auto end = memory_.take(memory, free ? std::optional{free->memory_bytes}
                                       : std::nullopt);
  for (size_t i = 0; i < runs.size(); ++i) {
    runs[i].wanted.memory_bytes
      = memory[i].ceiling < memory[i].limit ? memory[i].ceiling : 0;
    runs[i].state->squeezed = memory[i].squeezed;
  }
  if (!end)
    return std::nullopt;
  return victim{runs[*end].state->run, victim_text(*runs[*end].sample)};
}

void pressure::changed(const run_id& run, run_limits to) {
  auto at = runs_.find(run.allocation);
  if (at == runs_.end() || at->second.run != run)
    return;
  at->second.held = to;
  at->second.asked = false;
  at->second.failures = 0;
}

bool pressure::failed(const run_id& run, time_point now) {
  auto at = runs_.find(run.allocation);
  if (at == runs_.end() || at->second.run != run)
    return false;
  auto& x = at->second;
  x.asked = false;
  x.retry_at
    = now + retry_after * (1 << std::min(x.failures, retry_doublings_max));
  return ++x.failures == 1;
}

void pressure::suspect(const run_id& run, run_limits to) {
  auto at = runs_.find(run.allocation);
  if (at != runs_.end() && at->second.run == run)
    at->second.held = to;
}

void pressure::forget(allocation_id x) {
  runs_.erase(x);
}

std::vector<burst_limit> pressure::held() const {
  std::vector<burst_limit> result;
  for (auto& [allocation, x] : runs_)
    if (x.held != run_limits{})
      result.push_back(
        {allocation, x.held.cpu_millicores, x.held.memory_bytes});
  return result;
}

bool pressure::is_close() const {
  return cpu_.is_close() || memory_.is_close()
         || std::any_of(runs_.begin(), runs_.end(),
                        [](auto& x) { return x.second.held != run_limits{}; });
}

// -- what people read --------------------------------------------------------

std::string pressure::text_of(const counted& x) const {
  auto& held = x.state->held;
  std::string result;
  auto add = [&](const std::string& text) {
    result += (result.empty() ? "" : "; ") + text;
  };
  if (auto cpu = x.wanted.cpu_millicores; cpu != held.cpu_millicores)
    add((cpu > 0 ? "its cpu is held to " + millis_text(cpu)
                 : std::string{"its cpu is held back no more"})
        + " (requested " + millis_text(x.sample->request.cpu_millicores)
        + "): tasks use " + millis_text(cpu_.used()) + " of "
        + millis_text(cpu_.there()));
  if (auto bytes = x.wanted.memory_bytes; bytes != held.memory_bytes)
    add((bytes > 0 ? "its memory is held to " + memory_text(bytes)
                   : std::string{"its memory is held back no more"})
        + " (requested " + memory_text(x.sample->request.memory_bytes)
        + "): tasks use " + memory_text(memory_.used()) + " of "
        + memory_text(capacity_.memory_bytes) + ", "
        + memory_text(memory_.left()) + " are left");
  return priority_text(*x.sample) + ", " + result;
}

std::string pressure::victim_text(const run_sample& x) const {
  return "ended by its node, which has " + memory_text(memory_.left())
         + " of memory left: its tasks use " + memory_text(memory_.used())
         + " of " + memory_text(capacity_.memory_bytes) + "; this one used "
         + memory_text(x.memory_bytes) + " and had requested "
         + memory_text(x.request.memory_bytes)
         + "; of all that used more than their requests it has the lowest "
           "priority, "
         + std::to_string(x.priority);
}

} // namespace troupe::runtime
