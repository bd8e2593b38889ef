#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "messages/expected.hpp"

#include "runtime/drivers/process/process_identity.hpp"
#include "runtime/drivers/process/run_spec.hpp"

/// The files of one run are all that its runner and the agents after this one
/// have in common:
///
///     runs/17-2/run.json       agent    what to run
///               claim          runner   who runs it; locked while that lives
///               state          runner   the command runs
///               stdout.log[.n] runner
///               stderr.log[.n] runner
///               exit           runner   how it ended
///               acknowledged   agent    the ending is known to all who must
///
/// Each appears whole or not at all, and in this order; none is changed later.
namespace troupe::runtime::process {

enum class log_stream { out, err };

/// What the runner writes once the command runs.
struct run_state {
  process_identity runner;
  process_identity child;
  wall_time started_at;
};

/// The names of one run's files, and how they come to be.
class run_dir {
public:
  /// REQUIRES: `path` is absolute.
  explicit run_dir(std::string path);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file(std::string_view name) const;
  [[nodiscard]] std::string log(log_stream stream) const;

  /// Errors of all writers: a sentence with the file and the system's reason.
  expected<void, std::string> write_spec(const run_spec& spec) const;
  expected<void, std::string> write_state(const run_state& state) const;
  expected<void, std::string>
  write_exit(const run_exit& exit,
             durability wanted = durability::process) const;
  expected<void, std::string> write_acknowledged() const;

  /// Makes `owner` the only one who may run this, for ever. The lock lives as
  /// long as the descriptor. Nothing, if somebody else has claimed it.
  [[nodiscard]] expected<std::optional<unique_fd>, std::string>
  claim(const process_identity& owner) const;

  [[nodiscard]] expected<run_spec, std::string> spec() const;
  [[nodiscard]] std::optional<process_identity> claimed_by() const;
  [[nodiscard]] std::optional<run_state> state() const;
  /// A file that cannot be read is an ending that nobody knows: `lost`.
  [[nodiscard]] std::optional<run_exit> exit() const;

  [[nodiscard]] bool has_claim() const;
  [[nodiscard]] bool has_exit() const;
  [[nodiscard]] bool is_acknowledged() const;
  /// Whether whoever claimed the run is still alive.
  [[nodiscard]] bool claim_is_held() const;

private:
  std::string path_;
};

/// Nothing if there is no such file.
[[nodiscard]] std::optional<std::string> read_file(const std::string& path);

/// Errors: a sentence; `path` then is as it was.
expected<void, std::string>
write_file(const std::string& path, std::string_view bytes, durability wanted);

} // namespace troupe::runtime::process
