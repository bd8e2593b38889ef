#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "messages/job.hpp"
#include "messages/job_parts.hpp"
#include "messages/json_enum.hpp"
#include "messages/quantity.hpp"

namespace troupe {

namespace json = boost::json;

namespace {

json::string_view text(std::string_view x) {
  return {x.data(), x.size()};
}

json::value time(milliseconds x) {
  return json::value(duration_text(x));
}

template <class Enum>
json::value name_of(Enum x) {
  return json::value(text(enum_name(x)));
}

/// A number of things that is kept in thousandths.
json::value number(int64_t millis) {
  if (millis % 1000 == 0)
    return millis / 1000;
  return static_cast<double>(millis) / 1000;
}

template <class Range, class F>
json::array array_of(const Range& xs, F f) {
  json::array result;
  result.reserve(xs.size());
  for (auto& x : xs)
    result.push_back(f(x));
  return result;
}

json::array write_texts(const std::vector<std::string>& xs) {
  return array_of(xs, [](auto& x) { return json::value(text(x)); });
}

json::object write_labels(const label_set& xs) {
  json::object result;
  for (auto& [name, value] : xs)
    result[name] = value;
  return result;
}

json::object write_requirements(const std::vector<label_requirement>& xs) {
  json::object result;
  for (auto& [name, values] : xs) {
    if (values.size() == 1)
      result[name] = values.front();
    else
      result[name] = write_texts(values);
  }
  return result;
}

json::array write_preferences(const std::vector<label_preference>& xs) {
  return array_of(xs, [](auto& x) {
    return json::object{
      {"label", x.name}, {"value", x.value}, {"weight", x.weight}};
  });
}

json::value write_gang(const gang_request& x) {
  if (x.min == 0 && x.max == 0)
    return x.name.empty() ? json::value(true) : json::value(text(x.name));
  json::object result;
  if (x.min != 0)
    result["min"] = x.min;
  if (x.max != 0)
    result["max"] = x.max;
  if (!x.name.empty())
    result["name"] = x.name;
  return result;
}

json::object write_health(const health_check& x) {
  json::object result;
  switch (x.kind) {
  case check_kind::http:
    result["http"] = json::object{{"port", x.port}, {"path", x.path}};
    break;
  case check_kind::tcp:
    result["tcp"] = json::object{{"port", x.port}};
    break;
  case check_kind::command:
    result["command"] = write_texts(x.command);
    break;
  }
  result["interval"] = time(x.interval);
  result["timeout"] = time(x.timeout);
  result["failures"] = x.failures;
  result["grace"] = time(x.grace);
  return result;
}

json::object write_restart(const restart_policy& x) {
  return {{"attempts", x.attempts},
          {"window", time(x.window)},
          {"delay", time(x.delay)},
          {"backoff", x.backoff}};
}

json::object write_dependencies(const std::vector<job_dependency>& xs) {
  json::object result;
  for (auto& [job, outcome] : xs)
    result[job] = name_of(outcome);
  return result;
}

json::object write_schedule(const schedule_rule& x) {
  return {{"cron", x.cron},
          {"timezone", x.timezone},
          {"overlap", name_of(x.overlap)}};
}

json::value write_cache(const cache_rule& x) {
  if (x == cache_rule{})
    return true;
  json::object result;
  if (x.ttl != cache_rule{}.ttl)
    result["ttl"] = time(x.ttl);
  if (!x.inputs.empty())
    result["inputs"] = write_texts(x.inputs);
  return result;
}

json::object write_ports(const std::vector<port_request>& xs) {
  json::object result;
  for (auto& [name, container, host] : xs) {
    if (host == 0)
      result[name] = container;
    else
      result[name] = json::object{{"container", container}, {"host", host}};
  }
  return result;
}

json::array write_volumes(const std::vector<volume_mount>& xs) {
  return array_of(xs, [](auto& x) {
    json::object result{{"host", x.host}, {"path", x.path}};
    if (x.read_only)
      result["readOnly"] = true;
    return result;
  });
}

json::object write_update(const update_rule& x) {
  return {{"maxUnavailable", x.max_unavailable},
          {"maxSurge", x.max_surge},
          {"minHealthy", time(x.min_healthy)},
          {"rollback", x.rollback}};
}

json::object write_simulation(const simulation& x) {
  return {{"duration", time(x.duration)}, {"exitCode", x.exit_code}};
}

// -- groups of keys, in the order of the reference ----------------------------

void write_program(const job_spec& x, json::object& to) {
  to["name"] = x.name;
  to["kind"] = name_of(x.kind);
  to["driver"] = name_of(x.driver);
  if (!x.image.empty())
    to["image"] = x.image;
  if (!x.command.empty())
    to["command"] = write_texts(x.command);
  if (!x.args.empty())
    to["args"] = write_texts(x.args);
  if (!x.env.empty()) {
    json::object env;
    for (auto& [name, value] : x.env)
      env[name] = value;
    to["env"] = std::move(env);
  }
  if (!x.workdir.empty())
    to["workdir"] = x.workdir;
  if (!x.user.empty())
    to["user"] = x.user;
}

void write_amounts(const job_spec& x, json::object& to) {
  to["cpu"] = number(x.request.cpu_millicores);
  to["memory"] = x.request.memory_bytes;
  if (x.cpu_limit_millicores != 0)
    to["cpuLimit"] = number(x.cpu_limit_millicores);
  if (x.memory_limit_bytes != 0)
    to["memoryLimit"] = x.memory_limit_bytes;
  if (auto gpu = x.request.gpu_millis; gpu != 0)
    to["gpu"] = gpu % 1000 == 0 ? json::value(gpu / 1000)
                                : json::value(std::to_string(gpu) + 'm');
  if (!x.request.named.empty()) {
    json::object named;
    for (auto& [name, amount] : x.request.named)
      named[name] = amount;
    to["resources"] = std::move(named);
  }
  to["count"] = x.count;
  to["priority"] = x.priority;
}

void write_rules(const job_spec& x, json::object& to) {
  if (!x.strategy.empty())
    to["strategy"] = x.strategy;
  if (!x.labels.empty())
    to["labels"] = write_labels(x.labels);
  if (!x.requirements.empty())
    to["requires"] = write_requirements(x.requirements);
  if (!x.preferences.empty())
    to["prefers"] = write_preferences(x.preferences);
  if (!x.avoid_colocating.empty())
    to["avoidColocating"] = write_labels(x.avoid_colocating);
  if (!x.colocate_with.empty())
    to["colocateWith"] = write_labels(x.colocate_with);
  if (!x.spread_by.empty())
    to["spreadBy"] = write_texts(x.spread_by);
  if (x.exclusive)
    to["exclusive"] = true;
  if (x.gang)
    to["gang"] = write_gang(*x.gang);
}

void write_life(const job_spec& x, json::object& to) {
  static const job_spec defaults;
  if (x.health)
    to["health"] = write_health(*x.health);
  if (x.restart != default_restart(x.kind))
    to["restart"] = write_restart(x.restart);
  if (x.retries != 0)
    to["retries"] = x.retries;
  if (x.timeout.count() != 0)
    to["timeout"] = time(x.timeout);
  if (x.expected_runtime.count() != 0)
    to["expectedRuntime"] = time(x.expected_runtime);
  if (x.stop_signal != defaults.stop_signal)
    to["stopSignal"] = x.stop_signal;
  if (x.stop_grace != defaults.stop_grace)
    to["stopGrace"] = time(x.stop_grace);
  if (x.replace_after)
    to["onNodeLoss"] = json::object{{"replaceAfter", time(*x.replace_after)}};
  if (!x.after.empty())
    to["after"] = write_dependencies(x.after);
  if (x.schedule)
    to["schedule"] = write_schedule(*x.schedule);
  if (x.cache)
    to["cache"] = write_cache(*x.cache);
}

void write_surroundings(const job_spec& x, json::object& to) {
  static const job_spec defaults;
  if (!x.ports.empty())
    to["ports"] = write_ports(x.ports);
  if (!x.volumes.empty())
    to["volumes"] = write_volumes(x.volumes);
  if (x.update != defaults.update)
    to["update"] = write_update(x.update);
  if (x.scheduler != defaults.scheduler)
    to["scheduler"] = x.scheduler;
  if (!x.priority_class.empty())
    to["priorityClass"] = x.priority_class;
  if (x.simulate != defaults.simulate)
    to["simulate"] = write_simulation(x.simulate);
}

} // namespace

json::value write_job(const job_spec& x) {
  json::object result;
  write_program(x, result);
  write_amounts(x, result);
  write_rules(x, result);
  write_life(x, result);
  write_surroundings(x, result);
  return result;
}

} // namespace troupe
