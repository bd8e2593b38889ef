#include <chrono>

#include <doctest/doctest.h>

#include "runtime/metrics/attempt_meter.hpp"
#include "runtime/metrics/buckets.hpp"
#include "runtime/metrics/fact_meter.hpp"
#include "runtime/metrics/job_usage.hpp"
#include "runtime/metrics/text.hpp"

#include "tests/unit/cluster_fixture.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

bool has(const std::string& text, const std::string& line) {
  return text.find('\n' + line + '\n') != std::string::npos;
}

size_t lines(const std::string& text, const std::string& part) {
  size_t result = 0;
  for (auto at = text.find(part); at != std::string::npos;
       at = text.find(part, at + 1))
    ++result;
  return result;
}

std::string text_of(const runtime::controller_meters& meters,
                    const runtime::cluster_figures& figures = {}) {
  return runtime::metrics_text({figures, meters});
}

/// A cluster whose facts are metered as the scheduler does.
struct metered_cluster : cluster_fixture {
  void meter() {
    facts.take({events.begin() + static_cast<ptrdiff_t>(seen), events.end()},
               core);
    seen = events.size();
  }
  std::string text() {
    meter();
    return text_of(*meters, runtime::figures_of(core, {}, now));
  }
  std::shared_ptr<runtime::controller_meters> meters
    = std::make_shared<runtime::controller_meters>();
  runtime::fact_meter facts{meters};
  size_t seen = 0;
};

} // namespace

TEST_CASE("metrics name what the cluster holds, in base units") {
  runtime::cluster_figures figures;
  figures.totals.version = 17;
  figures.totals.nodes = {{"ready", 2}, {"unhealthy", 1}};
  figures.totals.tasks = {{"running", 3}};
  figures.queue = {{"insufficientCpu", 4}};
  figures.nodes.push_back({"n1", {4'000, 1'024, 500, {}}, {500, 0, 0, {}}, {}});
  figures.kept_results = 9;
  figures.results.evictions = 5;
  auto text = text_of(runtime::controller_meters{}, figures);
  CHECK(has(text, "troupe_cache_entries 9"));
  CHECK(has(text, "troupe_cache_removals_total{reason=\"evicted\"} 5"));
  CHECK(has(text, "# HELP troupe_nodes Nodes by state."));
  CHECK(has(text, "# TYPE troupe_nodes gauge"));
  CHECK(has(text, "troupe_nodes{state=\"ready\"} 2"));
  CHECK(has(text, "troupe_tasks{state=\"running\"} 3"));
  CHECK(has(text, "troupe_queue_tasks{reason=\"insufficientCpu\"} 4"));
  CHECK(has(text, "troupe_journal_version 17"));
  CHECK(has(text, "troupe_node_cpu_cores{node=\"n1\",kind=\"capacity\"} 4"));
  CHECK(has(text, "troupe_node_cpu_cores{node=\"n1\",kind=\"reserved\"} 0.5"));
  CHECK(
    has(text, "troupe_node_memory_bytes{node=\"n1\",kind=\"capacity\"} 1024"));
  CHECK(
    has(text, "troupe_node_gpu_devices{node=\"n1\",kind=\"capacity\"} 0.5"));
}

TEST_CASE("counters of which the values are known are there before anything "
          "happens") {
  auto text = text_of(runtime::controller_meters{});
  for (auto line : {
         "troupe_scheduler_attempts_total{reason=\"none\",result=\"placed\"} 0",
         "troupe_scheduler_retries_total{outcome=\"placed\"} 0",
         "troupe_preemptions_total{reason=\"preempted\"} 0",
         "troupe_gang_attempts_total{result=\"committed\"} 0",
         "troupe_task_restarts_total 0",
         "troupe_cache_lookups_total{result=\"hit\"} 0",
         "troupe_scheduler_decision_duration_seconds_count 0",
         "troupe_journal_append_duration_seconds_count 0",
         "troupe_gang_wait_seconds_count 0",
       })
    CHECK_MESSAGE(has(text, line), line);
}

TEST_CASE("bounds of histograms read as people write them") {
  CHECK(runtime::three_a_decade(1e-3, 1e-1)
        == std::vector<double>{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1});
  CHECK(runtime::three_a_decade(1e-5, 10).front() == 1e-5);
  CHECK(runtime::three_a_decade(1e-5, 10).back() == 10);
}

TEST_CASE("facts are counted, and timed from submission to place to start") {
  metered_cluster c;
  c.join(a_node("n1"));
  c.submit(a_job("web").tasks(2));
  c.pass(2s);
  c.place();
  c.pass(500ms);
  c.started({"web", 0});
  auto text = c.text();
  CHECK(has(text, "troupe_scheduler_attempts_total{reason=\"none\",result="
                  "\"placed\"} 2"));
  // Two tasks after 2 s each; one start after 0.5 s.
  CHECK(has(text, "troupe_scheduler_placement_latency_seconds_count 2"));
  CHECK(has(text, "troupe_scheduler_placement_latency_seconds_sum 4"));
  CHECK(has(text, "troupe_task_start_latency_seconds_count 1"));
  CHECK(has(text, "troupe_task_start_latency_seconds_sum 0.5"));
  CHECK(has(text, "troupe_task_restarts_total 0"));
}

TEST_CASE("lookups of results are counted by what came of them") {
  metered_cluster c;
  c.join(a_node("n1"));
  c.submit(a_job("a").cached());
  c.submit(a_job("plain"));
  c.place();
  c.started({"a", 0});
  c.ended({"a", 0});
  c.submit(a_job("b").cached());
  auto text = c.text();
  CHECK(has(text, "troupe_cache_lookups_total{result=\"hit\"} 1"));
  CHECK(has(text, "troupe_cache_lookups_total{result=\"miss\"} 1"));
}

TEST_CASE("waiting for a result is a reason of its own") {
  metered_cluster c;
  c.join(a_node("n1"));
  c.submit(a_job("a").cached());
  c.submit(a_job("b").cached());
  c.place();
  auto figures = runtime::figures_of(c.core, {}, c.now);
  CHECK(figures.queue
        == std::map<std::string, uint64_t>{{"waitingForResult", 1}});
}

TEST_CASE("tasks that are added wait since they were added") {
  metered_cluster c;
  c.join(a_node("n1"));
  c.submit(a_job("web").tasks(1));
  c.place();
  c.pass(1h);
  c.done(scale_job{"web", 2});
  c.pass(3s);
  c.place();
  CHECK(has(c.text(), "troupe_scheduler_placement_latency_seconds_sum 3"));
}

TEST_CASE("after a restart no time is told whose beginning is not known") {
  metered_cluster c;
  c.join(a_node("n1"));
  c.submit(a_job("old").tasks(1));
  c.place();
  c.done(scale_job{"old", 2});
  c.submit(a_job("fresh").tasks(1));
  c.pass(5s);
  // The process of before counted these.
  c.seen = c.events.size();
  c.facts.begin(c.core);
  c.place();
  auto text = c.text();
  // Only that of `fresh`, which was submitted 5 s ago.
  CHECK(has(text, "troupe_scheduler_placement_latency_seconds_count 1"));
  CHECK(has(text, "troupe_scheduler_placement_latency_seconds_sum 5"));
}

TEST_CASE("what starts again is counted as a restart") {
  metered_cluster c;
  c.join(a_node("n1"));
  c.submit(a_job("web").tasks(1));
  c.place();
  c.started({"web", 0});
  c.done(restart_task{{"web", 0}});
  c.stopped({"web", 0});
  c.pass(1min);
  c.place();
  c.started({"web", 0});
  CHECK(has(c.text(), "troupe_task_restarts_total 1"));
}

TEST_CASE("waiting tasks are counted by the reason why") {
  metered_cluster c;
  c.join(a_node("n1").cpu(1));
  c.submit(a_job("huge").tasks(3).cpu(64));
  c.place();
  CHECK(has(c.text(), "troupe_queue_tasks{reason=\"insufficientCpu\"} 3"));
}

TEST_CASE("looks in vain are counted, and those after them as retries") {
  auto meters = std::make_shared<runtime::controller_meters>();
  runtime::attempt_meter aut{meters};
  runtime::placement::placed_run nothing{
    7, {}, {{{reason::insufficient_cpu, 3}}}};
  aut.take({{nothing}});
  auto text = text_of(*meters);
  CHECK(has(text, "troupe_scheduler_attempts_total{reason=\"insufficientCpu\","
                  "result=\"refused\"} 1"));
  CHECK(has(text, "troupe_scheduler_retries_total{outcome=\"refused\"} 0"));
  aut.take({{nothing}});
  aut.take({{{7, {0}, {}}}});
  // It has its place: whatever is asked under that number is no retry.
  aut.take({{{7, {0}, {}}}});
  text = text_of(*meters);
  CHECK(has(text, "troupe_scheduler_retries_total{outcome=\"refused\"} 1"));
  CHECK(has(text, "troupe_scheduler_retries_total{outcome=\"placed\"} 1"));
  // A gang of which only some would fit places nobody.
  runtime::placement::placed_run some{
    8, {0}, {{{reason::insufficient_cpu, 3}}}};
  aut.take({{some}}, true);
  aut.take({{some}}, true);
  text = text_of(*meters);
  CHECK(has(text, "troupe_scheduler_retries_total{outcome=\"refused\"} 2"));
  CHECK(has(text, "troupe_scheduler_retries_total{outcome=\"placed\"} 1"));
}

TEST_CASE("a node that is removed takes its lines along") {
  runtime::controller_meters meters;
  meters.note_missed_heartbeats("n1", 3);
  CHECK(has(text_of(meters), "troupe_heartbeats_missed_total{node=\"n1\"} 3"));
  meters.forget_node("n1");
  meters.forget_node("n2");
  CHECK(lines(text_of(meters), "n1") == 0);
}

TEST_CASE("metrics of five thousand nodes are told in time") {
  runtime::cluster_figures figures;
  for (auto i = 0; i < 5'000; ++i)
    figures.nodes.push_back({"node-" + std::to_string(i),
                             {64'000, int64_t{256} << 30, 8'000, {}},
                             {12'345, int64_t{77} << 30, 250, {}},
                             {1'234, int64_t{55} << 30, 0, {}}});
  runtime::controller_meters meters;
  auto best = std::chrono::steady_clock::duration::max();
  for (auto i = 0; i < 5; ++i) {
    auto began = std::chrono::steady_clock::now();
    auto text = text_of(meters, figures);
    best = std::min(best, std::chrono::steady_clock::now() - began);
    CHECK(lines(text, "node=\"node-4999\"") == 9);
  }
  // 50 ms on a quiet machine, and more where it is instrumented or shared.
  MESSAGE(
    "best of five: " << std::chrono::duration<double, std::milli>(best).count()
                     << " ms");
  CHECK(best < 500ms);
}

TEST_CASE("the use of a job is the sum of its runs, past ones included") {
  runtime::job_usage aut;
  runtime::job_usage::time_point t0{};
  aut.take({{"web", {1}, 10, 100}, {"web", {2}, 5, 50}, {"db", {3}, 1, 7}}, t0);
  CHECK(aut.by_job().at("web").cpu_seconds == 15);
  CHECK(aut.by_job().at("web").memory_bytes == 150);
  // Run 1 went on, run 2 has ended and run 4 has begun.
  aut.take({{"web", {1}, 12, 100}, {"web", {4}, 1, 30}}, t0 + 40s);
  CHECK(aut.by_job().at("web").cpu_seconds == 18);
  CHECK(aut.by_job().at("web").memory_bytes == 130);
  CHECK(aut.by_job().at("db").memory_bytes == 0);
}

TEST_CASE("the time of a run that begins again in its place is added") {
  runtime::job_usage aut;
  runtime::job_usage::time_point t0{};
  aut.take({{"web", {1}, 10, 1}}, t0);
  // It was restarted and has used 2 s since.
  aut.take({{"web", {1}, 2, 1}}, t0 + 10s);
  CHECK(aut.by_job().at("web").cpu_seconds == 12);
}

TEST_CASE("a run that was not measured once is not counted twice") {
  runtime::job_usage aut;
  runtime::job_usage::time_point t0{};
  aut.take({{"web", {1}, 10, 1}}, t0);
  aut.take({}, t0 + 10s);
  CHECK(aut.by_job().at("web").memory_bytes == 1);
  aut.take({{"web", {1}, 11, 1}}, t0 + 20s);
  CHECK(aut.by_job().at("web").cpu_seconds == 11);
}

TEST_CASE("jobs without runs are forgotten, and there are never too many") {
  runtime::job_usage aut{{.jobs_max = 2}};
  runtime::job_usage::time_point t0{};
  aut.take({{"a", {1}, 1, 1}}, t0);
  aut.take({{"b", {2}, 1, 1}}, t0 + 1s);
  aut.take({{"c", {3}, 1, 1}}, t0 + 2s);
  CHECK(!aut.by_job().contains("a"));
  aut.take({}, t0 + 20min);
  CHECK(aut.by_job().empty());
}

TEST_CASE("a node tells the use of jobs and the time that drivers take") {
  runtime::node_meters aut;
  aut.note_usage({{"web", {1}, 1.5, 4'096}}, {});
  aut.note_operation("process", "start", "ok", 20ms);
  aut.note_bursts_held("n1", 2, 1);
  aut.note_bursts_held("n2", 1, 0);
  aut.note_bursts_held("n1", 1, 1);
  aut.note_memory_end();
  auto text = runtime::metrics_text(aut);
  CHECK(has(text, "troupe_bursts_held_tasks{resource=\"cpu\"} 2"));
  CHECK(has(text, "troupe_bursts_held_tasks{resource=\"memory\"} 1"));
  CHECK(has(text, "troupe_memory_ended_tasks_total 1"));
  CHECK(has(text, "troupe_task_cpu_seconds_total{job=\"web\"} 1.5"));
  CHECK(has(text, "troupe_task_memory_bytes{job=\"web\"} 4096"));
  CHECK(has(text,
            "troupe_driver_operation_duration_seconds_count{driver=\"process\","
            "operation=\"start\",result=\"ok\"} 1"));
}
