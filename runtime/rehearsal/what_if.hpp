#pragma once

/// What would have come of a recorded past under another policy: the same jobs,
/// nodes and requests at the same times, and each run as long as it took then.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/json/value.hpp>

#include "messages/command.hpp"
#include "messages/expected.hpp"

#include "runtime/rehearsal/figures.hpp"
#include "runtime/rehearsal/recording.hpp"

namespace troupe::runtime::rehearsal {

struct what_if_options {
  /// Of the cluster; jobs that name a strategy of their own keep it.
  std::optional<std::string> strategy = std::nullopt;
  std::optional<std::string> order = std::nullopt;
  uint64_t steps_max = 100'000'000;
};

/// The first place of a task. Empty for none.
struct changed_place {
  task_ref task;
  std::string recorded;
  std::string imagined;
  bool operator==(const changed_place&) const = default;
  BOOST_DESCRIBE_CLASS(changed_place, (), (task, recorded, imagined), (), ())
};

struct what_if {
  /// At the end of the recording, and of what is imagined.
  std::string recorded_strategy;
  std::string recorded_order;
  std::string strategy;
  std::string order;
  figures recorded;
  figures imagined;
  /// Tasks that had a place in either, and those of them that had another one.
  uint64_t tasks = 0;
  std::vector<changed_place> changed;
  bool complete = true;
};

/// Errors: what is wrong with the options, or why the recording cannot be begun
/// with.
[[nodiscard]] expected<what_if, std::string>
imagine(const recording& x, const what_if_options& options);

[[nodiscard]] boost::json::value write_what_if(const what_if& x);

} // namespace troupe::runtime::rehearsal
