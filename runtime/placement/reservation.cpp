#include "runtime/placement/reservation.hpp"

#include <algorithm>

namespace troupe::runtime::placement {

namespace {

/// How many tasks of `c` fit on `n`, at most `limit`.
uint32_t places_on(const table& nodes, node_index n, const known_class& c,
                   uint32_t limit) {
  if (!nodes.has(n) || nodes.refuses(n, c) != reason::none)
    return 0;
  if (limit == 1)
    return 1;
  auto trial = nodes;
  uint32_t result = 0;
  while (result < limit && trial.occupy(n, c).has_value())
    ++result;
  return result;
}

resources times(const resources& x, uint32_t n) {
  resources result;
  for (uint32_t i = 0; i < n; ++i)
    result += x;
  return result;
}

/// Of what is free on a node now, the part that must be kept so that `need` is
/// free then.
int64_t kept_part(int64_t now, int64_t then, int64_t need) {
  return std::clamp<int64_t>(now - (then - need), 0, std::max<int64_t>(now, 0));
}

/// Takes from `rest` what `tasks` of `c` will need on `n`, where so much will be
/// free as `later` says.
void keep(table& rest, const resources& later, node_index n,
          const task_class& c, uint32_t tasks) {
  // Whoever comes where rules are at stake could be in the way.
  if (c.exclusive || c.request.gpu_millis > 0 || !c.host_ports.empty()
      || !c.avoid_colocating.empty()) {
    rest.close(n, reason::exclusive);
    return;
  }
  auto need = times(c.request, tasks);
  auto free = rest.free(n);
  task_class kept;
  kept.request.cpu_millicores
    = kept_part(free.cpu_millicores, later.cpu_millicores, need.cpu_millicores);
  kept.request.memory_bytes
    = kept_part(free.memory_bytes, later.memory_bytes, need.memory_bytes);
  for (auto& [name, amount] : need.named)
    if (auto part
        = kept_part(free.amount_of(name), later.amount_of(name), amount);
        part > 0)
      kept.request.named.push_back({name, part});
  rest.occupy_again(n, kept, {});
}

} // namespace

std::optional<reservation>
reserve(const table& nodes, const find_held& held,
        std::span<const ending> endings, const task_class& c, uint32_t count,
        timestamp now) {
  known_class known{c};
  // [row] How many fit there, now and then.
  std::vector<uint32_t> at_first(nodes.rows());
  uint64_t all = 0;
  for (node_index n = 0; n < nodes.rows(); ++n)
    all += at_first[n] = places_on(nodes, n, known, count);
  if (all >= count)
    return std::nullopt;
  auto fit = at_first;
  auto then = nodes;
  size_t next = 0;
  while (all < count && next < endings.size()) {
    // All that end at one time have left before anybody comes.
    auto at = std::max(endings[next].at, now);
    for (; next < endings.size() && std::max(endings[next].at, now) == at;
         ++next) {
      auto& x = endings[next];
      auto left = held(x.node, x.id);
      then.vacate(x.node, *left.of, left.held);
      all -= fit[x.node];
      all += fit[x.node] = places_on(then, x.node, known, count);
    }
  }
  if (all < count)
    return std::nullopt;
  reservation result{std::max(endings[next - 1].at, now), false, {}, {}, {}};
  std::vector<node_index> rows;
  for (node_index n = 0; n < nodes.rows(); ++n)
    if (fit[n] > 0)
      rows.push_back(n);
  std::stable_sort(rows.begin(), rows.end(),
                   [&](auto x, auto y) { return at_first[x] < at_first[y]; });
  for (auto n : rows) {
    auto tasks = std::min(count, fit[n]);
    if (tasks == 0)
      break;
    result.places.emplace_back(n, tasks);
    result.free_then.push_back(then.free(n));
    count -= tasks;
    auto left = endings.first(next);
    result.overdue
      = result.overdue
        || (tasks > at_first[n]
            && std::any_of(left.begin(), left.end(), [&](const ending& x) {
                 return x.node == n && x.at < now;
               }));
  }
  result.rest = rest_of(nodes, c, result);
  return result;
}

table rest_of(const table& nodes, const task_class& c, const reservation& x) {
  auto result = nodes;
  for (size_t i = 0; i < x.places.size(); ++i)
    if (auto [n, tasks] = x.places[i]; nodes.has(n))
      keep(result, x.free_then[i], n, c, tasks);
  return result;
}

} // namespace troupe::runtime::placement
