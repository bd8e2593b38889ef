#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "messages/expected.hpp"

#include "runtime/decisions/decisions.hpp"
#include "runtime/journal/journal.hpp"

namespace troupe::runtime {

/// Decisions on disk, for the controller after this one: a line for each note, in
/// order, with its checksum. After each batch a line names the last fact that it
/// knows of, by which a reader sees whether a journal has the same history.
///
/// Nobody depends on it: nothing is synced, and when the power fails what was
/// written last may be lost.
class decision_file {
public:
  /// Bytes of the file after it was written anew.
  static constexpr uint64_t whole_bytes_max = uint64_t{6} << 20;
  /// Bytes that may follow. Then it should be written anew.
  static constexpr uint64_t more_bytes_max = uint64_t{2} << 20;
  /// Of one line. What a job says of itself can be long.
  static constexpr uint64_t line_bytes_max = uint64_t{256} << 10;

  /// @param cluster_id  of the journal.
  decision_file(std::filesystem::path path, std::string cluster_id);
  decision_file(const decision_file&) = delete;
  decision_file& operator=(const decision_file&) = delete;
  ~decision_file();

  /// Writes `x` after what is there; if it is whole, instead of that. Returns how
  /// many bytes that took.
  /// REQUIRES: the first one is whole, and so is the next one after an error.
  /// Errors: a sentence for the operator.
  [[nodiscard]] expected<uint64_t, std::string> keep(const decision_batch& x);

  [[nodiscard]] bool is_long() const {
    return bytes_ > whole_bytes_ + more_bytes_max;
  }

private:
  [[nodiscard]] std::string whole_text(const decision_batch& x) const;
  [[nodiscard]] expected<uint64_t, std::string>
  write_anew(const std::string& text);
  [[nodiscard]] expected<uint64_t, std::string> write(const std::string& text);
  void close();

  std::filesystem::path path_;
  std::string cluster_id_;
  int fd_ = -1;
  uint64_t bytes_ = 0;
  uint64_t whole_bytes_ = 0;
};

/// What the file tells of decisions that `from` has the facts of; nothing if it
/// is not there, of another cluster, or of a history that `from` has left, as a
/// backup does. Damage ends it, and is noted in the log.
[[nodiscard]] decisions
read_decisions(const std::filesystem::path& path, const journal& from);

} // namespace troupe::runtime
