#pragma once

#include "tests/flow/house.hpp"

namespace troupe::test {

/// A batch job whose tasks take a machine each for so long.
inline job_spec
whole_machine(std::string name, std::chrono::milliseconds duration,
              int32_t priority) {
  auto result = batch_job(std::move(name), duration);
  result.exclusive = true;
  result.priority = priority;
  return result;
}

} // namespace troupe::test
