// `POST /v1/plan`: `{"change": {"drainNode": "n1"}}`, or without the wrapping.

#include <algorithm>
#include <array>

#include "runtime/api/bodies.hpp"
#include "runtime/api/handlers.hpp"

namespace troupe::runtime::api {

namespace {

constexpr size_t name_size_max = 255;
constexpr int64_t nodes_max = 10'000;
constexpr int64_t tasks_max = 1'000'000;
constexpr int64_t priority_max = 1'000'000;

/// Calls `f` for the value, or for each one if it is an array.
template <class F>
void each(const json_cursor& x, F f) {
  if (!x.value().is_array())
    return f(x);
  auto& items = x.value().get_array();
  for (size_t i = 0; i < items.size(); ++i)
    f(x.element(i, items[i]));
}

std::vector<std::string> read_names(const json_cursor& x) {
  std::vector<std::string> result;
  each(x, [&](const json_cursor& y) {
    if (auto name = y.text(name_size_max))
      result.push_back(std::move(*name));
  });
  return result;
}

added_nodes read_added(const json_cursor& x) {
  static constexpr auto known
    = std::to_array<std::string_view>({"count", "capacity", "labels", "like"});
  added_nodes result;
  json_fields fields{x, known};
  if (!fields)
    return result;
  if (auto y = fields.get("count"))
    result.count = static_cast<uint32_t>(y->integer(1, nodes_max).value_or(1));
  if (auto y = fields.get("capacity"))
    result.capacity = read_node_capacity(*y);
  if (auto y = fields.get("labels"))
    result.labels = read_labels_of_node(*y);
  if (auto y = fields.get("like"))
    result.like = y->text(name_size_max).value_or("");
  return result;
}

scaled_job read_scaled(const json_cursor& x) {
  static constexpr auto known
    = std::to_array<std::string_view>({"job", "count"});
  scaled_job result;
  json_fields fields{x, known};
  if (!fields)
    return result;
  if (auto y = fields.need("job"))
    result.job = y->text(name_size_max).value_or("");
  if (auto y = fields.need("count"))
    result.count = static_cast<uint32_t>(y->integer(0, tasks_max).value_or(0));
  return result;
}

change_node read_labelled(const json_cursor& x) {
  static constexpr auto known
    = std::to_array<std::string_view>({"node", "labels"});
  change_node result;
  json_fields fields{x, known};
  if (!fields)
    return result;
  if (auto y = fields.need("node"))
    result.node = y->text(name_size_max).value_or("");
  if (auto y = fields.need("labels"))
    result.labels = read_label_changes(*y);
  return result;
}

reprioritised_job read_priority_of(const json_cursor& x) {
  static constexpr auto known
    = std::to_array<std::string_view>({"job", "priority"});
  reprioritised_job result;
  json_fields fields{x, known};
  if (!fields)
    return result;
  if (auto y = fields.need("job"))
    result.job = y->text(name_size_max).value_or("");
  if (auto y = fields.need("priority"))
    result.priority = static_cast<int32_t>(
      y->integer(-priority_max, priority_max).value_or(0));
  return result;
}

/// Jobs as `POST /v1/jobs` takes them. Those without a name are new ones.
std::vector<job_spec_ptr> read_submitted(const json_cursor& x) {
  std::vector<job_spec_ptr> result;
  auto specs = read_jobs(x.value());
  if (!specs) {
    for (auto& problem : specs.error())
      x.reading().add(x.pointer() + problem.pointer, problem.detail);
    return result;
  }
  auto nameless = x.value().is_object()
                  && !x.value().get_object().contains("name")
                  && !x.value().get_object().contains("jobs");
  for (auto& spec : *specs) {
    // A stem may be the name of a job that there is.
    if (nameless)
      spec.name += "-new";
    result.push_back(std::make_shared<const job_spec>(std::move(spec)));
  }
  return result;
}

constexpr auto change_keys = std::to_array<std::string_view>(
  {"settings", "addNodes", "labelNode", "drainNode", "loseNode", "stopJob",
   "scaleJob", "priority", "submit"});

/// Whether `x` is a change itself, and not an object that holds one.
bool is_change(const boost::json::value& x) {
  return x.is_object() && !x.get_object().contains("change")
         && std::any_of(change_keys.begin(), change_keys.end(),
                        [&](auto key) { return x.get_object().contains(key); });
}

plan_change read_change(const json_cursor& x) {
  plan_change result;
  json_fields fields{x, change_keys};
  if (!fields)
    return result;
  if (x.value().get_object().empty())
    x.wrong("must say what changes, such as {\"drainNode\": \"n1\"}");
  if (auto y = fields.get("addNodes"))
    each(*y, [&](const json_cursor& z) {
      result.add_nodes.push_back(read_added(z));
    });
  if (auto y = fields.get("drainNode"))
    result.drain_nodes = read_names(*y);
  if (auto y = fields.get("loseNode"))
    result.lose_nodes = read_names(*y);
  if (auto y = fields.get("stopJob"))
    result.stop_jobs = read_names(*y);
  if (auto y = fields.get("scaleJob"))
    each(*y, [&](const json_cursor& z) {
      result.scale_jobs.push_back(read_scaled(z));
    });
  if (auto y = fields.get("settings"))
    result.settings = read_settings(*y);
  if (auto y = fields.get("labelNode"))
    each(*y, [&](const json_cursor& z) {
      result.label_nodes.push_back(read_labelled(z));
    });
  if (auto y = fields.get("priority"))
    each(*y, [&](const json_cursor& z) {
      result.priorities.push_back(read_priority_of(z));
    });
  if (auto y = fields.get("submit"))
    result.submit = read_submitted(*y);
  return result;
}

} // namespace

call read_plan(reading& x) {
  static constexpr auto known = std::to_array<std::string_view>({"change"});
  plan_request result;
  result.dry_run = x.dry_run();
  auto* body = x.body();
  if (body == nullptr)
    return result;
  json_reading problems;
  json_cursor at{*body, problems, "the plan"};
  if (is_change(*body))
    result.change = read_change(at);
  else if (json_fields fields{at, known}; fields)
    if (auto change = fields.need("change"))
      result.change = read_change(*change);
  x.add(std::move(problems.problems));
  return result;
}

} // namespace troupe::runtime::api
