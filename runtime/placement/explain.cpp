#include "runtime/placement/explain.hpp"

#include <algorithm>
#include <array>

#include "messages/quantity.hpp"

namespace troupe::runtime::placement {

namespace {

std::string labels_text(const label_set& xs) {
  std::string result;
  for (auto& x : xs) {
    if (!result.empty())
      result += ", ";
    result += x.name + '=' + x.value;
  }
  return result;
}

std::string requirement_text(const label_requirement& x) {
  std::string result = x.name + '=';
  for (auto& value : x.values) {
    if (&value != &x.values.front())
      result += '|';
    result += value;
  }
  return result;
}

/// Labels of nodes that say which drivers are there, and whether they work.
constexpr std::string_view driver_prefix = "troupe.driver.";

std::string labels_refusal(const node_row& row, const task_class& c) {
  for (auto& x : c.requirements) {
    if (satisfies(row.labels, {x}))
      continue;
    auto value = value_of(row.labels, x.name);
    if (value && *value == "away" && x.name.starts_with(driver_prefix))
      return "its driver " + x.name.substr(driver_prefix.size())
             + " does not work now";
    return "needs " + requirement_text(x)
           + (value ? ", has " + *value : std::string{", has none"});
  }
  return {};
}

std::string company_refusal(const table& t, node_index n, const task_class& c) {
  for (auto& x : c.avoid_colocating)
    if (t.tasks_having(n, x) != 0)
      return "avoids " + labels_text({x}) + ", which runs there";
  for (auto& x : c.labels)
    if (t.tasks_avoiding(n, x) != 0)
      return "a task there avoids " + labels_text({x});
  for (auto& x : c.colocate_with)
    if (t.tasks_having(n, x) == 0)
      return "needs " + labels_text({x}) + " there, which does not run";
  return {};
}

std::string ports_refusal(const task_class& c) {
  std::string result = "needs ";
  for (auto& port : c.host_ports)
    result += (&port == &c.host_ports.front() ? "host port " : ", ")
              + std::to_string(port);
  if (c.chosen_ports != 0)
    result += (c.host_ports.empty() ? "" : " and ")
              + std::to_string(c.chosen_ports) + " free ports";
  return result + ", taken";
}

std::string gpu_refusal(const table& t, node_index n, const known_class& c) {
  auto& p = t.page_at(n / page_rows);
  auto i = n % page_rows;
  if (c.gpu_malformed)
    return "needs a share of one device or whole devices";
  if (c.gpu_share != 0)
    return "needs " + millis_text(c.gpu_share) + " of one device, "
           + millis_text(p.gpu_most_left[i]) + " left on the freest";
  return "needs " + std::to_string(c.gpu_devices) + " free devices of "
         + std::to_string(p.gpus[i]) + ", " + std::to_string(p.gpus_free[i])
         + " free";
}

std::string named_refusal(const table& t, node_index n, const task_class& c) {
  auto free = t.free(n);
  for (auto& [name, amount] : c.request.named)
    if (amount > free.amount_of(name))
      return "needs " + std::to_string(amount) + ' ' + name + ", "
             + std::to_string(free.amount_of(name)) + " free";
  return {};
}

bool large_enough(const node_row& row, const task_class& c,
                  const resources& total) {
  auto devices = row.capacity.gpu_millis / 1000;
  auto gpu = c.request.gpu_millis;
  if (gpu >= 1000 && gpu % 1000 != 0)
    return false;
  auto ports = static_cast<uint32_t>(last_chosen_port - first_chosen_port + 1);
  if (c.chosen_ports > ports)
    return false;
  if (gpu > devices * 1000 || c.request.cpu_millicores > total.cpu_millicores
      || c.request.memory_bytes > total.memory_bytes)
    return false;
  return std::all_of(c.request.named.begin(), c.request.named.end(),
                     [&](const named_resource& x) {
                       return x.amount <= row.capacity.amount_of(x.name);
                     });
}

} // namespace

reason main_reason(const refusal& x) {
  auto closeness = [](reason why) {
    switch (why) {
    case reason::insufficient_cpu:
    case reason::insufficient_memory:
    case reason::insufficient_gpu:
    case reason::insufficient_resource:
      return 3;
    case reason::colocation:
    case reason::exclusive:
    case reason::port_in_use:
      return 2;
    case reason::no_matching_labels:
      return 1;
    default:
      return 0;
    }
  };
  // Of those that come equally close, the first is what most say.
  auto found
    = std::max_element(x.nodes.begin(), x.nodes.end(), [&](auto& a, auto& b) {
        return closeness(a.first) < closeness(b.first);
      });
  return found == x.nodes.end() ? reason::none : found->first;
}

refusal refusal_of(const table& t, const reason_counts& counts) {
  refusal result;
  if (t.nodes() == 0)
    result.nodes.emplace_back(reason::no_nodes, 1);
  for (size_t i = 1; i < reasons; ++i)
    if (counts[i] != 0)
      result.nodes.emplace_back(static_cast<reason>(i), counts[i]);
  std::stable_sort(result.nodes.begin(), result.nodes.end(),
                   [](auto& x, auto& y) { return x.second > y.second; });
  return result;
}

refusal refusal_of(const table& t, const known_class& c) {
  reason_counts counts{};
  for (node_index n = 0; n < t.rows(); ++n)
    if (t.has(n))
      ++counts[static_cast<size_t>(t.refuses(n, c))];
  return refusal_of(t, counts);
}

std::string
refusal_text(const table& t, node_index n, const known_class& c, reason why) {
  auto amount = [](const std::string& needs, const std::string& free) {
    return "needs " + needs + ", " + free + " free";
  };
  auto& request = c.of.request;
  auto free = t.free(n);
  // Other reasons are why a node is closed: they speak for themselves.
  if (why == reason::no_matching_labels)
    return labels_refusal(t.row(n), c.of);
  if (why == reason::exclusive)
    return c.of.exclusive && t.tasks(n) != 0
             ? "needs the node to itself, " + std::to_string(t.tasks(n))
                 + " tasks there"
             : std::string{"a task has the node to itself"};
  if (why == reason::colocation)
    return company_refusal(t, n, c.of);
  if (why == reason::port_in_use)
    return ports_refusal(c.of);
  if (why == reason::insufficient_gpu)
    return gpu_refusal(t, n, c);
  if (why == reason::insufficient_resource)
    return named_refusal(t, n, c.of);
  if (why == reason::insufficient_memory)
    return amount(bytes_text(request.memory_bytes),
                  bytes_text(std::max<int64_t>(free.memory_bytes, 0)));
  if (why == reason::insufficient_cpu)
    return amount(millis_text(request.cpu_millicores) + " cores",
                  millis_text(std::max<int64_t>(free.cpu_millicores, 0)));
  return why == reason::none ? std::string{} : std::string{"closed"};
}

bool could_fit(const table& t, const task_class& c, node_index n) {
  return t.refuses(n, known_class{c}) == reason::none;
}

bool could_ever_fit(const table& t, const task_class& c) {
  auto matching = false;
  auto large = false;
  for (node_index n = 0; n < t.rows(); ++n) {
    if (!t.has(n))
      continue;
    auto& row = t.row(n);
    auto matches = satisfies(row.labels, c.requirements);
    if (matching && !matches)
      continue;
    if (matches && !matching) {
      matching = true;
      large = false;
    }
    large = large || large_enough(row, c, t.total(n));
    if (matching && large)
      return true;
  }
  return t.nodes() == 0 || large;
}

} // namespace troupe::runtime::placement
