#include "runtime/metrics/node_meters.hpp"

#include <map>
#include <mutex>
#include <utility>

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include "runtime/metrics/buckets.hpp"

namespace troupe::runtime {

namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily family(const char* name, const char* help, MetricType type) {
  MetricFamily result;
  result.name = name;
  result.help = help;
  result.type = type;
  return result;
}

} // namespace

struct node_meters::families {
  prometheus::Registry all;
  prometheus::Family<prometheus::Histogram>& operations
    = prometheus::BuildHistogram()
        .Name("troupe_driver_operation_duration_seconds")
        .Help("Time that a driver took, until what was asked of it was done.")
        .Register(all);
  const std::vector<double> operation_bounds = three_a_decade(1e-3, 1'000);
  prometheus::Counter& memory_ends
    = prometheus::BuildCounter()
        .Name("troupe_memory_ended_tasks_total")
        .Help("Tasks that were ended because this machine ran out of memory.")
        .Register(all)
        .Add({});
  std::mutex mutex;
  job_usage usage;
  /// Tasks held back in cpu and in memory, by node.
  std::map<std::string, std::pair<size_t, size_t>> bursts_held;
};

node_meters::node_meters() : families_(std::make_unique<families>()) {
  // nop
}

node_meters::~node_meters() = default;

void node_meters::note_usage(const std::vector<job_usage::sample>& samples,
                             job_usage::time_point now) {
  std::lock_guard guard{families_->mutex};
  families_->usage.take(samples, now);
}

void node_meters::note_bursts_held(const std::string& node, size_t cpu,
                                   size_t memory) {
  std::lock_guard guard{families_->mutex};
  families_->bursts_held[node] = {cpu, memory};
}

void node_meters::note_memory_end() {
  families_->memory_ends.Increment();
}

void node_meters::note_operation(std::string_view driver,
                                 std::string_view operation,
                                 std::string_view result, seconds took) {
  families_->operations
    .Add({{"driver", std::string{driver}},
          {"operation", std::string{operation}},
          {"result", std::string{result}}},
         families_->operation_bounds)
    .Observe(took.count());
}

std::vector<MetricFamily> node_meters::collect() const {
  auto result = families_->all.Collect();
  auto cpu = family("troupe_task_cpu_seconds_total",
                    "Processor time of tasks on this machine, by job.",
                    MetricType::Counter);
  auto memory
    = family("troupe_task_memory_bytes",
             "Memory of tasks on this machine, by job.", MetricType::Gauge);
  std::lock_guard guard{families_->mutex};
  for (auto& [job, x] : families_->usage.by_job()) {
    prometheus::ClientMetric one;
    one.label = {{"job", job}};
    one.counter.value = x.cpu_seconds;
    cpu.metric.push_back(one);
    one.counter.value = 0;
    one.gauge.value = static_cast<double>(x.memory_bytes);
    memory.metric.push_back(std::move(one));
  }
  auto held = family("troupe_bursts_held_tasks",
                     "Tasks on this machine that may not burst as their jobs "
                     "say, because there is little left, by what is short.",
                     MetricType::Gauge);
  std::pair<size_t, size_t> sum;
  for (auto& [node, x] : families_->bursts_held) {
    sum.first += x.first;
    sum.second += x.second;
  }
  for (auto& [name, n] :
       {std::pair{"cpu", sum.first}, {"memory", sum.second}}) {
    prometheus::ClientMetric one;
    one.label = {{"resource", name}};
    one.gauge.value = static_cast<double>(n);
    held.metric.push_back(std::move(one));
  }
  result.push_back(std::move(held));
  result.push_back(std::move(cpu));
  result.push_back(std::move(memory));
  return result;
}

} // namespace troupe::runtime
