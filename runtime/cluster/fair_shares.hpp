#pragma once

/// What groups of jobs hold and have held, for a queue that is fair to them.
///
/// Source: dominant shares, Ghodsi et al., NSDI 2011, algorithm 1; with weights,
/// section 4.3.

#include <cstdint>
#include <map>
#include <string>

#include "messages/job.hpp"
#include "messages/timestamp.hpp"

namespace troupe::runtime {

/// The greatest part of `whole` that `x` is, in any resource.
[[nodiscard]] double dominant_share(const resources& x, const resources& whole);

class fair_shares {
public:
  /// [group] A part of the whole times milliseconds.
  using past_use = std::map<std::string, int64_t, std::less<>>;

  /// A task of `group` has a place now.
  void enter(const std::string& group, const resources& request) {
    held_[group] += request;
  }
  /// It has none any more, after `ran`. Tasks that come and go between two looks
  /// leave no share behind: without a memory the one who came first would be
  /// served until all of its own are done.
  void leave(const std::string& group, const resources& request,
             milliseconds ran, const resources& whole, timestamp now);
  /// Forgets what all hold and have held.
  void clear();

  /// What `group` counts as: its share, and a little for what it had before,
  /// which decides only among groups that have the same now.
  [[nodiscard]] double
  of(const std::string& group, const resources& whole) const;

  /// What was held is halved as time passes; so many times it has been by now.
  [[nodiscard]] const past_use& past() const { return past_; }
  [[nodiscard]] int64_t halved() const { return halved_; }
  void restore(past_use past, int64_t halved);

private:
  /// [group]
  std::map<std::string, resources, std::less<>> held_;
  past_use past_;
  int64_t halved_ = 0;
};

} // namespace troupe::runtime
