#pragma once

/// Letting others run while a big task waits, and yet letting it start: what is at
/// the head of the queue and fits nowhere gets a reservation at the time when
/// enough of what runs is expected to have ended. Whoever comes behind it and
/// would still be there by then has to fit beside it. Who says how long it runs is
/// rewarded: it may use what is reserved until then.
///
/// Source: EASY, Lifka, "The ANL/IBM SP Scheduling System", JSSPP 1995.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "messages/expected.hpp"

#include "runtime/cluster/records.hpp"
#include "runtime/placement/preempt.hpp"
#include "runtime/placement/reservation.hpp"

namespace troupe::runtime {

/// Places that are kept for what is at the head of the queue.
struct reserved_head {
  queue_key key;
  std::string job;
  std::shared_ptr<const placement::task_class> of;
  /// The state that `places` is true of, and when they were found.
  version_number made = 0;
  timestamp made_at;
  placement::reservation places;
};

/// What is blocked and could be reserved for.
struct blocked_head {
  queue_key key;
  const job_record* job = nullptr;
  uint32_t count = 1;
};

class backfill {
public:
  /// Of what is blocked, the first so many are asked when they could start.
  static constexpr size_t heads_max = 8;

  /// The nodes as they are in a state.
  struct moment {
    const placement::table& nodes;
    placement::find_held held;
    version_number version = 0;
    timestamp now;
  };

  // -- when tasks end --------------------------------------------------------

  void expect(const placement::ending& x) { endings_.insert(x); }
  void forget(const placement::ending& x) { endings_.erase(x); }
  /// Whether somebody said when anything ends.
  [[nodiscard]] bool knows_ends() const { return !endings_.empty(); }

  // -- what is reserved ------------------------------------------------------

  [[nodiscard]] const std::optional<reserved_head>& ahead() const {
    return ahead_;
  }
  /// Reserves anew for the first of `heads`, in the order of the queue, that could
  /// start at a known time. Returns whether that is something else than before
  /// for those behind it.
  [[nodiscard]] bool
  renew(const std::vector<blocked_head>& heads, const moment& in);
  /// Keeps what is reserved, on the nodes as they are by now.
  void bring_up(const placement::table& nodes, version_number version);

  /// Whether what stands at `key` must leave what is reserved alone.
  [[nodiscard]] bool
  is_behind(queue_key key, milliseconds estimate, timestamp now) const {
    return ahead_ && ahead_->key < key
           && (estimate.count() == 0 || now + estimate > ahead_->places.at);
  }
  /// What there is on `nodes` for those behind a reservation, or for others.
  [[nodiscard]] const placement::table&
  open_to(bool behind, const placement::table& nodes) const {
    return behind && ahead_ ? ahead_->places.rest : nodes;
  }
  /// Takes a place that leaves what is reserved alone, if it must.
  [[nodiscard]] expected<placement::occupation, reason>
  occupy(placement::table& nodes, placement::node_index row,
         const placement::task_class& of, bool behind);
  /// Notes that somebody behind the reservation is to have `place`.
  void note_taken(placement::node_index row, const placement::task_class& of,
                  const placement::occupation& place);

private:
  [[nodiscard]] bool may_search(const std::vector<blocked_head>& heads,
                                const std::optional<reserved_head>& before,
                                const moment& in) const;
  [[nodiscard]] std::optional<reserved_head>
  search(const std::vector<blocked_head>& heads, const moment& in);
  [[nodiscard]] bool is_same(const std::optional<reserved_head>& before) const;

  /// When tasks that run are expected to end, where somebody said it.
  std::set<placement::ending> endings_;
  std::optional<reserved_head> ahead_;
  /// When the ends of all tasks were gone through last.
  timestamp searched_at_;
};

} // namespace troupe::runtime
