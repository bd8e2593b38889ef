#include "runtime/api/bodies.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "messages/job_grammar.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/placement/policy.hpp"

namespace troupe::runtime::api {

namespace {

using names = std::span<const std::string_view>;

constexpr size_t text_size_max = 255;
// Beyond any machine, and exact in JSON whoever reads it.
constexpr int64_t amount_max = int64_t{1} << 53;
constexpr int64_t millis_max = 1'000'000'000;
constexpr size_t message_size_max = 1'024;
constexpr size_t command_size_max = 128 << 10;
constexpr uint32_t count_max = 1'000'000;
constexpr int64_t priority_max = 1'000'000;

template <class T, class U>
void set(T& target, std::optional<U> x) {
  if (x)
    target = static_cast<T>(std::move(*x));
}

/// Calls `f` with a cursor on the body, and takes its problems over.
template <class F>
void read_body(reading& x, std::string_view name, F f) {
  auto* value = x.body();
  if (value == nullptr)
    return;
  json_reading problems;
  f(json_cursor{*value, problems, name});
  x.add(std::move(problems.problems));
}

std::optional<double> number(const json_cursor& x, double min, double max) {
  auto& value = x.value();
  if (value.is_number()) {
    auto result = value.to_number<double>();
    if (std::isfinite(result) && result >= min && result <= max)
      return result;
  }
  auto text = [](double y) {
    auto whole = std::to_string(y);
    whole.erase(whole.find_last_not_of('0') + 1);
    if (whole.back() == '.')
      whole.pop_back();
    return whole;
  };
  x.wrong_type("must be a number from " + text(min) + " to " + text(max));
  return std::nullopt;
}

// -- amounts ------------------------------------------------------------------

void read_named(const json_cursor& x, std::string_view name, resources& to) {
  if (!is_plain_name(name))
    x.forbid("is not a name of a resource: it " + std::string{plain_name_rule});
  else if (auto amount = x.integer(0, amount_max);
           amount && to.amount_of(std::string{name}) == 0)
    to.add(std::string{name}, *amount);
}

void read_named_all(const json_cursor& x, resources& to) {
  if (auto* object = x.object())
    for (auto& [key, value] : *object)
      read_named(x.member(key, value), key, to);
}

/// Reads `{"cpu": 4, "memory": "8GiB", "gpu": 1, "license-x": 2}`.
resources read_amounts(const json_cursor& x) {
  resources result;
  auto* object = x.object();
  if (object == nullptr)
    return result;
  for (auto& [key, value] : *object) {
    auto member = x.member(key, value);
    if (key == "cpu")
      set(result.cpu_millicores, member.millis(millis_max));
    else if (key == "memory")
      set(result.memory_bytes, member.bytes(amount_max));
    else if (key == "gpu")
      set(result.gpu_millis, member.millis(millis_max));
    else if (key == "resources")
      read_named_all(member, result);
    else
      read_named(member, key, result);
  }
  return result;
}

resources read_capacity(const json_cursor& x) {
  auto result = read_amounts(x);
  if (result.gpu_millis % 1000 != 0)
    x.member("gpu", x.value().at("gpu")).forbid("must be whole devices");
  return result;
}

// -- labels -------------------------------------------------------------------

/// Reads labels; with `removable`, null stands for a label that is to go.
label_set read_node_labels(const json_cursor& x, bool removable) {
  label_set result;
  auto* object = x.object();
  if (object == nullptr)
    return result;
  for (auto& [key, value] : *object) {
    auto member = x.member(key, value);
    std::string_view name{key.data(), key.size()};
    if (!is_label_name(name))
      member.forbid(label_name_rule);
    else if (name.starts_with("troupe."))
      member.forbid("is kept for troupe itself: choose another name");
    else if (removable && value.is_null())
      result.push_back({std::string{name}, {}});
    else if (auto text = member.text(text_size_max)) {
      if (!is_label_value(*text))
        member.forbid(label_value_rule);
      result.push_back({std::string{name}, std::move(*text)});
    }
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::map<std::string, double> read_weights(const json_cursor& x) {
  std::map<std::string, double> result;
  if (auto* object = x.object())
    for (auto& [key, value] : *object)
      if (auto weight = number(x.member(key, value), 0.001, 1'000'000))
        result[std::string{key}] = *weight;
  return result;
}

/// Whole numbers by name.
template <class T>
std::map<std::string, T>
read_counts(const json_cursor& x, int64_t least, int64_t most) {
  std::map<std::string, T> result;
  if (auto* object = x.object())
    for (auto& [key, value] : *object)
      if (auto y = x.member(key, value).integer(least, most))
        result[std::string{key}] = static_cast<T>(*y);
  return result;
}

std::vector<std::string> read_drivers(const json_cursor& x) {
  auto result = x.texts(text_size_max).value_or(std::vector<std::string>{});
  for (size_t i = 0; i < result.size(); ++i)
    if (!json::enum_called<driver_kind>(result[i])) {
      auto known = json::names_of<driver_kind>();
      std::vector<std::string_view> words{known.begin(), known.end()};
      x.element(i, x.value().at(i)).wrong_type("must be " + one_of(words));
    }
  return result;
}

// -- reports ------------------------------------------------------------------

/// The level of a log.
std::optional<std::string> read_level(const json_cursor& x) {
  static constexpr auto known = std::to_array<std::string_view>(
    {"trace", "debug", "info", "warn", "error", "off"});
  if (auto* text = x.value().if_string())
    if (std::find(known.begin(), known.end(), std::string_view{*text})
        != known.end())
      return std::string{std::string_view{*text}};
  x.wrong_type("must be " + one_of(known));
  return std::nullopt;
}

template <json::described_enum E>
std::optional<E>
read_one_of(const json_cursor& x, const std::vector<std::string>& known) {
  if (auto* text = x.value().if_string())
    if (std::find(known.begin(), known.end(), std::string_view{*text})
        != known.end())
      return json::enum_called<E>(*text);
  std::vector<std::string_view> words{known.begin(), known.end()};
  x.wrong_type("must be " + one_of(words));
  return std::nullopt;
}

std::optional<task_ref> read_task(const json_cursor& x) {
  auto text = x.text(text_size_max);
  if (!text)
    return std::nullopt;
  auto result = task_ref::parse(*text);
  if (result && is_job_name(result->job))
    return result;
  x.wrong_type("must be a job and an index, as in \"web.0\"");
  return std::nullopt;
}

/// Cuts `x` to what a report may say, between two characters.
void cut(std::string& x) {
  if (x.size() <= message_size_max)
    return;
  auto end = message_size_max;
  while (end > 0 && (static_cast<unsigned char>(x[end]) & 0xC0) == 0x80)
    --end;
  x.resize(end);
}

task_report read_report(const json_cursor& x) {
  static constexpr auto known = std::to_array<std::string_view>(
    {"task", "attempt", "allocation", "sequence", "state", "health", "reason",
     "message", "exitCode", "at", "restarts", "imageDigest"});
  static const std::vector<std::string> states{
    "placed", "starting", "running", "succeeded", "failed", "stopped", "lost"};
  constexpr auto most = std::numeric_limits<uint32_t>::max();
  task_report result;
  json_fields fields{x, known};
  if (!fields)
    return result;
  if (auto y = fields.need("task"))
    set(result.task, read_task(*y));
  // A worker may know an allocation by its number or by task and attempt.
  if (auto y = fields.get("allocation"))
    set(result.allocation.value, y->integer(1, amount_max));
  if (auto y = fields.has("allocation") ? fields.get("attempt")
                                        : fields.need("attempt"))
    set(result.attempt, y->integer(1, most));
  if (auto y = fields.get("sequence"))
    set(result.sequence, y->integer(0, amount_max));
  if (auto y = fields.need("state"))
    set(result.state, read_one_of<task_state>(*y, states));
  if (auto y = fields.get("health"))
    set(result.health,
        read_one_of<task_health>(*y, json::names_of<task_health>()));
  if (auto y = fields.get("reason"))
    set(result.why, read_one_of<reason>(*y, json::names_of<reason>()));
  if (auto y = fields.get("message"))
    set(result.message, y->text_or_empty(1 << 20));
  if (auto y = fields.get("exitCode"))
    if (auto code = y->integer(std::numeric_limits<int32_t>::min(),
                               std::numeric_limits<int32_t>::max()))
      result.exit_code = static_cast<int32_t>(*code);
  // Of interest to the worker alone: the controller has a clock of its own.
  if (auto y = fields.get("at"))
    set(result.at, read_timestamp(y->text(text_size_max).value_or("")));
  if (auto y = fields.get("restarts"))
    set(result.restarts, y->boolean());
  if (auto y = fields.get("imageDigest"))
    set(result.image_digest, y->text_or_empty(text_size_max));
  cut(result.message);
  if (result.state == task_state::failed && result.why == reason::none)
    result.why = result.exit_code ? reason::exit_code : reason::driver_error;
  return result;
}

task_usage read_usage(const json_cursor& x) {
  static constexpr auto known = std::to_array<std::string_view>(
    {"allocation", "cpuSeconds", "memoryBytes"});
  task_usage result;
  json_fields fields{x, known};
  if (!fields)
    return result;
  if (auto y = fields.need("allocation"))
    set(result.allocation.value, y->integer(1, amount_max));
  if (auto y = fields.get("cpuSeconds"))
    set(result.cpu_seconds, number(*y, 0, 1e12));
  if (auto y = fields.get("memoryBytes"))
    set(result.memory_bytes, y->bytes(amount_max));
  return result;
}

} // namespace

node_profile read_profile(reading& x) {
  static constexpr auto known
    = std::to_array<std::string_view>({"name", "capacity", "labels", "version",
                                       "address", "drivers", "protocol"});
  node_profile result;
  read_body(x, "the node", [&](const json_cursor& at) {
    json_fields fields{at, known};
    if (!fields)
      return;
    if (auto y = fields.need("name")) {
      set(result.name, y->text(text_size_max));
      if (!result.name.empty() && !is_node_name(result.name))
        y->forbid("must be 1 to 63 letters, digits, \"-\", \"_\" and \".\", "
                  "beginning and ending with a letter or digit");
    }
    if (auto y = fields.need("capacity"))
      result.capacity = read_capacity(*y);
    if (auto y = fields.get("labels"))
      result.labels = read_node_labels(*y, false);
    if (auto y = fields.get("version"))
      set(result.version, y->text_or_empty(text_size_max));
    if (auto y = fields.get("address"))
      set(result.http_address, y->text_or_empty(text_size_max));
    if (auto y = fields.get("drivers"))
      result.drivers = read_drivers(*y);
    if (auto y = fields.get("protocol"))
      set(result.protocol, y->integer(1, std::numeric_limits<uint32_t>::max()));
  });
  return result;
}

change_node read_node_change(reading& x, std::string node) {
  static constexpr auto known
    = std::to_array<std::string_view>({"labels", "weight", "overcommit"});
  change_node result;
  result.node = std::move(node);
  read_body(x, "the change", [&](const json_cursor& at) {
    json_fields fields{at, known};
    if (!fields)
      return;
    if (auto y = fields.get("labels"))
      result.labels = read_label_changes(*y);
    if (auto y = fields.get("weight"))
      result.weight = number(*y, 0.001, 1'000);
    if (auto y = fields.get("overcommit"))
      result.overcommit = number(*y, 1, 100);
  });
  return result;
}

label_set read_label_changes(const json_cursor& x) {
  return read_node_labels(x, true);
}

drain_node read_drain(reading& x, std::string node) {
  static constexpr auto known = std::to_array<std::string_view>({"deadline"});
  drain_node result;
  result.node = std::move(node);
  if (x.request().body.find_first_not_of(" \t\r\n") == std::string::npos)
    return result;
  read_body(x, "the drain", [&](const json_cursor& at) {
    if (json_fields fields{at, known}; fields)
      if (auto y = fields.get("deadline"))
        set(result.patience, y->duration());
  });
  return result;
}

uint32_t read_scale(reading& x) {
  static constexpr auto known = std::to_array<std::string_view>({"count"});
  uint32_t result = 0;
  read_body(x, "the change", [&](const json_cursor& at) {
    if (json_fields fields{at, known}; fields)
      if (auto y = fields.need("count"))
        set(result, y->integer(0, count_max));
  });
  return result;
}

/// Adds what whoever decides would say of `x`, which is not asked once the form is
/// wrong. A cluster with nothing in it has the same rules.
void add_refusals(json_reading& to, const change_settings& x) {
  cluster nobodys;
  auto names = placement::policy_names();
  nobodys.set_policies({names.begin(), names.end()});
  auto answer = nobodys.decide(x, {});
  if (answer)
    return;
  for (auto& each : answer.error().problems)
    to.add(std::move(each.pointer), std::move(each.detail));
}

settings_call read_settings(reading& x) {
  settings_call result;
  read_body(x, "the settings", [&](const json_cursor& at) {
    result.what = read_settings(at);
    if (auto* object = at.value().if_object())
      if (auto* level = object->if_contains("logLevel"))
        result.log_level = read_level(at.member("logLevel", *level));
    if (!at.reading().problems.empty())
      add_refusals(at.reading(), result.what);
  });
  return result;
}

change_settings read_settings(const json_cursor& x) {
  static constexpr auto known = std::to_array<std::string_view>(
    {"strategy", "queueOrder", "fairBy", "fairWeights", "overcommit",
     "priorityClasses", "concurrency", "shadow", "cacheEntries", "batchSize",
     "logLevel"});
  change_settings result;
  json_fields fields{x, known};
  if (!fields)
    return result;
  if (auto y = fields.get("strategy"))
    result.strategy = y->text(text_size_max);
  if (auto y = fields.get("queueOrder"))
    result.queue_order = y->text(text_size_max);
  if (auto y = fields.get("fairBy"))
    result.fair_by = y->text_or_empty(text_size_max);
  if (auto y = fields.get("fairWeights"))
    result.fair_weights = read_weights(*y);
  if (auto y = fields.get("overcommit"))
    result.overcommit = number(*y, 1, 100);
  if (auto y = fields.get("priorityClasses"))
    result.priority_classes
      = read_counts<int32_t>(*y, -priority_max, priority_max);
  if (auto y = fields.get("concurrency"))
    result.concurrency = read_counts<uint32_t>(*y, 0, count_max);
  if (auto y = fields.get("shadow"))
    result.shadow = y->text_or_empty(text_size_max);
  if (auto y = fields.get("cacheEntries"))
    if (auto entries = y->integer(1, std::numeric_limits<uint32_t>::max()))
      result.cache_entries = static_cast<uint32_t>(*entries);
  if (auto y = fields.get("batchSize"))
    if (auto size = y->integer(1, std::numeric_limits<uint32_t>::max()))
      result.batch_size = static_cast<uint32_t>(*size);
  return result;
}

node_reports read_reports(reading& x, std::string node) {
  static constexpr auto known
    = std::to_array<std::string_view>({"reports", "acknowledged"});
  node_reports result;
  result.what.node = std::move(node);
  read_body(x, "the document", [&](const json_cursor& at) {
    json_fields fields{at, known};
    if (!fields)
      return;
    if (auto y = fields.get("acknowledged"))
      set(result.acknowledged, y->integer(0, amount_max));
    if (auto y = fields.get("reports"))
      if (auto* items = y->array())
        for (size_t i = 0; i < items->size(); ++i)
          result.what.reports.push_back(
            read_report(y->element(i, (*items)[i])));
  });
  return result;
}

heartbeat read_heartbeat(reading& x, std::string node) {
  static constexpr auto known
    = std::to_array<std::string_view>({"used", "tasks"});
  heartbeat result;
  result.node = std::move(node);
  if (x.request().body.find_first_not_of(" \t\r\n") == std::string::npos)
    return result;
  read_body(x, "the heartbeat", [&](const json_cursor& at) {
    json_fields fields{at, known};
    if (!fields)
      return;
    if (auto y = fields.get("used"))
      result.used = read_amounts(*y);
    if (auto y = fields.get("tasks"))
      if (auto* items = y->array())
        for (size_t i = 0; i < items->size(); ++i)
          result.tasks.push_back(read_usage(y->element(i, (*items)[i])));
  });
  return result;
}

std::vector<std::string> read_command(reading& x) {
  static constexpr auto known = std::to_array<std::string_view>({"command"});
  std::vector<std::string> result;
  read_body(x, "the document", [&](const json_cursor& at) {
    json_fields fields{at, known};
    if (!fields)
      return;
    auto y = fields.need("command");
    if (!y)
      return;
    set(result, y->texts(command_size_max));
    if (y->value().is_array() && (result.empty() || result.front().empty()))
      y->wrong("must begin with the program to run");
  });
  return result;
}

resources read_node_capacity(const json_cursor& x) {
  return read_capacity(x);
}

label_set read_labels_of_node(const json_cursor& x) {
  return read_node_labels(x, false);
}

} // namespace troupe::runtime::api
