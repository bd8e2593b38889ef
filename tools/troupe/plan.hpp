#pragma once

#include <string>
#include <vector>

#include "messages/expected.hpp"

#include "tools/troupe/exit_code.hpp"
#include "tools/troupe/fields.hpp"

namespace troupe::tools {

/// What is said about nodes that are only thought of.
struct imagined_nodes {
  std::string count = {};
  /// `cpu=4,memory=8GiB`
  std::string capacity = {};
  /// `zone=a,disk=ssd`
  std::string labels = {};
  std::string like = {};
  bool operator==(const imagined_nodes&) const = default;
};

/// The change that words of a command line mean: `drain N..`, `lose N..`,
/// `add`, `label N k=v..`, `scale J=N..`, `stop J..`, `priority J=N..`,
/// `strategy S`, `order O`; else files with jobs to submit.
/// Errors: what should stand there instead.
[[nodiscard]] expected<json_value, failure>
change_of(const std::vector<std::string>& words, const imagined_nodes& nodes);

/// What a plan ends the program with: 2 if something would not fit, 1 if
/// something would change, else 0.
[[nodiscard]] int code_of_plan(const json_value& plan);

} // namespace troupe::tools
