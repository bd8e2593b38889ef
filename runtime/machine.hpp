#pragma once

#include <optional>
#include <string>

#include "messages/resources.hpp"

namespace troupe::runtime {

/// What this machine has: cpu and memory that the kernel lets this process use,
/// and the GPUs that `nvidia-smi` lists.
[[nodiscard]] resources machine_capacity();

/// The machine's name as a node's name: lower case, without a domain.
[[nodiscard]] std::string machine_name();

/// Measures what the whole machine uses. Rates are differences of two calls.
class machine_meter {
public:
  [[nodiscard]] resources measure();

private:
  struct times {
    int64_t busy = 0;
    int64_t all = 0;
  };
  [[nodiscard]] static std::optional<times> read_times();

  std::optional<times> last_;
};

} // namespace troupe::runtime
