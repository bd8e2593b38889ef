#include "runtime/placement/spread_view.hpp"

#include <algorithm>
#include <utility>

namespace troupe::runtime::placement {

int32_t spread_cost(size_t key, size_t keys) {
  int32_t result = 10;
  // More than four levels do not fit; the last ones then weigh the same.
  for (auto i = key + 1; i < std::min<size_t>(keys, 4); ++i)
    result *= 10;
  return result;
}

spread_view::spread_view(std::vector<std::string> keys)
  : keys_(std::move(keys)), values_(keys_.size()), cells_with_(keys_.size()),
    counts_(keys_.size(), {0}) {
  for (auto& x : cells_with_)
    x.emplace_back();
}

uint32_t spread_view::cell_of(const label_set* labels) {
  std::vector<uint32_t> values;
  for (size_t k = 0; k < keys_.size(); ++k) {
    auto value = labels ? value_of(*labels, keys_[k]) : nullptr;
    uint32_t number = 0;
    if (value != nullptr) {
      auto next = static_cast<uint32_t>(cells_with_[k].size());
      auto [at, added] = values_[k].emplace(*value, next);
      if (added) {
        cells_with_[k].emplace_back();
        counts_[k].push_back(0);
      }
      number = at->second;
    }
    values.push_back(number);
  }
  auto next = static_cast<uint32_t>(cells_.size());
  auto [at, added] = cell_by_values_.emplace(values, next);
  if (added) {
    // A new cell takes over what is counted for its values already.
    cell fresh{values, 0};
    for (size_t k = 0; k < keys_.size(); ++k) {
      auto cost = spread_cost(k, keys_.size()) * units_per_point;
      fresh.points -= cost * counts_[k][values[k]];
      cells_with_[k][values[k]].push_back(next);
    }
    cells_.push_back(std::move(fresh));
  }
  return at->second;
}

void spread_view::count(uint32_t x, int64_t more) {
  if (more == 0)
    return;
  for (size_t k = 0; k < keys_.size(); ++k) {
    auto cost = spread_cost(k, keys_.size()) * units_per_point * more;
    counts_[k][cells_[x].values[k]] += more;
    for (auto other : cells_with_[k][cells_[x].values[k]])
      cells_[other].points -= cost;
  }
}

void spread_view::relabel(const table& t, uint32_t p) {
  auto& page = pages_[p];
  for (uint32_t i = 0; i < page_rows && !page.entries.empty(); ++i)
    count(page.entries[page.entry_of[i]].cell, -int64_t{page.tasks[i]});
  page.entries.clear();
  page.tasks.fill(0);
  page.held_stamps.fill(0);
  for (uint32_t i = 0; i < page_rows; ++i) {
    auto n = p * page_rows + i;
    auto cell = cell_of(t.has(n) ? &t.row(n).labels : nullptr);
    auto at = std::find_if(page.entries.begin(), page.entries.end(),
                           [cell](const entry& x) { return x.cell == cell; });
    page.entry_of[i] = static_cast<uint8_t>(at - page.entries.begin());
    if (at == page.entries.end())
      page.entries.push_back({no_choice, cell});
  }
  page.label_stamp = t.label_stamp(p);
}

void spread_view::refresh(const table& t, uint32_t p, const known_class& c,
                          const page_scores& scores) {
  if (pages_.size() < t.pages())
    pages_.resize(t.pages());
  auto& page = pages_[p];
  if (page.label_stamp != t.label_stamp(p))
    relabel(t, p);
  auto& now = t.page_at(p);
  for (auto& x : page.entries)
    x.best = no_choice;
  for (uint32_t i = 0; i < page_rows; ++i) {
    auto n = p * page_rows + i;
    auto& mine = page.entries[page.entry_of[i]];
    if (page.held_stamps[i] != now.held_stamp[i]) {
      page.held_stamps[i] = now.held_stamp[i];
      auto tasks = t.tasks_of_group(n, c);
      count(mine.cell, int64_t{tasks} - page.tasks[i]);
      page.tasks[i] = tasks;
    }
    if (scores[i] != refused)
      mine.best = std::max(mine.best, choice_of(scores[i], n));
  }
}

choice spread_view::best() const {
  auto result = no_choice;
  units highest = refused;
  for (auto& page : pages_) {
    for (auto& x : page.entries) {
      if (x.best == no_choice)
        continue;
      auto score = score_of(x.best) + cells_[x.cell].points;
      if (result == no_choice || score > highest
          || (score == highest && node_of(x.best) < node_of(result))) {
        result = x.best;
        highest = score;
      }
    }
  }
  return result;
}

} // namespace troupe::runtime::placement
