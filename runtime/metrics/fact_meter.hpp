#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "messages/fact.hpp"

#include "runtime/metrics/controller_meters.hpp"

namespace troupe::runtime {

class cluster;

/// Counts and times what facts tell: the one place where metrics are made of
/// facts. Facts from before it began are not counted, and no time is told whose
/// beginning it does not know.
class fact_meter {
public:
  explicit fact_meter(std::shared_ptr<controller_meters> to);

  /// Learns from `c` since when tasks wait that have never been placed.
  void begin(const cluster& c);

  /// Takes durable facts, in order. `c` is the state after them, or later.
  void take(const std::vector<event>& facts, const cluster& c);

private:
  void on(const event& x, const job_submitted& y, const cluster&);
  void on(const event& x, const job_updated& y, const cluster&);
  void on(const event& x, const job_scaled& y, const cluster&);
  void on(const event& x, const job_dependency_met& y, const cluster&);
  void on(const event& x, const job_ticked& y, const cluster&);
  void on(const event& x, const job_forgotten& y, const cluster&);
  void on(const event& x, const task_placed& y, const cluster& c);
  void on(const event& x, const task_started& y, const cluster& c);
  void on(const event& x, const task_preempted& y, const cluster&);
  void on(const event& x, const cache_hit& y, const cluster&);
  void on(const event& x, const gang_reserved& y, const cluster&);
  void on(const event& x, const gang_committed& y, const cluster& c);
  void on(const event& x, const gang_released& y, const cluster&);
  void on(const event& x, const node_removed& y, const cluster&);
  /// Nothing is counted of all others.
  template <class Fact>
  void on(const event&, const Fact&, const cluster&) {
    // nop
  }

  std::shared_ptr<controller_meters> to_;
  /// [job] When its youngest tasks began to wait. As many as there are jobs.
  std::map<std::string, timestamp, std::less<>> waiting_since_;
};

} // namespace troupe::runtime
