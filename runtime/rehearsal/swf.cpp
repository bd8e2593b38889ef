#include "runtime/rehearsal/swf.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <optional>
#include <queue>
#include <set>

#include "messages/json.hpp"

#include "runtime/rehearsal/simulate.hpp"

namespace troupe::runtime::rehearsal {

namespace {

// -- reading -----------------------------------------------------------------

constexpr size_t fields_min = 5;
constexpr size_t fields_max = 18;
constexpr int64_t unknown = -1;
constexpr uint32_t processors_max = 1'000'000;
/// A hundred years.
constexpr int64_t seconds_max = 3'155'760'000;

/// The numbers of a line, those after the last as unknown. Nothing if some field is
/// none, or there are too few.
std::optional<std::array<int64_t, fields_max>>
read_line(std::string_view line) {
  std::array<int64_t, fields_max> result;
  result.fill(unknown);
  size_t found = 0;
  for (size_t at = 0; at < line.size() && found < fields_max; ++found) {
    at = line.find_first_not_of(" \t\r", at);
    if (at == std::string_view::npos)
      break;
    auto end = std::min(line.find_first_of(" \t\r", at), line.size());
    double value = 0;
    auto [last, error]
      = std::from_chars(line.data() + at, line.data() + end, value);
    if (error != std::errc{} || last != line.data() + end
        || !(std::abs(value) <= static_cast<double>(seconds_max)))
      return std::nullopt;
    result[found] = static_cast<int64_t>(std::ceil(value));
    at = end;
  }
  return found < fields_min ? std::nullopt : std::optional{result};
}

/// The value of a line of the header such as `; MaxProcs: 128`; 0 for others.
uint32_t processors_in(std::string_view line) {
  for (std::string_view key : {"MaxProcs:", "MaxNodes:"}) {
    auto at = line.find(key);
    if (at == std::string_view::npos)
      continue;
    at = line.find_first_not_of(" \t", at + key.size());
    uint32_t result = 0;
    if (at != std::string_view::npos)
      std::from_chars(line.data() + at, line.data() + line.size(), result);
    return std::min(result, processors_max);
  }
  return 0;
}

std::optional<swf_job>
job_of(const std::array<int64_t, fields_max>& x, uint32_t processors) {
  auto wanted = x[7] > 0 ? x[7] : x[4];
  auto estimate = x[8] > 0 ? x[8] : x[3];
  if (x[1] < 0 || x[3] < 0 || wanted <= 0 || wanted > processors
      || estimate < 0)
    return std::nullopt;
  return swf_job{x[0], x[1], std::min(x[3], estimate),
                 static_cast<uint32_t>(wanted), std::max<int64_t>(estimate, 1)};
}

problem wrong(size_t line, std::string text) {
  return {'/' + std::to_string(line), std::move(text)};
}

// -- in plain order ----------------------------------------------------------

/// Each starts as soon as it fits and all before it have started.
swf_waits wait_in_order(const swf_log& log) {
  swf_waits result;
  using ending = std::pair<int64_t, uint32_t>;
  std::priority_queue<ending, std::vector<ending>, std::greater<>> running;
  auto free = log.processors;
  int64_t now = 0;
  for (auto& job : log.jobs) {
    now = std::max(now, job.submit);
    auto leave = [&] {
      free += running.top().second;
      running.pop();
    };
    while (!running.empty() && running.top().first <= now)
      leave();
    while (free < job.processors) {
      now = running.top().first;
      leave();
    }
    free -= job.processors;
    running.push({now + job.run, job.processors});
    result[job.number] = now - job.submit;
  }
  return result;
}

// -- by the scheduler --------------------------------------------------------

std::string name_of(const swf_job& x) {
  return "j" + std::to_string(x.number);
}

job_spec_ptr spec_of(const swf_job& x, bool estimated) {
  job_spec result;
  result.name = name_of(x);
  result.kind = job_kind::batch;
  result.driver = driver_kind::simulated;
  result.request = {int64_t{x.processors} * 1'000, 1, 0, {}};
  result.simulate.duration = std::chrono::seconds{x.run};
  if (estimated)
    result.expected_runtime = std::chrono::seconds{x.estimate};
  return std::make_shared<const job_spec>(std::move(result));
}

scenario scenario_of(const swf_log& log, bool estimated) {
  scenario result;
  node_profile machine;
  machine.name = "machine";
  machine.capacity = {int64_t{log.processors} * 1'000, int64_t{1} << 40, 0, {}};
  machine.drivers = {"simulated"};
  machine.version = TROUPE_VERSION;
  result.steps.push_back(
    {milliseconds{0}, joined_nodes{{std::move(machine)}}, ""});
  for (auto& job : log.jobs)
    result.steps.push_back({std::chrono::seconds{job.submit},
                            command{submit_jobs{{spec_of(job, estimated)}, {}}},
                            '/' + std::to_string(job.number)});
  result.start = timestamp{1};
  return result;
}

expected<swf_waits, problem>
wait_by_scheduler(const swf_log& log, bool estimated) {
  simulation_options options;
  options.trace = true;
  options.one_by_one = true;
  auto played = simulate(scenario_of(log, estimated), options);
  if (!played)
    return make_unexpected(std::move(played.error()));
  std::map<std::string, const swf_job*, std::less<>> jobs;
  for (auto& job : log.jobs)
    jobs[name_of(job)] = &job;
  swf_waits result;
  for (auto& x : played->placements) {
    auto& job = *jobs.at(x.task.job);
    result.try_emplace(job.number, std::llround(x.at_seconds) - job.submit);
  }
  return result;
}

// -- figures -----------------------------------------------------------------

wait_figures figures_of(const swf_waits& waits) {
  wait_figures result;
  std::vector<int64_t> sorted;
  double sum = 0;
  for (auto& [number, wait] : waits) {
    sorted.push_back(wait);
    sum += static_cast<double>(wait);
  }
  if (sorted.empty())
    return result;
  std::sort(sorted.begin(), sorted.end());
  auto percentile = [&](size_t percent) {
    return static_cast<double>(
      sorted[(sorted.size() * percent + 99) / 100 - 1]);
  };
  result.tasks = sorted.size();
  result.mean = sum / static_cast<double>(sorted.size());
  result.p50 = percentile(50);
  result.p95 = percentile(95);
  result.p99 = percentile(99);
  result.max = static_cast<double>(sorted.back());
  return result;
}

void measure(swf_run& x, const swf_log& log) {
  constexpr int64_t short_run = 10;
  x.wait_seconds = figures_of(x.waits);
  int64_t end = 0;
  double work = 0;
  for (auto& job : log.jobs) {
    auto wait = x.waits.at(job.number);
    auto least = std::max(job.run, short_run);
    x.bounded_slowdown += std::max(1.0, static_cast<double>(wait + job.run)
                                          / static_cast<double>(least));
    end = std::max(end, job.submit + wait + job.run);
    work += static_cast<double>(job.run) * job.processors;
  }
  if (log.jobs.empty())
    return;
  x.bounded_slowdown /= static_cast<double>(log.jobs.size());
  x.makespan_seconds = static_cast<double>(end - log.jobs.front().submit);
  if (x.makespan_seconds > 0)
    x.use = work / x.makespan_seconds / log.processors;
}

} // namespace

expected<swf_log, problem>
read_swf(std::string_view text, uint32_t processors) {
  swf_log result;
  result.processors = processors;
  std::vector<std::array<int64_t, fields_max>> lines;
  std::set<int64_t> numbers;
  size_t number = 0;
  for (size_t at = 0; at < text.size(); ++number) {
    auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    at = end + 1;
    auto begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos)
      continue;
    if (line[begin] == ';') {
      if (result.processors == 0)
        result.processors = processors_in(line);
      continue;
    }
    auto fields = read_line(line);
    if (!fields)
      return make_unexpected(
        wrong(number + 1,
              "is no job: it must be 18 numbers, -1 for what is unknown"));
    if (!numbers.insert(fields->front()).second)
      return make_unexpected(
        wrong(number + 1, "names job " + std::to_string(fields->front())
                            + ", which is there already"));
    lines.push_back(*fields);
  }
  if (result.processors == 0)
    return make_unexpected(
      wrong(1, "nobody says how many processors there are; write `; MaxProcs: "
               "128` or give --processors"));
  for (auto& line : lines)
    if (auto job = job_of(line, result.processors))
      result.jobs.push_back(*job);
    else
      ++result.left_out;
  std::stable_sort(result.jobs.begin(), result.jobs.end(),
                   [](auto& a, auto& b) { return a.submit < b.submit; });
  return result;
}

expected<swf_run, problem> play_swf(const swf_log& log, swf_order order) {
  swf_run result;
  switch (order) {
  case swf_order::plain:
    result.name = "in order";
    result.waits = wait_in_order(log);
    break;
  case swf_order::greedy:
  case swf_order::backfill: {
    auto estimated = order == swf_order::backfill;
    result.name = estimated ? "backfilled" : "no estimates";
    auto waits = wait_by_scheduler(log, estimated);
    if (!waits)
      return make_unexpected(std::move(waits.error()));
    result.waits = std::move(*waits);
    break;
  }
  }
  measure(result, log);
  return result;
}

boost::json::value write_swf_run(const swf_run& x) {
  boost::json::object result{{"name", x.name}};
  result["waitSeconds"] = json::write(x.wait_seconds, json::detail::full);
  result["boundedSlowdown"] = x.bounded_slowdown;
  result["makespanSeconds"] = x.makespan_seconds;
  result["use"] = x.use;
  return result;
}

} // namespace troupe::runtime::rehearsal
