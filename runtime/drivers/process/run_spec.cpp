#include "runtime/drivers/process/run_spec.hpp"

#include <algorithm>

#include "runtime/drivers/process/lenient_json.hpp"

namespace troupe::runtime::process {

namespace json = boost::json;

namespace {

constexpr std::pair<run_ending, std::string_view> ending_names[] = {
  {run_ending::exited, "exited"},
  {run_ending::signaled, "signaled"},
  {run_ending::start_failed, "startFailed"},
  {run_ending::withdrawn, "withdrawn"},
  {run_ending::lost, "lost"},
};

std::string_view name_of(run_ending ending) {
  for (auto& [value, name] : ending_names)
    if (value == ending)
      return name;
  return "lost";
}

// An unknown ending must not pass for a success.
run_ending ending_named(std::string_view wanted) {
  for (auto& [value, name] : ending_names)
    if (name == wanted)
      return value;
  return run_ending::lost;
}

wall_time time_or_zero(const json::object& from, std::string_view key) {
  return wall_time{std::chrono::milliseconds{number_or<int64_t>(from, key, 0)}};
}

json::array strings(const std::vector<std::string>& from) {
  auto result = json::array{};
  result.reserve(from.size());
  for (auto& x : from)
    result.emplace_back(x);
  return result;
}

// The environment is a list, not an object: its order and doubles are kept.
json::array pairs(const std::vector<std::pair<std::string, std::string>>& xs) {
  auto result = json::array{};
  result.reserve(xs.size());
  for (auto& [name, value] : xs)
    result.emplace_back(json::array{name, value});
  return result;
}

std::string text_of(const json::value& x) {
  if (!x.is_string())
    return {};
  return {x.get_string().data(), x.get_string().size()};
}

void read_argv(const json::object& from, run_spec& into) {
  if (auto* xs = from.if_contains("argv"); xs && xs->is_array())
    for (auto& x : xs->get_array())
      into.argv.push_back(text_of(x));
}

void read_env(const json::object& from, run_spec& into) {
  auto* xs = from.if_contains("env");
  if (!xs || !xs->is_array())
    return;
  for (auto& x : xs->get_array())
    if (x.is_array() && x.get_array().size() == 2)
      into.env.emplace_back(text_of(x.get_array()[0]),
                            text_of(x.get_array()[1]));
}

} // namespace

wall_time wall_now() {
  return std::chrono::floor<std::chrono::milliseconds>(
    std::chrono::system_clock::now());
}

std::string to_json(const run_spec& x) {
  return json::serialize(json::object{
    {"allocation", x.allocation.value},
    {"task", x.task},
    {"attempt", x.attempt},
    {"argv", strings(x.argv)},
    {"env", pairs(x.env)},
    {"workdir", x.workdir},
    {"user", x.user},
    {"cpuMillicoresReserved", x.cpu_millicores_reserved},
    {"cpuMillicoresLimit", x.cpu_millicores_limit},
    {"memoryBytesLimit", x.memory_bytes_limit},
    {"logBytesPerFile", x.logs.bytes_per_file},
    {"logFilesPerStream", x.logs.files_per_stream},
    {"stopSignal", x.stop_signal},
    {"stopGraceMs", x.stop_grace.count()},
    {"syncEnding", x.ending_survives == durability::power_cut},
    {"controlGroup", x.control_group},
  });
}

expected<run_spec, std::string> run_spec_from_json(std::string_view text) {
  auto from = parse_object(text);
  if (!from)
    return make_unexpected(from.error());
  auto x = run_spec{};
  x.allocation.value = number_or(*from, "allocation", x.allocation.value);
  x.task = text_or(*from, "task", x.task);
  x.attempt = number_or(*from, "attempt", x.attempt);
  read_argv(*from, x);
  read_env(*from, x);
  x.workdir = text_or(*from, "workdir", x.workdir);
  x.user = text_or(*from, "user", x.user);
  x.cpu_millicores_reserved
    = number_or(*from, "cpuMillicoresReserved", x.cpu_millicores_reserved);
  x.cpu_millicores_limit
    = number_or(*from, "cpuMillicoresLimit", x.cpu_millicores_limit);
  x.memory_bytes_limit
    = number_or(*from, "memoryBytesLimit", x.memory_bytes_limit);
  x.logs.bytes_per_file
    = number_or(*from, "logBytesPerFile", x.logs.bytes_per_file);
  x.logs.files_per_stream
    = number_or(*from, "logFilesPerStream", x.logs.files_per_stream);
  x.stop_signal = number_or(*from, "stopSignal", x.stop_signal);
  x.stop_grace = std::chrono::milliseconds{
    number_or<int64_t>(*from, "stopGraceMs", x.stop_grace.count())};
  x.ending_survives = flag_or(*from, "syncEnding", false)
                        ? durability::power_cut
                        : durability::process;
  x.control_group = text_or(*from, "controlGroup", x.control_group);
  return x;
}

std::string to_json(const run_exit& x) {
  auto name = name_of(x.ending);
  return json::serialize(json::object{
    {"ending", json::string_view{name.data(), name.size()}},
    {"code", x.code},
    {"outOfMemory", x.out_of_memory},
    {"message", x.message},
    {"pid", x.pid},
    {"startedAt", x.started_at.time_since_epoch().count()},
    {"endedAt", x.ended_at.time_since_epoch().count()},
    {"memoryBytesPeak", x.memory_bytes_peak},
    {"cpuSeconds", x.cpu_seconds},
  });
}

expected<run_exit, std::string> run_exit_from_json(std::string_view text) {
  auto from = parse_object(text);
  if (!from)
    return make_unexpected(from.error());
  auto x = run_exit{};
  x.ending = ending_named(text_or(*from, "ending", "lost"));
  // No code, no success.
  x.code = number_or(*from, "code", -1);
  if (x.code < 0)
    x.ending = run_ending::lost;
  x.code = std::max(x.code, 0);
  x.out_of_memory = flag_or(*from, "outOfMemory", false);
  x.message = text_or(*from, "message", "");
  x.pid = number_or(*from, "pid", x.pid);
  x.started_at = time_or_zero(*from, "startedAt");
  x.ended_at = time_or_zero(*from, "endedAt");
  x.memory_bytes_peak = number_or(*from, "memoryBytesPeak", int64_t{0});
  x.cpu_seconds = number_or(*from, "cpuSeconds", 0.0);
  return x;
}

} // namespace troupe::runtime::process
