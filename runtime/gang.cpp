#include "runtime/gang.hpp"

#include <algorithm>

#include "runtime/placement/table.hpp"

namespace troupe::runtime {

namespace {

constexpr std::string_view group_label = "pod-group";

/// How many of `part` are in `whole`.
int64_t times(int64_t part, int64_t whole, int64_t limit) {
  return part > 0 ? whole / part : limit;
}

int64_t most_on(const placement::table& nodes, placement::node_index n,
                const placement::task_class& of, int64_t limit) {
  if (!placement::satisfies(nodes.row(n).labels, of.requirements))
    return 0;
  auto total = nodes.total(n);
  auto result = std::min(
    {limit, times(of.request.cpu_millicores, total.cpu_millicores, limit),
     times(of.request.memory_bytes, total.memory_bytes, limit)});
  if (auto gpu = of.request.gpu_millis; gpu > 0) {
    auto devices = nodes.row(n).capacity.gpu_millis / 1'000;
    result = std::min(result, gpu < 1'000 ? devices * (1'000 / gpu)
                                          : devices * 1'000 / gpu);
  }
  for (auto& [name, amount] : of.request.named)
    result = std::min(result, times(amount, total.amount_of(name), limit));
  auto alone
    = of.exclusive || !of.host_ports.empty()
      || std::any_of(of.avoid_colocating.begin(), of.avoid_colocating.end(),
                     [&](const label& x) {
                       return std::find(of.labels.begin(), of.labels.end(), x)
                              != of.labels.end();
                     });
  return alone ? std::min<int64_t>(result, 1) : result;
}

} // namespace

std::string gang_of(const job_spec& spec) {
  // Its tasks have each their own node and nobody to wait for.
  if (spec.kind == job_kind::system)
    return {};
  if (spec.gang)
    return spec.gang->name.empty() ? spec.name : spec.gang->name;
  for (auto& x : spec.labels)
    if (x.name == group_label)
      return x.value;
  return {};
}

void gang_members::add(const job_spec& spec, uint32_t count) {
  all += count;
  if (!spec.gang)
    return;
  min_said = std::max(min_said, spec.gang->min);
  max_said = std::max(max_said, spec.gang->max);
}

uint32_t most_that_fit(const placement::table& nodes,
                       const placement::task_class& of, uint32_t limit) {
  int64_t result = 0;
  for (placement::node_index n = 0; n < nodes.rows() && result < limit; ++n)
    if (nodes.has(n))
      result += most_on(nodes, n, of, limit - result);
  return static_cast<uint32_t>(std::min<int64_t>(result, limit));
}

} // namespace troupe::runtime
