#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/fact.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/rehearsal/figures.hpp"

namespace troupe::runtime::rehearsal {

/// Counts what facts tell, whoever decided them: a rehearsal now, or a controller
/// long ago.
class tally {
public:
  /// Begins with what is there already.
  void begin(const cluster& from, timestamp now);
  void take(const event& x);

  /// @param end  what the facts have led to.
  [[nodiscard]] figures finish(const cluster& end, timestamp now);

private:
  static constexpr size_t kinds = 3;
  /// [resource] cpu, memory, gpu.
  using amounts = std::array<int64_t, kinds>;

  struct known_task {
    std::string node = {};
    amounts request = {};
    /// When it could have had a place.
    timestamp since = {};
    task_state state = task_state::pending;
    bool was_placed = false;
  };
  struct known_job {
    job_spec_ptr spec;
    /// When tasks that nobody has heard of could have had a place.
    timestamp since;
    std::map<uint32_t, known_task> tasks;
  };
  struct known_node {
    amounts capacity{};
    amounts reserved{};
    /// Whether it counts.
    bool ready = true;
  };
  /// Of one resource, over the nodes that count and have some.
  struct sums {
    int64_t nodes = 0;
    double used = 0;
    double used_squared = 0;
    // Over time, in milliseconds.
    double time = 0;
    double mean = 0;
    double mean_squared = 0;
    double stddev = 0;
    double max = 0;
  };

  void on(const job_submitted& x);
  void on(const job_updated& x);
  void on(const job_dependency_met& x);
  void on(const job_ticked& x);
  void on(const job_forgotten& x);
  void on(const task_placed& x);
  void on(const task_ended& x);
  void on(const task_requeued& x);
  void on(const task_preempted&) { ++figures_.preemptions; }
  void on(const gang_reserved&) { ++figures_.gangs.reserved; }
  void on(const gang_committed&) { ++figures_.gangs.committed; }
  void on(const gang_released&) { ++figures_.gangs.released; }
  void on(const gang_broken&) { ++figures_.gangs.broken; }
  void on(const node_joined& x);
  void on(const node_ready& x);
  void on(const node_unhealthy& x);
  void on(const node_removed& x);
  /// What changes nothing that is counted.
  template <class Fact>
  void on(const Fact&) {}

  void pass_time(timestamp now);
  void change(known_node& node, const std::function<void(known_node&)>& f);
  void count(const known_node& node, int sign);
  void reserve(const std::string& node, const amounts& x, int sign);
  [[nodiscard]] known_task* task_of(const task_ref& x);
  void leave(known_task& task);
  void forget(const std::string& job);
  void add_state(task_state x, uint64_t n);
  [[nodiscard]] wait_figures waits();
  [[nodiscard]] static use_figures use_of(const sums& x);
  [[nodiscard]] static amounts amounts_of(const resources& x);

  std::map<std::string, known_job, std::less<>> jobs_;
  std::map<std::string, known_node, std::less<>> nodes_;
  std::array<sums, kinds> sums_;
  figures figures_;
  std::vector<int64_t> waits_ms_;
  std::optional<timestamp> first_;
  timestamp last_end_;
  /// Up to when time has passed.
  timestamp now_;
};

} // namespace troupe::runtime::rehearsal
