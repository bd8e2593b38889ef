#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "messages/expected.hpp"

/// Limits by control groups, version 1 or 2, whichever the machine has.
/// Source: kernel documentation, admin-guide/cgroup-v1 and cgroup-v2.
namespace troupe::runtime::process {

struct group_limits {
  /// 0: none.
  int64_t cpu_millicores = 0;
  /// 0: none.
  int64_t memory_bytes = 0;
};

struct group_usage {
  int64_t memory_bytes = 0;
  int64_t memory_bytes_peak = 0;
  /// Times that the kernel killed in this group for want of memory.
  int64_t out_of_memory_kills = 0;
};

/// Where this process may make groups. An empty directory means that this
/// resource cannot be limited.
class control_groups {
public:
  /// Looks at the machine and makes the directory that all groups of this
  /// program stand in. `root` is the mount point, `own` what
  /// /proc/self/cgroup says.
  [[nodiscard]] static control_groups
  detect(const std::string& root = "/sys/fs/cgroup");

  [[nodiscard]] bool limits_memory() const { return !memory_.empty(); }
  [[nodiscard]] bool limits_cpu() const { return !cpu_.empty(); }

  /// Makes the group `name`. Limits that cannot be set are left out.
  /// Returns the files into which a process writes `0` to join; none, if there
  /// is nothing to limit.
  [[nodiscard]] std::vector<std::string>
  create(const std::string& name, group_limits limits) const;

  /// The files of an existing group, as above.
  [[nodiscard]] std::vector<std::string> doors(const std::string& name) const;

  /// Nothing if the group's memory is not accounted.
  [[nodiscard]] std::optional<group_usage> usage(const std::string& name) const;

  /// Kills all that are in the group.
  void kill(const std::string& name) const;

  /// REQUIRES: nobody is in the group any more; else it stays.
  void remove(const std::string& name) const;

private:
  enum class version { one, two };

  [[nodiscard]] std::vector<std::string>
  directories(const std::string& name) const;

  version version_ = version::one;
  /// Directories in which groups are made; the same one in version 2.
  std::string memory_;
  std::string cpu_;
};

} // namespace troupe::runtime::process
