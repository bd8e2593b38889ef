#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messages/command.hpp"

#include "runtime/rehearsal/figures.hpp"
#include "runtime/rehearsal/recording.hpp"
#include "runtime/rehearsal/stage.hpp"

namespace troupe::runtime::rehearsal {

/// How the runs of tasks went, as facts tell it.
class known_runs {
public:
  /// Knows of a run that was under way before the first fact.
  void begin(const task_ref& task, timestamp now);
  /// @param was_stopping  whether the task that ended had been told to.
  void take(const event& x, bool was_stopping);

  /// How the next run of `item` goes: like the one in its place if that came to
  /// its own end; else like another of the task, or the longest of the job.
  [[nodiscard]] run_course next(const work_item& item);

private:
  struct run {
    timestamp placed;
    timestamp started;
    bool has_ended = false;
    /// By itself.
    bool is_whole = false;
    run_course course;
  };
  struct runs {
    std::vector<run> all;
    size_t given = 0;
  };
  std::map<task_ref, runs> runs_;
  /// [job] The longest run that came to its own end.
  std::map<std::string, run_course, std::less<>> longest_;
};

/// What somebody said to the controller, apart from what nodes said of tasks.
struct past {
  std::vector<std::pair<timestamp, command>> said;
  known_runs runs;
  figures all;
  /// [task] Its first place.
  std::map<task_ref, std::string> places;
  settings config;
  timestamp first;
  timestamp last;
};

[[nodiscard]] expected<past, std::string> past_of(const recording& x);

} // namespace troupe::runtime::rehearsal
