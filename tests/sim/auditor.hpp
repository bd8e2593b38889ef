#pragma once

/// Looks at everything and touches nothing: facts, what really runs, and what
/// users were told. Whatever does not hold is a breach.

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "messages/command.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/journal/journal.hpp"

#include "tests/sim/ledger.hpp"
#include "tests/sim/truth.hpp"

namespace troupe::sim {

class auditor {
public:
  auditor(const runtime::journal& journal, const truth& world,
          std::function<time_point()> now);

  // -- after every step ------------------------------------------------------

  /// Takes the facts that are durable since.
  void look();
  /// Something has begun to run.
  void see_begin(const real_run& x);
  /// A user was told that `what` is done.
  void hear_answer(const command& what, const outcome& told);
  /// A user was shown the state of `version`.
  void hear_view(version_number version);

  // -- now and then ----------------------------------------------------------

  /// Compares the cluster that the scheduler has with the facts.
  void compare(const runtime::cluster& live);
  /// Reads the journal from its beginning and compares.
  void recover();

  /// What is wrong at the end, and would not be if all were well. Asked again
  /// until it is empty, or patience has run out.
  /// @param machines  those that are switched on.
  [[nodiscard]] std::vector<std::string>
  unfinished(const std::vector<std::string>& machines) const;

  void complain(std::string what) { breaches_.push_back(std::move(what)); }
  [[nodiscard]] std::vector<std::string> breaches() const;
  [[nodiscard]] bool is_well() const {
    return breaches_.empty() && ledger_.breaches.empty();
  }
  [[nodiscard]] const ledger& facts() const { return ledger_; }

private:
  void expect(bool holds, const std::string& what);
  void check_started(const task_started& x);
  void check_ended(const task_ended& x);
  void check_restarts(const real_run& x);
  void check_room(const real_run& x);
  [[nodiscard]] bool
  lacks_member(const ledger::job& owner, const std::string& name) const;
  [[nodiscard]] bool may_wait(const ledger::job& owner, uint32_t index) const;
  [[nodiscard]] bool fits_as_whole(const ledger::gang& gang) const;
  [[nodiscard]] static bool
  suits(const job_spec& spec, const ledger::node& node,
        const ledger::room& room);
  [[nodiscard]] bool may_stand_back(const ledger::job& owner) const;
  [[nodiscard]] bool fits_somewhere(const ledger::job& owner) const;

  const runtime::journal& journal_;
  const truth& truth_;
  std::function<time_point()> now_;
  ledger ledger_;
  /// Follows the facts, as a second controller would.
  runtime::cluster follower_;
  std::map<std::string, std::vector<submitted_job>> answers_;
  std::vector<std::string> breaches_;
};

} // namespace troupe::sim
