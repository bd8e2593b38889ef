#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::tools {

/// `fine`, or what it means that it is not: `limited` works, but less well or
/// not for all jobs; `missing` has to be mended first.
enum class health_verdict : uint8_t { fine, limited, missing };

[[nodiscard]] std::string_view word_of(health_verdict x);

/// What was found out about one thing that the program needs.
struct finding {
  std::string subject;
  health_verdict verdict = health_verdict::fine;
  std::string detail;
  /// A command, or what else to do; empty if nothing is to be done.
  std::string remedy{};
};

struct examination {
  /// `unix://PATH` or `http://HOST:PORT`.
  std::string docker;
  /// Where a controller would keep its journal. It need not exist.
  std::string data;
};

/// Looks at this machine. Takes a few seconds at most; changes nothing.
[[nodiscard]] std::vector<finding> examine_machine(const examination& x);

// -- one by one ----------------------------------------------------------------

[[nodiscard]] finding examine_docker(const std::string& address);
[[nodiscard]] finding examine_cgroups();
/// Whether `port` of loopback can be listened on.
[[nodiscard]] finding examine_port(uint16_t port, std::string_view use);
[[nodiscard]] finding examine_disk(const std::string& folder);
[[nodiscard]] finding examine_memory();
[[nodiscard]] finding examine_descriptors();
[[nodiscard]] finding examine_gpus();
[[nodiscard]] finding examine_time_zones();

/// The inode of the socket that listens on `port`, in the text of
/// `/proc/net/tcp` or `tcp6`.
[[nodiscard]] std::optional<uint64_t>
listening_inode(std::string_view table, uint16_t port);

} // namespace troupe::tools
