#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "messages/ids.hpp"

namespace troupe::runtime {

/// Who waits for the end of which job, and which of those ends may have come.
class dependents {
public:
  using births = std::set<version_number>;
  using names = std::set<std::string, std::less<>>;

  /// Notes that the job born at `born` awaits the end of `awaited`.
  void add(const std::string& awaited, version_number born) {
    of_[awaited].insert(born);
  }
  /// Takes that back. Returns whether nobody awaits `awaited` any more, and
  /// somebody did.
  [[nodiscard]] bool remove(std::string_view awaited, version_number born);

  [[nodiscard]] bool is_awaited(std::string_view name) const {
    return of_.find(name) != of_.end();
  }
  /// Births of the jobs that await `name`.
  [[nodiscard]] const births& of(std::string_view name) const;
  /// All waits: each pair of jobs counts.
  [[nodiscard]] size_t size() const;

  /// Notes that `name` may have ended. Whether it stays so is known when all
  /// facts of a decision are there.
  void note_end(const std::string& name) { ended_.insert(name); }
  /// The same of all that are awaited.
  void note_all();
  /// What was noted since the last call.
  [[nodiscard]] names take_ended();
  void forget_ends() { ended_.clear(); }

private:
  /// [name of a job] Births of the jobs that await its end; never empty.
  std::map<std::string, births, std::less<>> of_;
  names ended_;
};

} // namespace troupe::runtime
