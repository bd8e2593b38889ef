// Letting others run while a big task waits, and yet letting it start: what is at
// the head of the queue and fits nowhere gets a reservation at the time when
// enough of what runs is expected to have ended. Whoever comes behind it and
// would still be there by then has to fit beside it. Who says how long it runs is
// rewarded: it may use what is reserved until then.
//
// Source: EASY, Lifka, "The ANL/IBM SP Scheduling System", JSSPP 1995.

#include <algorithm>

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

namespace {

/// Of what is blocked, the first so many are asked when they could start.
constexpr size_t heads_max = 8;

/// With more endings than this, reservations are not made anew at every fact.
constexpr size_t endings_few = 2'000;
constexpr milliseconds renewal_pause{100};

/// A reservation that moves by less is the same to those behind it.
constexpr milliseconds same_time{1'000};

} // namespace

// -- when tasks end ----------------------------------------------------------

void cluster::expect_end(const job_record& job, uint32_t index, bool expected) {
  auto& task = job.tasks[index];
  auto estimate = estimate_of(*job.spec_of(task.job_version));
  if (estimate.count() == 0)
    return;
  auto row = find_node(node_of(task))->row;
  auto* tenant = tenants_.find(row, task.allocation.value);
  placement::ending x{tenant->since + estimate, row, tenant->id};
  if (expected)
    endings_.insert(x);
  else
    endings_.erase(x);
}

void cluster::set_since(const job_record& job, uint32_t index) {
  auto& task = job.tasks[index];
  expect_end(job, index, false);
  tenants_.set_since(find_node(node_of(task))->row, task.allocation.value,
                     now_);
  expect_end(job, index, true);
}

// -- who is at the head ------------------------------------------------------

bool cluster::backfills() const {
  return !endings_.empty() && settings_.queue_order != "fair";
}

/// What is blocked and could be reserved for, in the order of the queue.
std::vector<cluster::blocked_head> cluster::blocked_heads() const {
  std::vector<blocked_head> result;
  for (auto& [key, job] : waiting_.blocked(heads_max))
    result.push_back({key, job, 1});
  for (auto& [name, gang] : gangs_) {
    // Of several jobs, nobody knows together how long they will be.
    if (gang.state != gang_state::waiting || !gang.blocked
        || gang.jobs.size() != 1)
      continue;
    auto members = members_of(gang);
    if (members.complete() && members.places_min() > 0)
      result.push_back(
        {key_of(gang), gang.jobs.begin()->second, members.places_min()});
  }
  std::sort(result.begin(), result.end(),
            [](auto& x, auto& y) { return x.key < y.key; });
  if (result.size() > heads_max)
    result.resize(heads_max);
  return result;
}

void cluster::renew_reservation() {
  auto before = std::exchange(ahead_, std::nullopt);
  if (backfills()) {
    auto heads = blocked_heads();
    if (!heads.empty())
      ahead_ = may_search(heads, before) ? search(heads) : brought_up(before);
  }
  if (!is_same_reservation(before))
    wake_those_behind();
}

/// Whether the ends of all tasks are gone through once more. With many of them not
/// at every fact, also if nothing was found.
bool cluster::may_search(const std::vector<blocked_head>& heads,
                         const std::optional<reserved_head>& before) const {
  if (endings_.size() > endings_few)
    return !searched_at_ || now_ - searched_at_ >= renewal_pause;
  return !before || before->made != version_
         || heads.front().key != before->key;
}

std::optional<reserved_head>
cluster::search(const std::vector<blocked_head>& heads) {
  searched_at_ = now_;
  std::vector<placement::ending> endings{endings_.begin(), endings_.end()};
  for (auto& x : heads) {
    auto& of = x.job->classes.at(x.job->job_version);
    auto kept = placement::reserve(
      table_,
      [this](placement::node_index n, uint64_t id) {
        return holding_of(n, id);
      },
      endings, *of, x.count, now_);
    if (kept)
      return reserved_head{x.key,    x.job->name, of,
                           version_, now_,        std::move(*kept)};
  }
  return std::nullopt;
}

/// The reservation that there was, on the nodes as they are by now.
std::optional<reserved_head>
cluster::brought_up(const std::optional<reserved_head>& before) const {
  auto result = before;
  if (result && result->made != version_) {
    result->places.rest
      = placement::rest_of(table_, *result->of, result->places);
    result->made = version_;
  }
  return result;
}

bool cluster::is_same_reservation(
  const std::optional<reserved_head>& before) const {
  if (!ahead_ || !before)
    return ahead_.has_value() == before.has_value();
  auto& x = ahead_->places;
  auto& y = before->places;
  return ahead_->key == before->key && x.places == y.places
         && x.at - y.at < same_time && y.at - x.at < same_time;
}

void cluster::wake_those_behind() {
  waiting_.wake_if(
    [](const waiting::job_class& x) { return x.blocked && x.behind; });
  for (auto& [name, gang] : gangs_)
    if (gang.blocked && gang.behind) {
      gang.blocked = false;
      list_gang(gang, members_of(gang));
    }
}

bool cluster::is_behind(queue_key key, milliseconds estimate) const {
  if (!ahead_ || !(ahead_->key < key))
    return false;
  return estimate.count() == 0 || now_ + estimate > ahead_->places.at;
}

/// Takes a place that leaves what is reserved alone, if it must.
expected<placement::occupation, reason>
cluster::occupy(placement::node_index row, const placement::task_class& of,
                bool behind) {
  if (!behind || !ahead_)
    return table_.occupy(row, of);
  auto& rest = ahead_->places.rest;
  auto beside = rest.occupy(row, of);
  if (!beside)
    return beside;
  auto result = table_.occupy(row, of);
  if (!result)
    rest.vacate(row, of, *beside);
  return result;
}

const placement::table& cluster::nodes_for(const waiting::batch& x) const {
  return x.behind && ahead_ ? ahead_->places.rest : table_;
}

} // namespace troupe::runtime
