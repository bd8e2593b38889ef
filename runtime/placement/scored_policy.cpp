#include "runtime/placement/scored_policy.hpp"

#include <algorithm>
#include <utility>

#include "messages/contract.hpp"

namespace troupe::runtime::placement {

namespace {

// What views may take together. Without rules about other tasks a view takes
// about 3 kB at 10,000 nodes, with spreading 200 kB.
constexpr size_t most_bytes = 64 << 20;
constexpr size_t most_labels = 4096;

void mix(size_t& hash, size_t x) {
  hash ^= x + 0x9E3779B97F4A7C15ull + (hash << 6) + (hash >> 2);
}

void mix(size_t& hash, const label_set& xs) {
  for (auto& x : xs)
    mix(hash, tally_hash(tally_kind::having, x));
  mix(hash, xs.size());
}

} // namespace

size_t
scored_policy::class_hash::operator()(const task_class* x) const noexcept {
  size_t result = 0;
  mix(result, static_cast<size_t>(x->request.cpu_millicores));
  mix(result, static_cast<size_t>(x->request.memory_bytes));
  mix(result, static_cast<size_t>(x->request.gpu_millis));
  mix(result, x->labels);
  mix(result, x->avoid_colocating);
  mix(result, x->colocate_with);
  mix(result, std::hash<std::string>{}(x->spread_group));
  for (auto& y : x->requirements)
    mix(result, std::hash<std::string>{}(y.name));
  for (auto port : x->host_ports)
    mix(result, port);
  return result;
}

scored_policy::scored_policy(scorer_ptr by, const scanner& scan,
                             uint32_t threads, uint64_t pages_min)
  : by_(std::move(by)), scan_(&scan), threads_(threads), pages_min_(pages_min) {
  TROUPE_ASSERT(by_ != nullptr);
  TROUPE_ASSERT(threads > 0);
}

// -- views -------------------------------------------------------------------

std::shared_ptr<label_points> scored_policy::labels_of(const task_class& x) {
  if (x.requirements.empty() && x.preferences.empty())
    return nullptr;
  auto& known = labels_[{x.requirements, x.preferences}];
  auto result = known.lock();
  if (!result) {
    result = std::make_shared<label_points>(x.requirements, x.preferences);
    known = result;
  }
  return result;
}

void scored_policy::make_room() {
  while (bytes_ > most_bytes && !views_.empty()) {
    bytes_ -= views_.front().bytes;
    view_by_class_.erase(views_.front().view.of().get());
    views_.pop_front();
  }
  if (labels_.size() > most_labels)
    std::erase_if(labels_, [](auto& x) { return x.second.expired(); });
}

class_view&
scored_policy::view_of(const std::shared_ptr<const task_class>& of) {
  auto known = view_by_class_.find(of.get());
  if (known != view_by_class_.end()) {
    views_.splice(views_.end(), views_, known->second);
    return views_.back().view;
  }
  make_room();
  views_.emplace_back(of, labels_of(*of), *by_, *scan_);
  view_by_class_.emplace(of.get(), std::prev(views_.end()));
  return views_.back().view;
}

void scored_policy::account(kept_view& x) {
  bytes_ -= x.bytes;
  x.bytes = x.view.bytes();
  bytes_ += x.bytes;
}

// -- side by side --------------------------------------------------------------

/// The views that `asks` need and that have something to scan.
std::vector<scored_policy::kept_view*>
scored_policy::views_behind(std::span<const ask> asks) {
  // To make one may cost another.
  for (auto& x : asks)
    static_cast<void>(view_of(x.of));
  std::vector<kept_view*> result;
  uint64_t pages = 0;
  for (auto& x : asks) {
    auto at = view_by_class_.find(x.of.get());
    if (at == view_by_class_.end())
      continue;
    if (auto behind = at->second->view.pages_behind(work_); behind > 0) {
      pages += behind;
      result.push_back(&*at->second);
    }
  }
  if (pages < pages_min_)
    return {};
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

void scored_policy::follow_together(std::span<const ask> asks) {
  // Others may note something down while they score.
  if (threads_ < 2 || asks.size() < 2 || !by_->vector_formula())
    return;
  auto all = views_behind(asks);
  // Those that share what they know of labels are one part.
  std::map<const label_points*, size_t> shared;
  std::vector<std::vector<class_view*>> parts;
  for (auto* x : all) {
    auto* labels = x->view.labels();
    auto is_new
      = labels == nullptr || shared.try_emplace(labels, parts.size()).second;
    if (is_new)
      parts.emplace_back();
    auto at = labels == nullptr ? parts.size() - 1 : shared.at(labels);
    parts[at].push_back(&x->view);
  }
  if (parts.size() < 2)
    return;
  if (crew_ == nullptr)
    crew_ = std::make_unique<crew>(threads_);
  crew_->run(parts.size(), [&](size_t i) {
    for (auto* view : parts[i])
      view->follow(work_);
  });
  for (auto* x : all)
    account(*x);
}

// -- proposals ---------------------------------------------------------------

placed_run scored_policy::place(const ask& x) {
  TROUPE_ASSERT(x.of != nullptr);
  placed_run result{x.id, {}, {}};
  auto& view = view_of(x.of);
  auto avoided = x.avoid && work_.has(*x.avoid)
                 && work_.row(*x.avoid).closed == reason::none;
  if (avoided)
    work_.close(*x.avoid, reason::driver_error);
  view.follow(work_);
  if (avoided && !view.best()) {
    work_.close(*x.avoid, reason::none);
    avoided = false;
    view.follow(work_);
  }
  while (result.nodes.size() < x.count) {
    auto best = view.best();
    if (!best) {
      result.why_not_more = view.why(work_);
      break;
    }
    auto held = work_.occupy(*best, view.known());
    TROUPE_ASSERT(held.has_value());
    by_->placed(work_, *best);
    result.nodes.push_back(*best);
    view.refresh(work_, *best / page_rows);
  }
  if (avoided)
    work_.close(*x.avoid, reason::none);
  account();
  return result;
}

proposal
scored_policy::propose(const table& snapshot, std::span<const ask> asks) {
  work_ = snapshot;
  auto learned = by_->learn(snapshot, asks);
  if (by_->remembers() || learned_ != learned)
    for (auto& x : views_)
      x.view.forget();
  learned_ = learned;
  follow_together(asks);
  proposal result;
  result.runs.reserve(asks.size());
  for (auto& x : asks)
    result.runs.push_back(place(x));
  return result;
}

// -- explanations ------------------------------------------------------------

explanation
scored_policy::explain(const table& snapshot, const task_class& x) const {
  by_->learn(snapshot, {});
  return explain_by(*by_, snapshot, x);
}

} // namespace troupe::runtime::placement
