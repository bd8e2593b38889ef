#include "runtime/metrics/controller_meters.hpp"

#include <mutex>

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "messages/json.hpp"

#include "runtime/metrics/buckets.hpp"

namespace troupe::runtime {

namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;
using prometheus::Registry;

using counters = Family<Counter>;
using histograms = Family<Histogram>;

counters& count(Registry& in, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(in);
}

histograms& time(Registry& in, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(in);
}

double number(uint64_t x) {
  return static_cast<double>(x);
}

std::string text(std::string_view x) {
  return std::string{x};
}

} // namespace

// What has few values known beforehand is there from the start, at zero: a rate
// over something that appears with its first event misses that event.
struct controller_meters::families {
  Registry all;
  Histogram& decisions
    = time(
        all, "troupe_scheduler_decision_duration_seconds",
        "Time of one round of placement: a policy's proposal and its commit.")
        .Add({}, three_a_decade(1e-5, 10));
  Histogram& placements
    = time(all, "troupe_scheduler_placement_latency_seconds",
           "Time from submission, or from scaling up, to the first place of a "
           "task.")
        .Add({}, three_a_decade(1e-3, 10'000));
  Histogram& starts
    = time(all, "troupe_task_start_latency_seconds",
           "Time from having a place to running, images included.")
        .Add({}, three_a_decade(1e-3, 1'000));
  counters& attempts = count(
    all, "troupe_scheduler_attempts_total",
    "Looks for a place: placed for each task, refused for each group of "
    "alike tasks, with the main reason.");
  counters& retries
    = count(all, "troupe_scheduler_retries_total",
            "Looks for a place for tasks that had been refused before.");
  counters& preemptions
    = count(all, "troupe_preemptions_total",
            "Tasks that lost their place to others, by reason.");
  counters& gang_attempts
    = count(all, "troupe_gang_attempts_total",
            "Reservations for gangs, and what became of them.");
  Histogram& gang_waits
    = time(all, "troupe_gang_wait_seconds",
           "Time from the submission of a gang to its start.")
        .Add({}, three_a_decade(1e-3, 10'000));
  Counter& restarts
    = count(all, "troupe_task_restarts_total",
            "Starts of tasks that had run before, here or elsewhere.")
        .Add({});
  counters& cache_lookups
    = count(all, "troupe_cache_lookups_total",
            "Lookups of results of batch tasks that may be reused.");
  counters& heartbeats_missed
    = count(all, "troupe_heartbeats_missed_total",
            "Heartbeats that were due and did not come.");
  counters& health_checks
    = count(all, "troupe_health_checks_total",
            "Health checks of tasks, as their nodes tell with heartbeats.");
  Histogram& appends = time(all, "troupe_journal_append_duration_seconds",
                            "Time until a batch of facts is durable.")
                         .Add({}, three_a_decade(1e-5, 10));
  histograms& requests
    = time(all, "troupe_http_request_duration_seconds",
           "Time from a request to its answer, or to the head of a stream; "
           "those that wait for news are left out.");
  const std::vector<double> request_bounds = three_a_decade(1e-4, 10);
  /// Between counting for a node and forgetting it.
  std::mutex nodes;

  families() {
    attempts.Add({{"result", "placed"}, {"reason", "none"}});
    for (auto outcome : {"placed", "refused", "exhausted"})
      retries.Add({{"outcome", outcome}});
    preemptions.Add({{"reason", json::name_of(reason::preempted)}});
    for (auto result : {"reserved", "committed", "released"})
      gang_attempts.Add({{"result", result}});
    for (auto result : {"hit", "miss"})
      cache_lookups.Add({{"result", result}});
    for (auto kind : {"http", "tcp", "command"})
      for (auto result : {"passed", "failed"})
        health_checks.Add({{"kind", kind}, {"result", result}});
  }
};

controller_meters::controller_meters()
  : families_(std::make_unique<families>()) {
  // nop
}

controller_meters::~controller_meters() = default;

void controller_meters::note_decision(seconds took) {
  families_->decisions.Observe(took.count());
}

void controller_meters::note_attempts(std::string_view result, reason why,
                                      uint64_t count) {
  families_->attempts
    .Add({{"result", text(result)}, {"reason", json::name_of(why)}})
    .Increment(number(count));
}

void controller_meters::note_retries(std::string_view outcome, uint64_t count) {
  families_->retries.Add({{"outcome", text(outcome)}}).Increment(number(count));
}

void controller_meters::note_placement_latency(seconds since_submission) {
  families_->placements.Observe(since_submission.count());
}

void controller_meters::note_start_latency(seconds since_placement) {
  families_->starts.Observe(since_placement.count());
}

void controller_meters::note_preemption(reason why) {
  families_->preemptions.Add({{"reason", json::name_of(why)}}).Increment();
}

void controller_meters::note_gang_attempt(std::string_view result) {
  families_->gang_attempts.Add({{"result", text(result)}}).Increment();
}

void controller_meters::note_gang_wait(seconds since_submission) {
  families_->gang_waits.Observe(since_submission.count());
}

void controller_meters::note_restart() {
  families_->restarts.Increment();
}

void controller_meters::note_cache_lookup(std::string_view result) {
  families_->cache_lookups.Add({{"result", text(result)}}).Increment();
}

void controller_meters::note_missed_heartbeats(const std::string& node,
                                               uint64_t count) {
  std::lock_guard guard{families_->nodes};
  families_->heartbeats_missed.Add({{"node", node}}).Increment(number(count));
}

void controller_meters::forget_node(const std::string& node) {
  std::lock_guard guard{families_->nodes};
  auto& mine = families_->heartbeats_missed;
  if (mine.Has({{"node", node}}))
    mine.Remove(&mine.Add({{"node", node}}));
}

void controller_meters::note_health_checks(std::string_view kind,
                                           std::string_view result,
                                           uint64_t count) {
  families_->health_checks.Add({{"kind", text(kind)}, {"result", text(result)}})
    .Increment(number(count));
}

void controller_meters::note_append(seconds took) {
  families_->appends.Observe(took.count());
}

void controller_meters::note_request(std::string_view route, int code,
                                     seconds took) {
  families_->requests
    .Add({{"route", text(route)}, {"code", std::to_string(code)}},
         families_->request_bounds)
    .Observe(took.count());
}

std::vector<prometheus::MetricFamily> controller_meters::collect() const {
  return families_->all.Collect();
}

} // namespace troupe::runtime
