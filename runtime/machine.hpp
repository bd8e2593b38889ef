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

/// Measures the whole machine. Rates are differences of two calls.
class machine_meter {
public:
  /// What it uses.
  [[nodiscard]] resources measure();
  /// What it has left: idle cpu, and memory that the kernel can give. Nothing
  /// before the second call.
  [[nodiscard]] std::optional<resources> measure_free();

private:
  struct times {
    int64_t busy = 0;
    int64_t all = 0;
  };
  [[nodiscard]] static std::optional<times> read_times();

  std::optional<times> last_;
};

} // namespace troupe::runtime
