// The search for room. Where only cpu and memory are missing, sums tell it all;
// where rules decide, tenants leave and come back on a copy of the table.

#include "runtime/placement/preempt.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "messages/contract.hpp"

namespace troupe::runtime::placement {

namespace {

/// Candidates of one node among which every pair is tried.
constexpr size_t pairs_max = 48;

/// What it costs that a victim has nowhere to go, in milliseconds: it waits, nobody
/// knows how long. As much as a task loses that has run for so long.
constexpr int64_t homeless_cost = 300'000;

/// Finds out which victims another node would take at once. What fits nowhere by
/// cpu and memory is known by two numbers; the rules of others are looked at once
/// for each class.
class homes {
public:
  explicit homes(const room_search& in) : in_(in) {}

  [[nodiscard]] bool other_than(node_index n, const tenant& x) {
    return roomy_other_than(n, x)
           && is_there(n, by_class(in_.held(n, x.id).of));
  }

  /// The same by cpu and memory alone.
  [[nodiscard]] bool roomy_other_than(node_index n, const tenant& x) {
    if (last_ == nullptr || last_size_ != std::pair{x.cpu, x.memory}) {
      last_size_ = {x.cpu, x.memory};
      last_ = &by_size(x);
    }
    return is_there(n, *last_);
  }

private:
  /// The first two nodes: one of them may be the victim's own.
  using found = std::vector<node_index>;
  static constexpr size_t enough = 2;

  static bool is_there(node_index n, const found& x) {
    return std::any_of(x.begin(), x.end(), [n](auto y) { return y != n; });
  }

  const found& by_size(const tenant& x) {
    auto [at, is_new] = sizes_.try_emplace({x.cpu, x.memory});
    for (node_index n = 0;
         is_new && n < in_.nodes.rows() && at->second.size() < enough; ++n) {
      auto& p = in_.nodes.page_at(n / page_rows);
      auto i = n % page_rows;
      if (p.barred[i] == reason::none && p.cpu_free[i] >= x.cpu
          && p.memory_free[i] >= x.memory)
        at->second.push_back(n);
    }
    return at->second;
  }

  const found& by_class(const std::shared_ptr<const task_class>& of) {
    auto [at, is_new] = classes_.try_emplace(of);
    if (!is_new)
      return at->second;
    known_class known{*of};
    for (node_index n = 0; n < in_.nodes.rows() && at->second.size() < enough;
         ++n)
      if (in_.nodes.refuses(n, known) == reason::none)
        at->second.push_back(n);
    return at->second;
  }

  const room_search& in_;
  // Most tenants are like the one before.
  std::pair<int32_t, int64_t> last_size_;
  const found* last_ = nullptr;
  std::map<std::pair<int32_t, int64_t>, found> sizes_;
  std::map<std::shared_ptr<const task_class>, found> classes_;
};

class search {
public:
  search(const room_search& in, const task_class& c, int32_t priority)
    : in_(in), nodes_(&in.nodes), known_(c), priority_(priority), homes_(in) {
    // nop
  }

  std::optional<room> run() {
    for (node_index n = 0; n < nodes_->rows(); ++n)
      if (nodes_->has(n) && !look_at(n))
        return std::nullopt;
    if (!found_)
      return std::nullopt;
    take_place();
    return std::move(best_);
  }

  /// The cheapest room on `n` of `nodes`, where `gone` have left already.
  std::optional<room>
  on(node_index n, const table& nodes, const std::vector<uint64_t>* gone) {
    nodes_ = &nodes;
    by_node_ = true;
    gone_ = gone;
    found_ = false;
    best_ = {};
    if (!nodes.has(n))
      return std::nullopt;
    candidates_.clear();
    leaving_.clear();
    if (!look_at(n))
      offer(n, {});
    return found_ ? std::optional{best_} : std::nullopt;
  }

  [[nodiscard]] const known_class& known() const { return known_; }

private:
  /// False if the task fits on `n` as it is.
  bool look_at(node_index n) {
    auto why = nodes_->refuses(n, known_);
    if (why == reason::none)
      return false;
    if (!in_.who.at(n).empty())
      look_at(n, why);
    return true;
  }

  void look_at(node_index n, reason why) {
    switch (why) {
    case reason::insufficient_cpu:
    case reason::insufficient_memory:
      if (!gather(n))
        return;
      if (known_.with.empty())
        return add_up(n);
      return try_out(n);
    case reason::exclusive:
    case reason::colocation:
    case reason::port_in_use:
    case reason::insufficient_gpu:
    case reason::insufficient_resource:
      if (gather(n))
        try_out(n);
      return;
    default:
      // Closed, or without the labels: nobody who leaves changes that.
      return;
    }
  }

  /// Lists who could go. False if it costs more than the best in any case.
  bool gather(node_index n) {
    candidates_.clear();
    leaving_.clear();
    for (auto& x : in_.who.at(n))
      if (x.gone)
        continue;
      else if (gone_ != nullptr
               && std::find(gone_->begin(), gone_->end(), x.id) != gone_->end())
        continue;
      else if (x.leaving)
        leaving_.push_back(&x);
      else if (x.priority < priority_)
        candidates_.push_back(&x);
    return !candidates_.empty() || !leaving_.empty();
  }

  [[nodiscard]] int64_t loss_of(const tenant& x) const {
    auto ran = x.since ? (in_.now - x.since).count() : 0;
    return std::max<int64_t>(ran, 0) + int64_t{std::max(x.points, 0)} * 1'000;
  }

  /// Without what it costs that somebody has nowhere to go: never more than with.
  [[nodiscard]] room_cost
  least_cost_of(const std::vector<const tenant*>& victims) const {
    room_cost result;
    for (auto* x : victims) {
      result.highest_priority
        = std::max<int64_t>(result.highest_priority, x->priority);
      auto tasks = int64_t{1} + x->along;
      result.victims += static_cast<uint64_t>(tasks);
      result.priorities += x->priority * tasks;
      result.lost += loss_of(*x) * tasks;
    }
    return result;
  }

  /// Where all nodes are asked, as for gangs, rules are left aside.
  [[nodiscard]] bool has_home(node_index n, const tenant& x) {
    return by_node_ ? homes_.roomy_other_than(n, x) : homes_.other_than(n, x);
  }

  void offer(node_index n, const std::vector<const tenant*>& victims) {
    auto cost = least_cost_of(victims);
    if (found_ && !(cost < best_.cost))
      return;
    for (auto* x : victims)
      if (!has_home(n, *x))
        cost.lost += homeless_cost * (int64_t{1} + x->along);
    if (found_ && !(cost < best_.cost))
      return;
    found_ = true;
    best_.node = n;
    best_.cost = cost;
    best_.victims.clear();
    best_.leaving.clear();
    for (auto* x : victims)
      best_.victims.push_back(x->id);
    // In the order of the tenants, whatever order they were tried in.
    auto all = in_.who.at(n);
    auto place_of = [&](uint64_t id) {
      return std::find_if(all.begin(), all.end(),
                          [id](const tenant& x) { return x.id == id; });
    };
    std::sort(
      best_.victims.begin(), best_.victims.end(),
      [&](uint64_t x, uint64_t y) { return place_of(x) < place_of(y); });
    for (auto* x : leaving_)
      best_.leaving.push_back(x->id);
  }

  /// In the order in which they are spared: the highest first, then members of
  /// gangs, then the small ones, so that few have to go, then who has most to
  /// lose.
  void sort_by_worth() {
    std::stable_sort(candidates_.begin(), candidates_.end(),
                     [this](const tenant* x, const tenant* y) {
                       if (x->priority != y->priority)
                         return x->priority > y->priority;
                       if (x->along != y->along)
                         return x->along > y->along;
                       if (x->cpu != y->cpu)
                         return x->cpu < y->cpu;
                       if (x->memory != y->memory)
                         return x->memory < y->memory;
                       return loss_of(*x) > loss_of(*y);
                     });
  }

  // -- by sums ----------------------------------------------------------------

  struct amount {
    int64_t cpu = 0;
    int64_t memory = 0;
    [[nodiscard]] bool covers(const amount& x) const {
      return cpu >= x.cpu && memory >= x.memory;
    }
    amount& operator+=(const tenant& x) {
      cpu += x.cpu;
      memory += x.memory;
      return *this;
    }
    amount& operator-=(const tenant& x) {
      cpu -= x.cpu;
      memory -= x.memory;
      return *this;
    }
  };

  void add_up(node_index n) {
    auto& p = nodes_->page_at(n / page_rows);
    auto i = n % page_rows;
    amount missing{int64_t{known_.cpu} - p.cpu_free[i],
                   known_.memory - p.memory_free[i]};
    for (auto* x : leaving_)
      missing.cpu -= x->cpu, missing.memory -= x->memory;
    if (amount{}.covers(missing))
      return offer(n, {});
    amount all;
    for (auto* x : candidates_)
      all += *x;
    if (!all.covers(missing))
      return;
    sort_by_worth();
    // The least priority up to which all must go at most.
    auto first = candidates_.begin();
    while (first != candidates_.end()) {
      auto next = first;
      auto without = all;
      for (;
           next != candidates_.end() && (*next)->priority == (*first)->priority;
           ++next)
        without -= **next;
      if (!without.covers(missing))
        break;
      all = without;
      first = next;
    }
    candidates_.erase(candidates_.begin(), first);
    if (found_ && candidates_.front()->priority > best_.cost.highest_priority)
      return;
    if (one_is_enough(n, missing) || two_are_enough(n, missing))
      return;
    std::vector<const tenant*> victims;
    for (auto* x : candidates_) {
      all -= *x;
      if (all.covers(missing))
        continue;
      all += *x;
      victims.push_back(x);
    }
    offer(n, victims);
  }

  bool one_is_enough(node_index n, const amount& missing) {
    auto result = false;
    for (auto* x : candidates_)
      if ((amount{} += *x).covers(missing)) {
        offer(n, {x});
        result = true;
      }
    return result;
  }

  bool two_are_enough(node_index n, const amount& missing) {
    auto& xs = candidates_;
    if (xs.size() > pairs_max)
      return false;
    auto result = false;
    for (size_t i = 0; i < xs.size(); ++i)
      for (auto j = i + 1; j < xs.size(); ++j)
        if (((amount{} += *xs[i]) += *xs[j]).covers(missing)) {
          result = true;
          // Most pairs are no better: told without making lists of them.
          if (!found_ || best_.cost.victims > 2
              || best_.cost.highest_priority > xs[i]->priority
              || least_cost_of({xs[i], xs[j]}) < best_.cost)
            offer(n, {xs[i], xs[j]});
        }
    return result;
  }

  // -- by trial ---------------------------------------------------------------

  [[nodiscard]] bool fits(node_index n) const {
    return work_.refuses(n, known_) == reason::none;
  }

  void leave(node_index n, const tenant& x) {
    auto at = in_.held(n, x.id);
    work_.vacate(n, *at.of, at.held);
  }
  void come_back(node_index n, const tenant& x) {
    auto at = in_.held(n, x.id);
    work_.occupy_again(n, *at.of, at.held);
  }

  [[nodiscard]] bool is_wanted_near(node_index n, const tenant& x) const {
    auto at = in_.held(n, x.id);
    auto& labels = at.of->labels;
    return std::any_of(known_.of.colocate_with.begin(),
                       known_.of.colocate_with.end(), [&](const label& y) {
                         return std::find(labels.begin(), labels.end(), y)
                                != labels.end();
                       });
  }

  void try_out(node_index n) {
    if (found_ && ++trials_ > in_.trials_max)
      return;
    work_ = *nodes_;
    if (!known_.with.empty())
      std::erase_if(candidates_,
                    [&](const tenant* x) { return is_wanted_near(n, *x); });
    for (auto* x : leaving_)
      leave(n, *x);
    if (fits(n))
      return offer(n, {});
    std::vector<const tenant*> singles;
    for (auto* x : candidates_) {
      leave(n, *x);
      if (fits(n))
        singles.push_back(x);
      come_back(n, *x);
    }
    for (auto* x : candidates_)
      leave(n, *x);
    if (!fits(n))
      return;
    sort_by_worth();
    std::vector<const tenant*> victims;
    for (auto* x : candidates_) {
      come_back(n, *x);
      if (fits(n))
        continue;
      leave(n, *x);
      victims.push_back(x);
    }
    offer(n, victims);
    for (auto* x : singles)
      offer(n, {x});
  }

  /// Finds out what the task will hold on the best node.
  void take_place() {
    auto n = best_.node;
    work_ = *nodes_;
    for (auto* ids : {&best_.victims, &best_.leaving})
      for (auto id : *ids) {
        auto at = in_.held(n, id);
        work_.vacate(n, *at.of, at.held);
      }
    auto held = work_.occupy(n, known_);
    TROUPE_ASSERT(held.has_value());
    best_.place = std::move(*held);
  }

  const room_search& in_;
  const table* nodes_;
  const std::vector<uint64_t>* gone_ = nullptr;
  known_class known_;
  int32_t priority_;
  homes homes_;
  bool by_node_ = false;
  std::vector<const tenant*> candidates_;
  std::vector<const tenant*> leaving_;
  table work_;
  uint32_t trials_ = 0;
  bool found_ = false;
  room best_;
};

} // namespace

std::optional<room>
find_room(const room_search& in, const task_class& c, int32_t priority) {
  return search{in, c, priority}.run();
}

// -- several at once ---------------------------------------------------------

struct room_maker::state {
  struct entry {
    room_cost cost;
    node_index node = 0;
    auto operator<=>(const entry&) const = default;
  };

  state(const room_search& from, const task_class& c, int32_t priority,
        gone_tenants before)
    : in(from), by(in, c, priority), nodes(from.nodes),
      gone(std::move(before)) {
    for (node_index n = 0; n < nodes.rows(); ++n)
      note(n);
  }

  std::optional<room> room_on(node_index n) {
    auto left = gone.find(n);
    return by.on(n, nodes, left == gone.end() ? nullptr : &left->second);
  }

  void note(node_index n) {
    if (auto found = room_on(n)) {
      open.push_back({found->cost, n});
      std::push_heap(open.begin(), open.end(), std::greater<>{});
    }
  }

  room_search in;
  search by;
  table nodes;
  gone_tenants gone;
  // A heap, the cheapest on top.
  std::vector<entry> open;
};

room_maker::room_maker(const room_search& in, const task_class& c,
                       int32_t priority, gone_tenants gone)
  : state_(std::make_unique<state>(in, c, priority, std::move(gone))) {
  // nop
}

room_maker::~room_maker() = default;

std::optional<room> room_maker::next() {
  auto& s = *state_;
  if (s.open.empty())
    return std::nullopt;
  auto n = s.open.front().node;
  std::pop_heap(s.open.begin(), s.open.end(), std::greater<>{});
  s.open.pop_back();
  auto result = s.room_on(n);
  TROUPE_ASSERT(result.has_value());
  auto& left = s.gone[n];
  for (auto* ids : {&result->victims, &result->leaving})
    for (auto id : *ids) {
      auto at = s.in.held(n, id);
      s.nodes.vacate(n, *at.of, at.held);
    }
  auto held = s.nodes.occupy(n, s.by.known());
  TROUPE_ASSERT(held.has_value());
  result->place = std::move(*held);
  // Whoever went for those before must have left as well.
  auto before = left;
  left.insert(left.end(), result->victims.begin(), result->victims.end());
  left.insert(left.end(), result->leaving.begin(), result->leaving.end());
  result->leaving.insert(result->leaving.end(), before.begin(), before.end());
  s.note(n);
  return result;
}

const table& room_maker::nodes() const {
  return state_->nodes;
}

const room_maker::gone_tenants& room_maker::gone() const {
  return state_->gone;
}

} // namespace troupe::runtime::placement
