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
  /// Weight when cpu is scarce. 0: the kernel's default.
  int64_t cpu_millicores_reserved = 0;
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

  /// Makes the group `name`, also without limits: they may come later. Those that
  /// cannot be set are left out.
  /// Returns the files into which a process writes `0` to join; none, if nothing
  /// can be limited here.
  [[nodiscard]] std::vector<std::string>
  create(const std::string& name, group_limits limits) const;

  /// The files of an existing group, as above.
  [[nodiscard]] std::vector<std::string> doors(const std::string& name) const;

  /// Moves the limits of an existing group. Memory that is in use and that the
  /// kernel cannot take back stays: the limit is then what is used.
  /// Returns what there is now. Errors: a sentence.
  [[nodiscard]] expected<group_limits, std::string>
  limit(const std::string& name, group_limits wanted) const;

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
  bool put_cpu(const std::string& path, int64_t millicores) const;
  bool put_memory(const std::string& path, int64_t bytes) const;
  bool put_memory_one(const std::string& path, int64_t bytes) const;
  bool put_memory_two(const std::string& path, int64_t bytes) const;
  void put_weight(const std::string& path, int64_t millicores) const;

  version version_ = version::one;
  /// Directories in which groups are made; the same one in version 2.
  std::string memory_;
  std::string cpu_;
};

} // namespace troupe::runtime::process
