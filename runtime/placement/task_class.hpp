#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "messages/job.hpp"

namespace troupe::runtime::placement {

/// The part of a job that placement looks at. Tasks of one class are the same
/// to placement, whichever job they belong to, so rules are evaluated once for
/// all of them.
struct task_class {
  resources request;
  std::string strategy;
  std::vector<label_requirement> requirements;
  std::vector<label_preference> preferences;
  label_set labels;
  label_set avoid_colocating;
  label_set colocate_with;
  std::vector<std::string> spread_by;
  /// Whose tasks `spread_by` counts; empty when there is no such rule, so that
  /// equal jobs share a class.
  std::string spread_group;
  bool exclusive = false;
  /// Host ports asked for by number, sorted.
  std::vector<uint16_t> host_ports;
  /// Further host ports, whichever are free.
  uint32_t chosen_ports = 0;

  auto operator<=>(const task_class&) const = default;
};

/// The class of the tasks of `spec`, with `default_strategy` where the job names
/// none.
[[nodiscard]] task_class
class_of(const job_spec& spec, const std::string& default_strategy);

} // namespace troupe::runtime::placement
