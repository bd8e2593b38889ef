#include "runtime/placement/table.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>

#include "messages/contract.hpp"

namespace troupe::runtime::placement {

namespace {

// Names states of pages. It never takes part in a decision, and it is shared by
// all tables so that a copy that went its own way is told apart.
uint64_t next_stamp() noexcept {
  static std::atomic<uint64_t> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

// Gives `x` an owner of its own before it is changed.
template <class T>
T& own(std::shared_ptr<T>& x) {
  if (x.use_count() != 1)
    x = std::make_shared<T>(*x);
  else
    // Other owners' reads happened before they let go.
    std::atomic_thread_fence(std::memory_order_acquire);
  return *x;
}

// One less than the most, so that a request cut to the most fits nowhere.
constexpr int64_t most_cpu = std::numeric_limits<int32_t>::max() - 1;
constexpr int64_t most_gpus = std::numeric_limits<uint16_t>::max();

int32_t cpu_total_of(const node_row& row) {
  auto cpu = std::min(row.capacity.cpu_millicores, most_cpu);
  auto total = std::floor(static_cast<double>(cpu) * row.overcommit);
  return static_cast<int32_t>(std::min(total, static_cast<double>(most_cpu)));
}

float part(int64_t used, int64_t total) {
  if (total <= 0)
    return 0;
  return static_cast<float>(static_cast<double>(used)
                            / static_cast<double>(total));
}

int32_t narrow(int64_t millicores) {
  // What is held may exceed a column only where rules were not checked.
  return static_cast<int32_t>(std::clamp<int64_t>(
    millicores, std::numeric_limits<int32_t>::min() / 2, most_cpu));
}

} // namespace

// -- pages -------------------------------------------------------------------

page& table::edit(node_index n) {
  stamps_[n / page_rows] = next_stamp();
  return own(pages_[n / page_rows]);
}

holdings& table::edit_holdings(node_index n) {
  auto& x = own(holdings_[n / page_rows]).of[n % page_rows];
  if (x == nullptr)
    x = std::make_shared<holdings>(first_port_of(n));
  return own(x);
}

void table::set_row(node_index n, std::shared_ptr<const node_row> row) {
  label_stamps_[n / page_rows] = next_stamp();
  own(named_[n / page_rows]).of[n % page_rows] = std::move(row);
  derive(n);
}

void table::derive_use(page& p, uint32_t i) const {
  p.cpu_used[i] = part(int64_t{p.cpu_total[i]} - p.cpu_free[i], p.cpu_total[i]);
  p.memory_used[i]
    = part(p.memory_total[i] - p.memory_free[i], p.memory_total[i]);
  auto load = [](float measured, int64_t since, int64_t total) {
    return std::max(0.0f, measured + part(since, total));
  };
  p.cpu_load[i] = load(p.cpu_measured[i], p.cpu_since[i], p.cpu_total[i]);
  p.memory_load[i]
    = load(p.memory_measured[i], p.memory_since[i], p.memory_total[i]);
}

void table::derive_holdings(page& p, node_index n) const {
  auto i = n % page_rows;
  auto held = holdings_of(n);
  p.having[i] = held ? held->having_filter() : 0;
  p.avoiding[i] = held ? held->avoiding_filter() : 0;
  auto gpus = p.gpus[i];
  p.gpus_free[i] = held ? static_cast<uint16_t>(held->gpus_free(gpus)) : gpus;
  p.gpu_most_left[i] = held ? held->gpu_most_left(gpus)
                            : static_cast<uint16_t>(gpus > 0 ? 1000 : 0);
  p.gpu_used[i] = part(held ? held->gpu_millis() : 0, int64_t{gpus} * 1000);
  p.held_stamp[i] = stamps_[n / page_rows];
  p.exclusive[i] = held && held->exclusive() != 0 ? 1 : 0;
  p.barred[i] = has(n) ? row(n).closed : reason::no_nodes;
  derive_offer(p, i);
}

void table::derive_offer(page& p, uint32_t i) const {
  auto open = p.barred[i] == reason::none && p.exclusive[i] == 0;
  p.cpu_offered[i] = open ? std::max(p.cpu_free[i], -1) : -1;
}

void table::derive(node_index n) {
  auto& p = edit(n);
  auto i = n % page_rows;
  static const node_row nothing{};
  auto& row = has(n) ? this->row(n) : nothing;
  auto cpu_used = p.cpu_total[i] - p.cpu_free[i];
  auto memory_used = p.memory_total[i] - p.memory_free[i];
  p.cpu_total[i] = cpu_total_of(row);
  p.cpu_free[i] = narrow(int64_t{p.cpu_total[i]} - cpu_used);
  p.memory_total[i] = row.capacity.memory_bytes;
  p.memory_free[i] = p.memory_total[i] - memory_used;
  p.cpu_step[i] = part(1, p.cpu_total[i]);
  p.memory_step[i] = part(1, p.memory_total[i]);
  p.ease[i] = static_cast<float>(1 / row.weight);
  p.gpus[i] = static_cast<uint16_t>(
    std::min(row.capacity.gpu_millis / 1000, most_gpus));
  derive_use(p, i);
  derive_holdings(p, n);
}

// -- nodes -------------------------------------------------------------------

node_index table::add(node_row row) {
  TROUPE_ASSERT(row.weight > 0);
  TROUPE_ASSERT(row.overcommit >= 1);
  TROUPE_ASSERT(nodes_ < most_nodes);
  auto n = rows_;
  if (!unused_.empty()) {
    std::pop_heap(unused_.begin(), unused_.end(), std::greater<>{});
    n = unused_.back();
    unused_.pop_back();
  } else if (++rows_ > pages() * page_rows) {
    pages_.push_back(std::make_shared<page>());
    holdings_.push_back(std::make_shared<holdings_page>());
    named_.push_back(std::make_shared<named_page>());
    stamps_.push_back(next_stamp());
    label_stamps_.push_back(next_stamp());
  }
  ++nodes_;
  set_row(n, std::make_shared<node_row>(std::move(row)));
  return n;
}

void table::remove(node_index n) {
  TROUPE_ASSERT(has(n));
  auto& p = edit(n);
  auto i = n % page_rows;
  p.cpu_free[i] = p.cpu_total[i];
  p.memory_free[i] = p.memory_total[i];
  p.tasks[i] = 0;
  p.cpu_since[i] = p.memory_since[i] = 0;
  p.cpu_measured[i] = p.memory_measured[i] = 0;
  own(holdings_[n / page_rows]).of[i].reset();
  set_row(n, nullptr);
  --nodes_;
  unused_.push_back(n);
  std::push_heap(unused_.begin(), unused_.end(), std::greater<>{});
}

void table::change(node_index n, const label_set& labels, double weight,
                   double overcommit) {
  TROUPE_ASSERT(has(n));
  TROUPE_ASSERT(weight > 0);
  TROUPE_ASSERT(overcommit >= 1);
  auto changed = std::make_shared<node_row>(row(n));
  changed->labels = labels;
  changed->weight = weight;
  changed->overcommit = overcommit;
  set_row(n, std::move(changed));
}

void table::change_capacity(node_index n, const resources& capacity) {
  TROUPE_ASSERT(has(n));
  auto changed = std::make_shared<node_row>(row(n));
  changed->capacity = capacity;
  set_row(n, std::move(changed));
}

void table::close(node_index n, reason why) {
  TROUPE_ASSERT(has(n));
  if (row(n).closed == why)
    return;
  auto changed = std::make_shared<node_row>(row(n));
  changed->closed = why;
  own(named_[n / page_rows]).of[n % page_rows] = std::move(changed);
  derive(n);
}

void table::set_load(node_index n, float cpu, float memory) {
  TROUPE_ASSERT(has(n));
  auto& p = edit(n);
  auto i = n % page_rows;
  p.cpu_measured[i] = cpu;
  p.memory_measured[i] = memory;
  p.cpu_since[i] = p.memory_since[i] = 0;
  derive_use(p, i);
}

// -- tasks -------------------------------------------------------------------

expected<occupation, reason> table::occupy(node_index n, const task_class& c) {
  return occupy(n, known_class{c});
}

expected<occupation, reason> table::occupy(node_index n, const known_class& c) {
  if (auto why = refuses(n, c); why != reason::none)
    return make_unexpected(why);
  occupation result;
  if (c.asks_gpu() || c.asks_ports()) {
    const holdings nothing{first_port_of(n)};
    auto held = holdings_of(n);
    auto& x = held ? *held : nothing;
    auto gpus = pages_[n / page_rows]->gpus[n % page_rows];
    if (c.asks_gpu())
      result.gpus = x.choose_gpus(c, gpus);
    if (c.asks_ports())
      result.ports = x.choose_ports(c);
  }
  hold(n, c, result);
  return result;
}

void table::occupy_again(node_index n, const task_class& c,
                         const occupation& o) {
  TROUPE_ASSERT(has(n));
  hold(n, known_class{c}, o);
}

void table::hold(node_index n, const known_class& c, const occupation& o) {
  auto& p = edit(n);
  auto i = n % page_rows;
  auto& request = c.of.request;
  p.cpu_free[i] = narrow(p.cpu_free[i] - request.cpu_millicores);
  p.memory_free[i] -= request.memory_bytes;
  p.cpu_since[i] += request.cpu_millicores;
  p.memory_since[i] += request.memory_bytes;
  ++p.tasks[i];
  derive_use(p, i);
  if (c.asks_gpu())
    note_demand(c);
  if (c.leaves_traces()) {
    edit_holdings(n).add(c, o);
    derive_holdings(p, n);
  } else {
    derive_offer(p, i);
  }
}

void table::note_demand(const known_class& c) {
  if (gpu_demand_ == nullptr)
    gpu_demand_ = std::make_shared<gpu_demand>();
  own(gpu_demand_).note(c);
}

void table::vacate(node_index n, const task_class& x, const occupation& o) {
  TROUPE_ASSERT(has(n));
  known_class c{x};
  auto& p = edit(n);
  auto i = n % page_rows;
  TROUPE_ASSERT(p.tasks[i] > 0);
  auto& request = x.request;
  p.cpu_free[i] = narrow(p.cpu_free[i] + request.cpu_millicores);
  p.memory_free[i] += request.memory_bytes;
  p.cpu_since[i] -= request.cpu_millicores;
  p.memory_since[i] -= request.memory_bytes;
  --p.tasks[i];
  derive_use(p, i);
  if (c.leaves_traces()) {
    edit_holdings(n).remove(c, o);
    derive_holdings(p, n);
  } else {
    derive_offer(p, i);
  }
}

} // namespace troupe::runtime::placement
