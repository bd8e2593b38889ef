#include "runtime/placement/tenants.hpp"

#include <algorithm>

#include "messages/contract.hpp"

namespace troupe::runtime::placement {

namespace {

void forget(std::map<int32_t, uint32_t>& counts, int32_t priority) {
  auto at = counts.find(priority);
  TROUPE_ASSERT(at != counts.end());
  if (--at->second == 0)
    counts.erase(at);
}

} // namespace

tenant& tenants::entry(node_index n, uint64_t id) {
  auto* found = find(n, id);
  TROUPE_ASSERT(found != nullptr);
  auto& all = rows_[n].all;
  return all[static_cast<size_t>(found - all.data())];
}

void tenants::add(node_index n, const tenant& x) {
  if (rows_.size() <= n)
    rows_.resize(n + size_t{1});
  // Whoever comes has the highest number, except while a snapshot is read.
  auto& all = rows_[n].all;
  all.insert(
    std::upper_bound(all.begin(), all.end(), x.id,
                     [](uint64_t id, const tenant& y) { return id < y.id; }),
    x);
  ++by_priority_[x.priority];
}

void tenants::remove(node_index n, uint64_t id) {
  auto& x = entry(n, id);
  forget(by_priority_, x.priority);
  x.gone = true;
  auto& row = rows_[n];
  if (++row.gone * 2 < row.all.size())
    return;
  std::erase_if(row.all, [](const tenant& y) { return y.gone; });
  row.gone = 0;
}

void tenants::set_since(node_index n, uint64_t id, timestamp since) {
  entry(n, id).since = since;
}

void tenants::set_leaving(node_index n, uint64_t id, bool leaving) {
  entry(n, id).leaving = leaving;
}

void tenants::set_priority(node_index n, uint64_t id, int32_t priority) {
  auto& x = entry(n, id);
  forget(by_priority_, x.priority);
  x.priority = priority;
  ++by_priority_[priority];
}

std::span<const tenant> tenants::at(node_index n) const {
  if (n >= rows_.size())
    return {};
  return rows_[n].all;
}

const tenant* tenants::find(node_index n, uint64_t id) const {
  auto all = at(n);
  auto found
    = std::lower_bound(all.begin(), all.end(), id,
                       [](const tenant& x, uint64_t y) { return x.id < y; });
  return found != all.end() && found->id == id && !found->gone ? &*found
                                                               : nullptr;
}

bool tenants::could_make_room(const table& t, node_index n, const task_class& c,
                              int32_t priority) const {
  if (!t.has(n))
    return false;
  auto& p = t.page_at(n / page_rows);
  auto i = n % page_rows;
  if (p.barred[i] != reason::none)
    return false;
  auto cpu = int64_t{p.cpu_free[i]};
  auto memory = p.memory_free[i];
  auto any = false;
  for (auto& x : at(n))
    if (!x.gone && (x.leaving || x.priority < priority)) {
      cpu += x.cpu;
      memory += x.memory;
      any = true;
    }
  return any && c.request.cpu_millicores <= cpu
         && c.request.memory_bytes <= memory
         && satisfies(t.row(n).labels, c.requirements);
}

} // namespace troupe::runtime::placement
