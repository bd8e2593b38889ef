#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "messages/command.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/placement/policy.hpp"

namespace troupe::runtime::rehearsal {

/// One cluster that decides again. What it says waits to be compared.
class again {
public:
  explicit again(uint32_t batch_tasks_max);

  /// Begins with what lines hold that `cluster::save` wrote.
  [[nodiscard]] expected<void, std::string>
  begin(const std::vector<std::string>& lines);
  /// Takes a fact as it is.
  void apply(const event& x) { core_.apply(x); }

  // -- steps -----------------------------------------------------------------

  void tell(const command& x, timestamp at);
  void pass_time(timestamp at);
  /// Has these policies from now on, too. False if this program has not all of
  /// them.
  [[nodiscard]] bool serve(const std::vector<std::string>& names);
  /// Asks a policy, if something waits and none is asked already.
  void ask();
  void abandon();

  /// How an answer of a policy is taken.
  enum class answered : uint8_t {
    yes,
    /// With places that were recorded, since no journal holds why.
    as_recorded,
    /// Not at all: those do not match what was asked.
    unknowable,
    /// Not at all: nobody was asked.
    unasked
  };
  /// Takes what the policy proposed. Where that follows from what no journal
  /// holds, the places that `recorded` tells are taken instead.
  [[nodiscard]] answered answer(timestamp at, std::span<const event> recorded);

  // -- what comes of them ----------------------------------------------------

  /// What was decided and is not compared yet.
  [[nodiscard]] const event* next() const {
    return said_.empty() ? nullptr : &said_.front();
  }
  void drop_next() { said_.pop_front(); }
  /// Places taken as they were recorded.
  [[nodiscard]] uint64_t places_taken() const { return places_taken_; }

  [[nodiscard]] const cluster& state() const { return core_; }

private:
  struct question {
    waiting::batch what;
    placement::proposal answer;
  };
  [[nodiscard]] bool take_places(std::span<const event> recorded);
  void listen();

  uint32_t batch_tasks_max_;
  cluster core_;
  std::map<std::string, std::unique_ptr<placement::policy>, std::less<>>
    policies_;
  std::optional<question> open_;
  std::deque<event> said_;
  uint64_t places_taken_ = 0;
};

} // namespace troupe::runtime::rehearsal
