#include "messages/job_parts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "messages/cron.hpp"
#include "messages/job_grammar.hpp"
#include "messages/json_enum.hpp"

namespace troupe {

namespace {

using std::chrono::milliseconds;

// Limits of lists: far beyond use, short of harm.
constexpr size_t list_size_max = 1'000;
constexpr size_t ports_max = 64;
constexpr size_t volumes_max = 64;
constexpr size_t env_bytes_max = 128 << 10;
constexpr size_t path_size_max = 4'096;
constexpr int64_t uint32_max = std::numeric_limits<uint32_t>::max();
constexpr int64_t count_max = 1'000'000;
// Sums over a million tasks of a million resources stay far from the end.
constexpr int64_t named_amount_max = 1'000'000'000;
// Fast enough for any service, slow enough for any node.
constexpr milliseconds interval_min{10};

/// Calls `f` with each member of the object at `x`.
template <class F>
void each_member(const json_cursor& x, size_t size_max, F f) {
  auto* object = x.object();
  if (object == nullptr)
    return;
  if (object->size() > size_max)
    x.forbid("has " + std::to_string(object->size()) + " entries; at most "
             + std::to_string(size_max) + " are allowed");
  for (auto& [key, value] : *object)
    f(x.member({key.data(), key.size()}, value));
}

/// Calls `f` with each element of the array at `x`.
template <class F>
void each_element(const json_cursor& x, size_t size_max, F f) {
  auto* array = x.array();
  if (array == nullptr)
    return;
  if (array->size() > size_max)
    x.forbid("has " + std::to_string(array->size()) + " entries; at most "
             + std::to_string(size_max) + " are allowed");
  for (size_t i = 0; i < array->size(); ++i)
    f(x.element(i, (*array)[i]));
}

template <class T>
void set(T& target, std::optional<int64_t> x) {
  if (x)
    target = static_cast<T>(*x);
}

void set(milliseconds& target, std::optional<milliseconds> x) {
  target = x.value_or(target);
}

void read_count(const std::optional<json_cursor>& x, uint32_t& target,
                int64_t min) {
  if (x)
    set(target, x->integer(x->strict() ? min : 0,
                           x->strict() ? count_max : uint32_max));
}

void read_time(const std::optional<json_cursor>& x, milliseconds& target,
               milliseconds min = {}) {
  if (x)
    set(target, x->duration(min));
}

void check_label_name(const json_cursor& x, std::string_view name) {
  if (!is_label_name(name))
    x.forbid(label_name_rule);
}

/// A label's value. What is no string has been reported.
std::optional<std::string> read_label_value(const json_cursor& x) {
  auto result = x.text_or_empty(path_size_max);
  if (result && !is_label_value(*result))
    x.forbid(label_value_rule);
  return result;
}

std::optional<uint16_t> read_port(const json_cursor& x) {
  auto result = x.integer(1, 65'535);
  return result ? std::optional{static_cast<uint16_t>(*result)} : std::nullopt;
}

} // namespace

restart_policy default_restart(job_kind kind) {
  restart_policy result;
  if (kind == job_kind::batch)
    result.attempts = 0;
  return result;
}

void read_env(const json_cursor& x, job_spec& spec) {
  size_t bytes = 0;
  each_member(x, env_bytes_max, [&](const json_cursor& entry) {
    auto name = entry.key();
    if (name.empty() || name.find('=') != std::string_view::npos
        || name.find('\0') != std::string_view::npos) {
      entry.wrong("is not a name of a variable: it must not be empty, nor "
                  "contain \"=\" or NUL");
      return;
    }
    auto value = entry.text_or_empty(16 << 20);
    if (!value)
      return;
    // As the system counts them: `NAME=value` and a NUL.
    bytes += name.size() + value->size() + 2;
    spec.env.emplace_back(name, std::move(*value));
  });
  if (bytes > env_bytes_max)
    x.forbid("takes " + std::to_string(bytes)
             + " bytes; a program can be given at most "
             + std::to_string(env_bytes_max));
  std::sort(spec.env.begin(), spec.env.end());
}

void read_resources(const json_cursor& x, job_spec& spec) {
  static constexpr std::array<std::string_view, 3> own{"cpu", "memory", "gpu"};
  each_member(x, list_size_max, [&](const json_cursor& entry) {
    auto name = entry.key();
    if (std::find(own.begin(), own.end(), name) != own.end())
      entry.forbid("is a key of the job itself; write it beside \"resources\"");
    else if (!is_plain_name(name))
      entry.forbid("is not a name of a resource; it "
                   + std::string{plain_name_rule});
    auto amount
      = entry.integer(0, entry.strict() ? named_amount_max
                                        : std::numeric_limits<int64_t>::max());
    if (amount && *amount > 0)
      spec.request.add(std::string{name}, *amount);
  });
}

label_set read_labels(const json_cursor& x) {
  label_set result;
  each_member(x, list_size_max, [&](const json_cursor& entry) {
    check_label_name(entry, entry.key());
    if (auto value = read_label_value(entry))
      result.push_back({std::string{entry.key()}, std::move(*value)});
  });
  std::sort(result.begin(), result.end());
  return result;
}

void read_requires(const json_cursor& x, job_spec& spec) {
  each_member(x, list_size_max, [&](const json_cursor& entry) {
    check_label_name(entry, entry.key());
    label_requirement rule{std::string{entry.key()}, {}};
    auto add = [&rule](const json_cursor& item) {
      auto value = read_label_value(item);
      if (!value)
        return;
      if (*value == "!")
        item.forbid("must name the value that is excluded, such as \"!x\"");
      rule.values.push_back(std::move(*value));
    };
    if (entry.value().is_string()) {
      add(entry);
    } else if (entry.value().is_array()) {
      if (entry.value().get_array().empty())
        entry.wrong("must hold at least one value; \"*\" stands for any");
      each_element(entry, list_size_max, add);
    } else {
      entry.wrong_type(
        "must be a string such as \"true\", \"*\" or \"!x\", or an "
        "array of them");
    }
    if (!rule.values.empty())
      spec.requirements.push_back(std::move(rule));
  });
  std::sort(spec.requirements.begin(), spec.requirements.end());
}

namespace {

void read_preference(const json_cursor& x, job_spec& spec) {
  static constexpr std::array<std::string_view, 3> keys{"label", "value",
                                                        "weight"};
  json_fields fields{x, keys};
  if (!fields)
    return;
  label_preference result;
  bool whole = true;
  if (auto name = fields.need("label")) {
    auto text = name->text(path_size_max);
    if (text)
      check_label_name(*name, *text);
    result.name = text.value_or("");
    whole = text.has_value();
  } else {
    whole = false;
  }
  auto value = fields.need("value");
  auto text = value ? read_label_value(*value) : std::nullopt;
  result.value = text.value_or("");
  if (auto weight = fields.get("weight")) {
    set(result.weight, weight->integer(-100, 100));
    if (result.weight == 0)
      weight->forbid(
        "must not be 0, which prefers nothing; leave the entry out");
  }
  if (whole && text)
    spec.preferences.push_back(std::move(result));
}

} // namespace

void read_prefers(const json_cursor& x, job_spec& spec) {
  if (x.value().is_array()) {
    each_element(x, list_size_max, [&](const json_cursor& entry) {
      read_preference(entry, spec);
    });
  } else if (x.value().is_object()) {
    for (auto& [name, value] : read_labels(x))
      spec.preferences.push_back({name, value, 100});
  } else {
    x.wrong_type(
      "must be an object such as {\"zone\": \"us-east\"} or an array of "
      "{\"label\", \"value\", \"weight\"}");
  }
  std::sort(spec.preferences.begin(), spec.preferences.end());
}

void read_spread_by(const json_cursor& x, job_spec& spec) {
  auto add = [&spec](const json_cursor& item) {
    auto name = item.text(path_size_max);
    if (!name)
      return;
    check_label_name(item, *name);
    auto& all = spec.spread_by;
    if (std::find(all.begin(), all.end(), *name) != all.end())
      item.forbid("is given twice");
    else
      all.push_back(std::move(*name));
  };
  if (x.value().is_string())
    add(x);
  else if (x.value().is_array())
    each_element(x, list_size_max, add);
  else
    x.wrong_type(
      "must be a label's name such as \"zone\", or an array of them");
}

// -- life ---------------------------------------------------------------------

namespace {

void read_gang_object(const json_cursor& x, gang_request& result) {
  static constexpr std::array<std::string_view, 3> keys{"min", "max", "name"};
  json_fields fields{x, keys};
  if (auto name = fields.get("name")) {
    auto text = name->text(path_size_max);
    if (text && !is_job_name(*text))
      name->forbid(job_name_rule);
    result.name = text.value_or("");
  }
  auto min = fields.get("min");
  auto max = fields.get("max");
  read_count(min, result.min, 1);
  read_count(max, result.max, 1);
  if (max && !min)
    result.min = result.max;
  if (min && max && result.min > result.max && result.max > 0)
    min->forbid("must be at most gang.max, which is "
                + std::to_string(result.max));
}

} // namespace

void read_gang(const json_cursor& x, job_spec& spec) {
  gang_request result;
  if (auto* whole = x.value().if_bool()) {
    if (*whole)
      spec.gang = result;
    return;
  }
  if (x.value().is_string()) {
    auto name = x.text(path_size_max);
    if (name && !is_job_name(*name))
      x.forbid(job_name_rule);
    result.name = name.value_or("");
  } else if (x.value().is_object()) {
    read_gang_object(x, result);
  } else {
    x.wrong_type(
      "must be true, {\"min\": 3, \"max\": 5} or the name of a gang");
  }
  spec.gang = std::move(result);
}

namespace {

void read_http_check(const json_cursor& x, health_check& result) {
  static constexpr std::array<std::string_view, 2> keys{"port", "path"};
  json_fields fields{x, keys};
  if (auto port = fields.need("port"))
    result.port = read_port(*port).value_or(0);
  auto path = fields.get("path");
  if (!path)
    return;
  auto text = path->text(path_size_max);
  if (text
      && (text->front() != '/'
          || !std::all_of(text->begin(), text->end(),
                          [](char c) { return c > ' ' && c < 0x7f; })))
    path->forbid("must begin with \"/\" and hold no spaces; write others as "
                 "\"%20\"");
  result.path = text.value_or("/");
}

void read_tcp_check(const json_cursor& x, health_check& result) {
  static constexpr std::array<std::string_view, 1> keys{"port"};
  json_fields fields{x, keys};
  if (auto port = fields.need("port"))
    result.port = read_port(*port).value_or(0);
}

void read_check_command(const json_cursor& x, health_check& result) {
  result.command = x.texts(env_bytes_max).value_or(result.command);
  if (x.value().is_array()
      && (result.command.empty() || result.command.front().empty()))
    x.forbid("must begin with the program to run");
}

} // namespace

void read_health(const json_cursor& x, job_spec& spec) {
  static constexpr std::array<std::string_view, 7> keys{
    "http", "tcp", "command", "interval", "timeout", "failures", "grace"};
  json_fields fields{x, keys};
  if (!fields)
    return;
  health_check result;
  if (fields.has("http") + fields.has("tcp") + fields.has("command") != 1)
    x.wrong("needs exactly one of \"http\", \"tcp\" and \"command\"");
  if (auto http = fields.get("http")) {
    result.kind = check_kind::http;
    read_http_check(*http, result);
  }
  if (auto tcp = fields.get("tcp")) {
    result.kind = check_kind::tcp;
    read_tcp_check(*tcp, result);
  }
  if (auto command = fields.get("command")) {
    result.kind = check_kind::command;
    read_check_command(*command, result);
  }
  read_time(fields.get("interval"), result.interval, interval_min);
  read_time(fields.get("timeout"), result.timeout, interval_min);
  read_count(fields.get("failures"), result.failures, 1);
  read_time(fields.get("grace"), result.grace);
  spec.health = std::move(result);
}

namespace {

void read_backoff(const json_cursor& x, double& result) {
  constexpr double backoff_max = 100;
  if (x.value().is_number()) {
    auto factor = x.value().to_number<double>();
    // In thousandths, so that the text of it says exactly what it is.
    auto rounded = std::round(factor * 1000) / 1000;
    if (rounded >= 1 && rounded <= backoff_max) {
      result = rounded;
      return;
    }
  }
  x.wrong_type("must be a number from 1 to 100");
}

} // namespace

void read_restart(const json_cursor& x, job_spec& spec) {
  static constexpr std::array<std::string_view, 4> keys{"attempts", "window",
                                                        "delay", "backoff"};
  json_fields fields{x, keys};
  auto& result = spec.restart;
  read_count(fields.get("attempts"), result.attempts, 0);
  read_time(fields.get("window"), result.window, milliseconds{1});
  read_time(fields.get("delay"), result.delay);
  if (auto backoff = fields.get("backoff"))
    read_backoff(*backoff, result.backoff);
}

void read_on_node_loss(const json_cursor& x, job_spec& spec) {
  static constexpr std::array<std::string_view, 1> keys{"replaceAfter"};
  json_fields fields{x, keys};
  if (auto time = fields.get("replaceAfter"))
    spec.replace_after = time->duration();
}

void read_after(const json_cursor& x, job_spec& spec) {
  auto check_name = [](const json_cursor& at, std::string_view name) {
    if (!is_job_name(name))
      at.forbid("is not the name of a job: it " + std::string{job_name_rule});
  };
  if (x.value().is_array()) {
    each_element(x, list_size_max, [&](const json_cursor& item) {
      if (auto name = item.text(path_size_max)) {
        check_name(item, *name);
        spec.after.push_back({std::move(*name), job_outcome::succeeded});
      }
    });
  } else if (x.value().is_object()) {
    each_member(x, list_size_max, [&](const json_cursor& entry) {
      check_name(entry, entry.key());
      if (auto outcome = read_enum<job_outcome>(entry))
        spec.after.push_back({std::string{entry.key()}, *outcome});
    });
  } else {
    x.wrong_type("must be an array of jobs' names, or an object such as "
                 "{\"extract\": \"succeeded\"}");
  }
  auto by_job = [](auto& a, auto& b) { return a.job < b.job; };
  std::stable_sort(spec.after.begin(), spec.after.end(), by_job);
  auto twice = [](auto& a, auto& b) { return a.job == b.job; };
  auto end = std::unique(spec.after.begin(), spec.after.end(), twice);
  spec.after.erase(end, spec.after.end());
}

void read_schedule(const json_cursor& x, job_spec& spec) {
  static constexpr std::array<std::string_view, 3> keys{"cron", "timezone",
                                                        "overlap"};
  json_fields fields{x, keys};
  if (!fields)
    return;
  schedule_rule result;
  if (auto cron = fields.need("cron")) {
    result.cron = cron->text(path_size_max).value_or("");
    if (cron->value().is_string() && !result.cron.empty())
      if (auto fields = read_cron(result.cron); !fields)
        cron->forbid(fields.error());
  }
  if (auto zone = fields.get("timezone")) {
    auto text = zone->text(path_size_max);
    if (text && !is_time_zone_name(*text))
      zone->forbid("must be a name of the time zone database, such as "
                   "\"Europe/Paris\" or \"UTC\"");
    result.timezone = text.value_or(result.timezone);
  }
  if (auto overlap = fields.get("overlap"))
    result.overlap = read_enum<overlap_rule>(*overlap).value_or(result.overlap);
  spec.schedule = std::move(result);
}

void read_cache(const json_cursor& x, job_spec& spec) {
  static constexpr std::array<std::string_view, 2> keys{"ttl", "inputs"};
  constexpr size_t input_size_max = 255;
  if (auto* on = x.value().if_bool()) {
    if (*on)
      spec.cache = cache_rule{};
    return;
  }
  if (!x.value().is_object()) {
    x.wrong_type("must be true, false or an object such as {\"ttl\": \"1h\"}");
    return;
  }
  json_fields fields{x, keys};
  cache_rule result;
  read_time(fields.get("ttl"), result.ttl, milliseconds{1});
  if (auto inputs = fields.get("inputs")) {
    if (inputs->value().is_array()
        && inputs->value().get_array().size() > list_size_max)
      inputs->forbid("has more than " + std::to_string(list_size_max)
                     + " entries");
    result.inputs = inputs->texts(input_size_max).value_or(result.inputs);
  }
  spec.cache = std::move(result);
}

// -- surroundings -------------------------------------------------------------

namespace {

std::optional<port_request> read_port_request(const json_cursor& x) {
  static constexpr std::array<std::string_view, 2> keys{"container", "host"};
  port_request result{std::string{x.key()}, 0, 0};
  if (!x.value().is_object()) {
    auto port = x.value().is_number() ? read_port(x) : std::nullopt;
    if (!x.value().is_number())
      x.wrong_type("must be a port from 1 to 65535, or an object such as "
                   "{\"container\": 80, \"host\": 8080}");
    result.container = port.value_or(0);
    return port ? std::optional{result} : std::nullopt;
  }
  json_fields fields{x, keys};
  auto container = fields.need("container");
  auto port = container ? read_port(*container) : std::nullopt;
  result.container = port.value_or(0);
  if (auto host = fields.get("host"))
    result.host = read_port(*host).value_or(0);
  return port ? std::optional{result} : std::nullopt;
}

} // namespace

void read_ports(const json_cursor& x, job_spec& spec) {
  auto& all = spec.ports;
  each_member(x, ports_max, [&](const json_cursor& entry) {
    if (!is_plain_name(entry.key()))
      entry.forbid("is not a name of a port: it "
                   + std::string{plain_name_rule});
    auto port = read_port_request(entry);
    if (!port)
      return;
    auto taken = std::find_if(all.begin(), all.end(), [&](auto& other) {
      return port->host != 0 && other.host == port->host;
    });
    if (taken != all.end())
      entry.forbid("asks for the host port " + std::to_string(port->host)
                   + ", which the port " + quoted(taken->name)
                   + " asks for already");
    all.push_back(std::move(*port));
  });
  std::sort(all.begin(), all.end(),
            [](auto& a, auto& b) { return a.name < b.name; });
}

namespace {

std::string read_mount_path(const std::optional<json_cursor>& x) {
  auto text = x ? x->text(path_size_max) : std::nullopt;
  if (text && !is_mount_path(*text))
    x->forbid("must be an absolute path without \"..\" and \":\", such as "
              "\"/data\"");
  return text.value_or("");
}

} // namespace

void read_volumes(const json_cursor& x, job_spec& spec) {
  static constexpr std::array<std::string_view, 3> keys{"host", "path",
                                                        "readOnly"};
  auto& all = spec.volumes;
  each_element(x, volumes_max, [&](const json_cursor& entry) {
    json_fields fields{entry, keys};
    if (!fields)
      return;
    volume_mount result;
    result.host = read_mount_path(fields.need("host"));
    auto path = fields.need("path");
    result.path = read_mount_path(path);
    if (result.path.find_first_not_of('/') == std::string::npos
        && !result.path.empty())
      path->forbid("must not be \"/\", where the image itself is");
    auto same = [&](auto& other) { return other.path == result.path; };
    if (!result.path.empty() && std::any_of(all.begin(), all.end(), same))
      path->forbid("is mounted twice");
    if (auto read_only = fields.get("readOnly"))
      result.read_only = read_only->boolean().value_or(false);
    all.push_back(std::move(result));
  });
}

void read_update(const json_cursor& x, job_spec& spec) {
  static constexpr std::array<std::string_view, 4> keys{
    "maxUnavailable", "maxSurge", "minHealthy", "rollback"};
  json_fields fields{x, keys};
  auto& result = spec.update;
  read_count(fields.get("maxUnavailable"), result.max_unavailable, 0);
  read_count(fields.get("maxSurge"), result.max_surge, 0);
  if (result.max_unavailable == 0 && result.max_surge == 0)
    x.forbid("needs \"maxUnavailable\" or \"maxSurge\" above 0, or no task can "
             "ever be replaced");
  read_time(fields.get("minHealthy"), result.min_healthy);
  if (auto rollback = fields.get("rollback"))
    result.rollback = rollback->boolean().value_or(result.rollback);
}

void read_simulate(const json_cursor& x, job_spec& spec) {
  static constexpr std::array<std::string_view, 2> keys{"duration", "exitCode"};
  json_fields fields{x, keys};
  read_time(fields.get("duration"), spec.simulate.duration);
  if (auto code = fields.get("exitCode"))
    set(spec.simulate.exit_code, code->integer(0, 255));
}

} // namespace troupe
