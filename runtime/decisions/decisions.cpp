#include "runtime/decisions/decisions.hpp"

#include <algorithm>
#include <utility>

namespace troupe::runtime {

namespace {

/// Facts about one place that are remembered beside the decisions.
constexpr size_t places_max = 16'384;

template <class Map>
void cut(Map& xs, size_t most) {
  while (xs.size() > most)
    xs.erase(xs.begin());
}

} // namespace

void decisions::note_round(decided_round x,
                           const std::vector<placement::weighed_ask>& asks) {
  noted_round round{std::move(x), {}};
  for (auto& y : asks)
    round.asks.push_back(std::make_shared<const placement::weighed_ask>(y));
  note_round(std::move(round));
}

void decisions::note_round(noted_round x) {
  // A round that placed nobody has no facts: it stands where they would be, and
  // the last one there says what is true.
  auto first = x.what.first;
  if (auto before = rounds_.find(first); before != rounds_.end()) {
    auto classes = before->second.asks;
    for (auto& y : classes)
      drop(*y->of, first);
  }
  auto asks = std::exchange(x.asks, {});
  auto& kept = rounds_.insert_or_assign(first, std::move(x)).first->second;
  for (auto& y : asks)
    keep(kept, y);
  if (kept.asks.empty())
    rounds_.erase(first);
  while (size_ > most_)
    forget_oldest();
}

void decisions::keep(noted_round& to, const weighed_ask_ptr& x) {
  auto& known = by_class_[x->of];
  // A try that failed is told of until the next one.
  if (!known.empty() && known.back() != to.what.first) {
    auto before = rounds_.find(known.back());
    auto failed = [&](const weighed_ask_ptr& y) {
      return y->placed == 0 && (y->of == x->of || *y->of == *x->of);
    };
    auto& asks = before->second.asks;
    auto rooms = rooms_.lower_bound(before->second.what.first);
    auto made_room
      = rooms != rooms_.end() && rooms->first <= before->second.what.last;
    if (!made_room && std::any_of(asks.begin(), asks.end(), failed))
      drop(*x->of, known.back(), 0);
  }
  to.asks.push_back(x);
  // `drop` may have removed the class.
  by_class_[x->of].push_back(to.what.first);
  ++size_;
}

void decisions::drop(const placement::task_class& of, version_number first,
                     uint32_t placed_max) {
  auto known = by_class_.find(of);
  auto round = rounds_.find(first);
  if (known == by_class_.end() || round == rounds_.end())
    return;
  auto& asks = round->second.asks;
  auto at = std::find_if(asks.begin(), asks.end(), [&](auto& x) {
    return x->placed <= placed_max && *x->of == of;
  });
  auto listed = std::find(known->second.begin(), known->second.end(), first);
  if (at == asks.end() || listed == known->second.end())
    return;
  known->second.erase(listed);
  if (known->second.empty())
    by_class_.erase(known);
  asks.erase(at);
  if (asks.empty())
    rounds_.erase(round);
  --size_;
}

void decisions::forget_oldest() {
  auto most = std::max_element(by_class_.begin(), by_class_.end(),
                               [](auto& a, auto& b) {
                                 if (a.second.size() != b.second.size())
                                   return a.second.size() < b.second.size();
                                 return a.second.front() > b.second.front();
                               });
  auto of = most->first;
  drop(*of, most->second.front());
}

// -- facts -------------------------------------------------------------------

void decisions::note_room(version_number held) {
  if (!recent_.empty())
    rooms_[held] = {std::exchange(recent_, {})};
  cut(rooms_, places_max);
}

bool decisions::take(const event& x) {
  if (x.version != after_recent_)
    recent_.clear();
  if (auto* gone = std::get_if<task_preempted>(&x.what)) {
    recent_.push_back({gone->task, gone->priority});
    after_recent_ = x.version + 1;
    return true;
  }
  auto matters = true;
  if (auto* held = std::get_if<place_held>(&x.what)) {
    pending_[held->task] = {x.version, {}};
    note_room(x.version);
  } else if (auto* gang = std::get_if<gang_reserved>(&x.what)) {
    for (auto& place : gang->places)
      pending_[place.task] = {x.version, gang->gang};
    note_room(x.version);
  } else if (auto* gone = std::get_if<place_released>(&x.what)) {
    matters = pending_.erase(gone->task) > 0;
  } else if (auto* all = std::get_if<gang_released>(&x.what)) {
    matters = std::erase_if(pending_,
                            [&](auto& y) { return y.second.gang == all->gang; })
              > 0;
  } else {
    auto* placed = std::get_if<task_placed>(&x.what);
    auto at = placed == nullptr || pending_.empty()
                ? pending_.end()
                : pending_.find(placed->task);
    matters = at != pending_.end();
    if (matters) {
      origins_[x.version] = at->second.held;
      pending_.erase(at);
    }
  }
  recent_.clear();
  cut(origins_, places_max);
  cut(pending_, places_max);
  return matters;
}

// -- notes -------------------------------------------------------------------

std::vector<decision_note> decisions::notes() const {
  std::vector<decision_note> result;
  result.reserve(rooms_.size() + origins_.size() + pending_.size()
                 + rounds_.size());
  for (auto& [held, room] : rooms_)
    result.emplace_back(noted_room{held, room});
  for (auto& [placed, held] : origins_)
    result.emplace_back(noted_origin{placed, held});
  for (auto& [task, place] : pending_)
    result.emplace_back(noted_place{task, place.held, place.gang});
  for (auto& [first, round] : rounds_)
    result.emplace_back(round);
  return result;
}

void decisions::note(decision_note x) {
  if (auto* round = std::get_if<noted_round>(&x))
    note_round(std::move(*round));
  else if (auto* room = std::get_if<noted_room>(&x))
    rooms_[room->held] = std::move(room->room);
  else if (auto* origin = std::get_if<noted_origin>(&x))
    origins_[origin->placed] = origin->held;
  else if (auto* place = std::get_if<noted_place>(&x))
    pending_[place->task] = {place->held, std::move(place->gang)};
  else if (auto* fact = std::get_if<event>(&x))
    take(*fact);
}

// -- questions ---------------------------------------------------------------

const noted_round* decisions::round_of(version_number x) const {
  auto at = rounds_.upper_bound(x);
  if (at == rounds_.begin())
    return nullptr;
  auto& found = std::prev(at)->second;
  return x <= found.what.last ? &found : nullptr;
}

std::optional<decisions::decision>
decisions::about(version_number allocation, version_number job,
                 const placement::task_class& of) const {
  auto origin = origins_.find(allocation);
  auto fact = origin == origins_.end() ? allocation : origin->second;
  auto* round = round_of(fact);
  if (round == nullptr)
    return std::nullopt;
  auto room = rooms_.find(fact);
  auto made_room = room != rooms_.end();
  // Best its own; and for whom room was made, what found none.
  const placement::weighed_ask* best = nullptr;
  auto best_rank = 0;
  for (auto& y : round->asks) {
    auto own = y->id == job;
    if (!own && !(*y->of == of))
      continue;
    auto rank = 1 + (own ? 1 : 0) + ((y->placed == 0) == made_room ? 2 : 0);
    if (rank > best_rank) {
      best = y.get();
      best_rank = rank;
    }
  }
  if (best == nullptr)
    return std::nullopt;
  return decision{&round->what, best, made_room ? &room->second : nullptr};
}

std::optional<decisions::decision>
decisions::last_try(const placement::task_class& of) const {
  auto known = by_class_.find(of);
  if (known == by_class_.end())
    return std::nullopt;
  auto& round = rounds_.at(known->second.back());
  for (auto& x : round.asks)
    if (x->placed < x->asked && *x->of == of)
      return decision{&round.what, x.get(), nullptr};
  return std::nullopt;
}

} // namespace troupe::runtime
