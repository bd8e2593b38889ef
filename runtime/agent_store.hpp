#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "messages/driver.hpp"
#include "messages/expected.hpp"
#include "messages/work.hpp"

namespace troupe::runtime {

/// The work a machine has accepted and how far it has come, on its disk, so that
/// a restarted process knows it. The work is written before it begins, and a
/// restart before the next run begins. Not synced: what ends the kernel ends the
/// tasks as well.
class agent_store {
public:
  struct entry {
    work_item item;
    run_progress progress;
  };

  /// Opens or makes `directory`. Errors: a sentence for the operator.
  [[nodiscard]] static expected<agent_store, std::string>
  open(std::filesystem::path directory);

  /// Errors: a sentence; the work must then be refused.
  [[nodiscard]] expected<void, std::string> accept(const work_item& x);
  /// Errors: a sentence; what was kept before still stands then.
  [[nodiscard]] expected<void, std::string>
  keep(allocation_id x, const run_progress& progress);
  void forget(allocation_id x);

  /// All that is here. Files that cannot be read are named in `damaged`.
  [[nodiscard]] std::vector<entry>
  load(std::vector<std::string>& damaged) const;

private:
  explicit agent_store(std::filesystem::path directory);
  [[nodiscard]] expected<void, std::string>
  write(allocation_id x, const char* kind, const std::string& text);
  [[nodiscard]] std::filesystem::path
  file_of(allocation_id x, const char* kind) const;

  std::filesystem::path directory_;
};

} // namespace troupe::runtime
