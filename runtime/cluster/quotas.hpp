#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "messages/job.hpp"

namespace troupe::runtime {

/// How many tasks with a label have a place, and how many may.
struct quota_record {
  uint32_t limit = 0;
  uint32_t used = 0;

  [[nodiscard]] uint32_t left() const {
    return limit > used ? limit - used : 0;
  }
};

/// How many tasks with a certain label may have a place at once. Classes of jobs
/// are told apart by the limits that hold for them, so a limit that is reached
/// blocks whole classes, and what waits behind it costs nothing.
class quotas {
public:
  using names = std::set<std::string, std::less<>>;

  /// Takes these limits, by `label=value`, and counts from 0 again.
  void limit(const std::map<std::string, uint32_t>& limits);

  /// Names of the limits that hold for jobs of `spec`.
  [[nodiscard]] std::vector<std::string> of(const job_spec& spec) const;
  /// How many more tasks may have a place under all of the limits `names`.
  [[nodiscard]] uint32_t left(const std::vector<std::string>& names) const;
  [[nodiscard]] const auto& all() const { return quotas_; }

  /// Notes that so many more tasks of `spec` have a place, or fewer.
  void count(const job_spec& spec, int64_t tasks);

  /// The limits that had no room and have some since the last call.
  [[nodiscard]] names take_freed();

private:
  std::map<std::string, quota_record, std::less<>> quotas_;
  names freed_;
};

} // namespace troupe::runtime
