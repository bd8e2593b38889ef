#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "messages/expected.hpp"
#include "messages/ids.hpp"
#include "messages/timestamp.hpp"

#include "runtime/journal/sqlite_connection.hpp"

namespace troupe::runtime::black_box {

using run = run_id;

/// The end of what a run has written.
struct output {
  std::string out;
  std::string err;
  bool operator==(const output&) const = default;
};

/// Kept of each stream.
inline constexpr size_t stream_bytes_max = 65'536;

struct store_options {
  /// Empty: kept in memory, and gone with the process.
  std::filesystem::path file{};
  /// Of output, all runs together; the oldest go first.
  uint64_t bytes_max = uint64_t{256} << 20;
  std::chrono::hours age_max{7 * 24};
};

/// Keeps the end of each run's output, for when its node is gone. Nobody waits
/// for the disk, since it can be read from the node again: when the power fails,
/// what was kept last may be lost.
class store {
public:
  /// Whatever is there and cannot be read is put aside: it is no truth that the
  /// cluster depends on. Errors: a sentence for the operator.
  [[nodiscard]] static expected<store, std::string> open(store_options options);

  /// Keeps `x` instead of what is kept of `which`.
  [[nodiscard]] expected<void, std::string>
  keep(const run& which, const output& x, timestamp now);

  [[nodiscard]] std::optional<output> find(const run& which) const;

  [[nodiscard]] uint64_t bytes() const { return bytes_; }

private:
  store(store_options options, sqlite_connection connection);
  [[nodiscard]] expected<void, journal_error> prepare();
  [[nodiscard]] expected<void, journal_error>
  write(const run& which, const output& x, timestamp now);
  void make_room(timestamp now);
  bool drop_oldest(timestamp older_than);
  [[nodiscard]] uint64_t bytes_of(const run& which) const;

  store_options options_;
  sqlite_connection connection_;
  sqlite_statement insert_;
  sqlite_statement find_;
  sqlite_statement size_;
  sqlite_statement oldest_;
  sqlite_statement erase_;
  uint64_t bytes_ = 0;
};

} // namespace troupe::runtime::black_box
