#include "runtime/cluster/backfill.hpp"

#include <utility>

namespace troupe::runtime {

namespace {

/// With more endings than this, reservations are not made anew at every fact.
constexpr size_t endings_few = 2'000;
constexpr milliseconds renewal_pause{100};

/// A reservation that moves by less is the same to those behind it.
constexpr milliseconds same_time{1'000};

} // namespace

bool backfill::renew(const std::vector<blocked_head>& heads, const moment& in) {
  auto before = std::exchange(ahead_, std::nullopt);
  if (!heads.empty()) {
    if (may_search(heads, before, in)) {
      ahead_ = search(heads, in);
    } else {
      ahead_ = before;
      bring_up(in.nodes, in.version);
    }
  }
  return !is_same(before);
}

/// Whether the ends of all tasks are gone through once more. With many of them not
/// at every fact, also if nothing was found.
bool backfill::may_search(const std::vector<blocked_head>& heads,
                          const std::optional<reserved_head>& before,
                          const moment& in) const {
  if (endings_.size() > endings_few)
    return !searched_at_ || in.now - searched_at_ >= renewal_pause;
  return !before || before->made != in.version
         || heads.front().key != before->key;
}

std::optional<reserved_head>
backfill::search(const std::vector<blocked_head>& heads, const moment& in) {
  searched_at_ = in.now;
  std::vector<placement::ending> endings{endings_.begin(), endings_.end()};
  for (auto& x : heads) {
    auto& of = x.job->classes.at(x.job->job_version);
    auto kept
      = placement::reserve(in.nodes, in.held, endings, *of, x.count, in.now);
    if (kept)
      return reserved_head{x.key,      x.job->name, of,
                           in.version, in.now,      std::move(*kept)};
  }
  return std::nullopt;
}

void backfill::bring_up(const placement::table& nodes, version_number version) {
  if (!ahead_ || ahead_->made == version)
    return;
  ahead_->places.rest = placement::rest_of(nodes, *ahead_->of, ahead_->places);
  ahead_->made = version;
}

bool backfill::is_same(const std::optional<reserved_head>& before) const {
  if (!ahead_ || !before)
    return ahead_.has_value() == before.has_value();
  auto& x = ahead_->places;
  auto& y = before->places;
  return ahead_->key == before->key && x.places == y.places
         && x.at - y.at < same_time && y.at - x.at < same_time;
}

expected<placement::occupation, reason>
backfill::occupy(placement::table& nodes, placement::node_index row,
                 const placement::task_class& of, bool behind) {
  if (!behind || !ahead_)
    return nodes.occupy(row, of);
  auto& rest = ahead_->places.rest;
  auto beside = rest.occupy(row, of);
  if (!beside)
    return beside;
  auto result = nodes.occupy(row, of);
  if (!result)
    rest.vacate(row, of, *beside);
  return result;
}

void backfill::note_taken(placement::node_index row,
                          const placement::task_class& of,
                          const placement::occupation& place) {
  if (ahead_)
    ahead_->places.rest.occupy_again(row, of, place);
}

} // namespace troupe::runtime
