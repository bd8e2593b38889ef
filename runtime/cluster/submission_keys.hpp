#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "messages/command.hpp"

namespace troupe::runtime {

/// What was answered to submissions that came with a key, so that the second of
/// the same is answered like the first. A key is what its sender chose and,
/// after a line break, a digest of what came with it.
class submission_keys {
public:
  using answer = std::vector<submitted_job>;

  /// Remembers at most `keys_max`; the oldest are forgotten first.
  explicit submission_keys(size_t keys_max) : keys_max_(keys_max) {
    // nop
  }

  /// What was answered to `key`; null if it is not known.
  [[nodiscard]] const answer* find(const std::string& key) const;
  /// Whether what the sender chose of `key` came with something else before.
  [[nodiscard]] bool is_of_another(const std::string& key) const;
  [[nodiscard]] size_t size() const { return answers_.size(); }

  /// Adds a job to what is answered to `key`. An empty key is none.
  void remember(const std::string& key, submitted_job x);
  /// Takes a key as a snapshot has it, in the order of `each`.
  void restore(const std::string& key, answer x);

  /// Calls `f` with each key and its answer, oldest first.
  template <class F>
  void each(F f) const {
    for (auto& key : in_order_)
      f(key, answers_.find(key)->second);
  }
  [[nodiscard]] bool is_consistent() const {
    return answers_.size() == in_order_.size();
  }

private:
  size_t keys_max_;
  std::map<std::string, answer, std::less<>> answers_;
  std::deque<std::string> in_order_;
};

} // namespace troupe::runtime
