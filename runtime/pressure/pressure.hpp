#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/ids.hpp"
#include "messages/job.hpp"
#include "messages/work.hpp"

#include "runtime/pressure/cpu.hpp"
#include "runtime/pressure/memory.hpp"

namespace troupe::runtime {

/// What the job lets each of its tasks use. A container is limited to what it
/// requests of memory; a process to what it asks a limit for.
[[nodiscard]] run_limits limits_of(const job_spec& job);

/// What was measured of one run.
struct run_sample {
  run_id run;
  int32_t priority = 0;
  run_limits request;
  /// As `limits_of` says.
  run_limits own;
  /// Since it began.
  double cpu_seconds = 0;
  int64_t memory_bytes = 0;
  std::chrono::steady_clock::time_point at;
  /// It is being ended: it counts, and is left alone.
  bool ending = false;
};

/// Decides on a machine, round by round, whose bursts are held back while there
/// is little left, and whose are given back: `cpu_pressure` and `memory_pressure`
/// have the rules. Nobody is held below its request, and the lowest priority goes
/// first.
///
///   free -> asked -> held -> asked -> free
///            |  ^                         [failed] it is as it was, and is left
///            +--+                         alone for a while
///
/// A round counts once all that was moved has been measured since.
class pressure {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// A ceiling to be set. 0: what its job says.
  struct change {
    run_id run;
    run_limits to;
    /// Why, for people who read logs.
    std::string text;
  };
  struct victim {
    run_id run;
    /// The arithmetic, for its user.
    std::string message;
  };
  struct steps {
    std::vector<change> changes;
    std::optional<victim> end;
  };

  /// @param capacity  what the tasks may use together; 0: nobody knows, and
  ///                  nothing is held back.
  explicit pressure(const resources& capacity);

  /// Takes over what an earlier life of this process has set.
  void adopt(const run_id& run, run_limits held);

  /// Takes what was measured of all that runs.
  /// @param free  what the whole machine has left; absent: nobody knows.
  [[nodiscard]] steps
  take(const std::vector<run_sample>& samples,
       const std::optional<resources>& free, time_point now);

  /// Hears that a change was made; `to` is what there is now, 0: as its job says.
  void changed(const run_id& run, run_limits to);
  /// Hears that it could not be made. Returns whether that is news.
  bool failed(const run_id& run, time_point now);
  /// Hears that nobody knows whether it was made: it may be held to `to`.
  void suspect(const run_id& run, run_limits to);
  void forget(allocation_id x);

  /// What runs are held to, in order.
  [[nodiscard]] std::vector<burst_limit> held() const;
  /// Whether the next round should come soon.
  [[nodiscard]] bool is_close() const;

private:
  struct entry {
    run_id run;
    run_limits held{};
    /// When it was last moved, and whether nobody has answered that yet.
    time_point moved_at{};
    bool asked = false;
    int failures = 0;
    time_point retry_at{};
    int squeezed = 0;
    /// What its rate is measured from next.
    std::optional<run_sample> last{};
    /// Of the last sample.
    time_point at{};
    /// The rate, and when it began to be measured.
    int64_t cpu_millicores = 0;
    time_point since{};
  };
  struct counted {
    entry* state;
    const run_sample* sample;
    run_limits wanted;
  };

  entry& measure(const run_sample& x);
  [[nodiscard]] static bool is_movable(const counted& x, time_point now);
  void take_cpu(std::vector<counted>& runs,
                const std::optional<resources>& free, time_point now);
  [[nodiscard]] std::optional<victim>
  take_memory(std::vector<counted>& runs, const std::optional<resources>& free,
              time_point now);
  [[nodiscard]] std::string text_of(const counted& x) const;
  [[nodiscard]] std::string victim_text(const run_sample& x) const;

  cpu_pressure cpu_;
  memory_pressure memory_;
  resources capacity_;
  std::map<allocation_id, entry> runs_;
};

} // namespace troupe::runtime
