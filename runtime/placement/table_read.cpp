#include <algorithm>

#include "runtime/placement/table.hpp"

namespace troupe::runtime::placement {

namespace {

bool satisfies(const std::string* value, const label_requirement& x) {
  return std::any_of(
    x.values.begin(), x.values.end(), [value](const std::string& wanted) {
      if (wanted == "*")
        return value != nullptr;
      if (!wanted.empty() && wanted.front() == '!')
        return value == nullptr
               || wanted.compare(1, std::string::npos, *value) != 0;
      return value != nullptr && *value == wanted;
    });
}

} // namespace

const std::string* value_of(const label_set& labels, const std::string& name) {
  for (auto& x : labels)
    if (x.name == name)
      return &x.value;
  return nullptr;
}

bool satisfies(const label_set& labels,
               const std::vector<label_requirement>& xs) {
  return std::all_of(xs.begin(), xs.end(), [&](const label_requirement& x) {
    return satisfies(value_of(labels, x.name), x);
  });
}

// -- figures -----------------------------------------------------------------

uint32_t table::tasks(node_index n) const {
  return static_cast<uint32_t>(pages_[n / page_rows]->tasks[n % page_rows]);
}

resources table::total(node_index n) const {
  auto& p = *pages_[n / page_rows];
  auto result = row(n).capacity;
  result.cpu_millicores = p.cpu_total[n % page_rows];
  return result;
}

resources table::used(node_index n) const {
  auto& p = *pages_[n / page_rows];
  auto i = n % page_rows;
  resources result;
  result.cpu_millicores = int64_t{p.cpu_total[i]} - p.cpu_free[i];
  result.memory_bytes = p.memory_total[i] - p.memory_free[i];
  if (auto held = holdings_of(n)) {
    result.gpu_millis = held->gpu_millis();
    result.named = held->named();
  }
  return result;
}

resources table::free(node_index n) const {
  auto result = total(n);
  result -= used(n);
  return result;
}

std::vector<uint16_t> table::gpus_left(node_index n) const {
  static const holdings nothing;
  auto held = holdings_of(n);
  return (held ? *held : nothing)
    .gpus_left(pages_[n / page_rows]->gpus[n % page_rows]);
}

std::shared_ptr<const gpu_wishes> table::typical_gpu_demand() const {
  static const auto nothing = std::make_shared<const gpu_wishes>();
  return gpu_demand_ ? gpu_demand_->typical() : nothing;
}

uint32_t table::tasks_having(node_index n, const label& x) const {
  auto held = holdings_of(n);
  auto hash = tally_hash(tally_kind::having, x);
  return held ? held->count(tally_kind::having, hash, x) : 0;
}

uint32_t table::tasks_avoiding(node_index n, const label& x) const {
  auto held = holdings_of(n);
  auto hash = tally_hash(tally_kind::avoiding, x);
  return held ? held->count(tally_kind::avoiding, hash, x) : 0;
}

uint32_t table::tasks_of_group(node_index n, const known_class& c) const {
  auto filter = pages_[n / page_rows]->having[n % page_rows];
  if ((filter & filter_bit(c.group_hash)) == 0)
    return 0;
  return holdings_of(n)->count(tally_kind::grouped, c.group_hash, c.group);
}

// -- rules -------------------------------------------------------------------

reason table::refuses_company(node_index n, const known_class& c) const {
  auto& p = *pages_[n / page_rows];
  auto having = p.having[n % page_rows];
  auto avoiding = p.avoiding[n % page_rows];
  auto lacks = (having & c.with_filter) != c.with_filter;
  if (lacks)
    return reason::colocation;
  auto known = (having & c.avoid_filter) | (avoiding & c.labels_filter);
  if (known == 0 && c.with.empty())
    return reason::none;
  auto held = holdings_of(n);
  auto some
    = [&](uint64_t filter, tally_kind kind, uint64_t hash, const label& what) {
        return (filter & filter_bit(hash)) != 0
               && held->count(kind, hash, what) != 0;
      };
  for (auto& x : c.avoid)
    if (some(having, tally_kind::having, x.having, *x.what))
      return reason::colocation;
  for (auto& x : c.labels)
    if (some(avoiding, tally_kind::avoiding, x.avoiding, *x.what))
      return reason::colocation;
  for (auto& x : c.with)
    if (!some(having, tally_kind::having, x.having, *x.what))
      return reason::colocation;
  return reason::none;
}

reason table::refuses_rarely(node_index n, const known_class& c) const {
  auto& p = *pages_[n / page_rows];
  auto i = n % page_rows;
  if (c.of.exclusive && p.tasks[i] != 0)
    return reason::exclusive;
  if (auto why = refuses_company(n, c); why != reason::none)
    return why;
  if (c.asks_ports()) {
    static const holdings nothing;
    auto held = holdings_of(n);
    if (!(held ? *held : nothing).ports_free(c))
      return reason::port_in_use;
  }
  if (c.asks_gpu()
      && (c.gpu_malformed || c.gpu_devices > p.gpus_free[i]
          || c.gpu_share > p.gpu_most_left[i]))
    return reason::insufficient_gpu;
  for (auto& [name, amount] : c.of.request.named) {
    auto held = holdings_of(n);
    auto used = held ? held->named(name) : 0;
    if (amount > row(n).capacity.amount_of(name) - used)
      return reason::insufficient_resource;
  }
  return reason::none;
}

reason table::refuses(node_index n, const known_class& c) const {
  return refuses(n, c,
                 c.of.requirements.empty() || !has(n)
                   || satisfies(row(n).labels, c.of.requirements));
}

reason
table::refuses(node_index n, const known_class& c, bool labels_satisfy) const {
  if (n >= rows_)
    return reason::no_nodes;
  auto& p = *pages_[n / page_rows];
  auto i = n % page_rows;
  if (p.barred[i] != reason::none)
    return p.barred[i];
  if (!labels_satisfy)
    return reason::no_matching_labels;
  if (p.exclusive[i] != 0)
    return reason::exclusive;
  if (c.has_rare_rules())
    if (auto why = refuses_rarely(n, c); why != reason::none)
      return why;
  if (c.memory > p.memory_free[i])
    return reason::insufficient_memory;
  if (c.cpu > p.cpu_free[i])
    return reason::insufficient_cpu;
  return reason::none;
}

} // namespace troupe::runtime::placement
