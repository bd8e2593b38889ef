#include "runtime/placement/class_view.hpp"

#include <algorithm>
#include <utility>

namespace troupe::runtime::placement {

class_view::class_view(std::shared_ptr<const task_class> of,
                       std::shared_ptr<label_points> labels, const scorer& by,
                       const scanner& scan)
  : of_(std::move(of)), known_(*of_), labels_(std::move(labels)), by_(&by),
    scan_(&scan), rare_(known_.has_rare_rules()),
    formula_is_all_(by.vector_formula().has_value() && !known_.asks_gpu()) {
  auto vectors = formula_is_all_ ? *by.vector_formula() : formula::nothing;
  score_page_ = scan.score[static_cast<size_t>(vectors)];
  if (known_.grouped() && !of_->spread_by.empty())
    spread_.emplace(of_->spread_by);
  if (!known_.avoid.empty() || !known_.with.empty())
    company_.emplace();
}

// -- scan --------------------------------------------------------------------

void class_view::score(const table& t, uint32_t p, page_scores& scores) {
  score_page_(t.page_at(p), {known_.cpu, known_.memory}, scores);
  if (labels_)
    scan_->add_points(labels_->of(t, p), scores);
  if (known_.with_filter != 0)
    scan_->keep(t.page_at(p), known_.with_filter, scores);
}

bool class_view::refuses_rarely(const table& t, node_index n) {
  auto& page = t.page_at(n / page_rows);
  auto i = n % page_rows;
  auto some = (page.having[i] & known_.avoid_filter)
              | (page.avoiding[i] & known_.labels_filter);
  auto ask_company = some != 0 || !known_.with.empty();
  if (known_.has_other_rare_rules())
    return t.refuses_rarely(n, known_) != reason::none;
  if (!ask_company)
    return false;
  if (company_)
    return company_->refuses(t, n, known_);
  return t.refuses_company(n, known_) != reason::none;
}

size_t class_view::bytes() const {
  auto page = sizeof(uint64_t) + sizeof(choice);
  if (spread_)
    page += spread_view::page_bytes;
  if (company_)
    page += company_view::page_bytes;
  if (!reasons_.empty())
    page += sizeof(uint64_t) + sizeof(reasons_[0]);
  return sizeof(class_view) + stamps_.size() * page;
}

void class_view::complete(const table& t, uint32_t p, page_scores& scores) {
  constexpr double most = most_points;
  for (uint32_t i = 0; i < page_rows; ++i) {
    if (scores[i] == refused)
      continue;
    auto n = p * page_rows + i;
    if (rare_ && refuses_rarely(t, n))
      scores[i] = refused;
    else if (!formula_is_all_)
      scores[i] += to_units(std::clamp(by_->score(t, n, known_), -most, most));
  }
}

choice class_view::best_row(const table& t, uint32_t p, page_scores& scores) {
  // Most pages have a best node that no rare rule refuses.
  auto first = p * page_rows;
  auto best = scan_->best_row(scores, first);
  if (!rare_ || score_of(best) == refused || !refuses_rarely(t, node_of(best)))
    return best;
  scores[node_of(best) - first] = refused;
  complete(t, p, scores);
  return scan_->best_row(scores, first);
}

void class_view::refresh(const table& t, uint32_t p) {
  stamps_[p] = t.stamp(p);
  alignas(64) page_scores scores;
  score(t, p, scores);
  if (spread_) {
    complete(t, p, scores);
    spread_->refresh(t, p, known_, scores);
  } else if (formula_is_all_) {
    best_[p] = best_row(t, p, scores);
  } else {
    complete(t, p, scores);
    best_[p] = scan_->best_row(scores, p * page_rows);
  }
}

uint32_t class_view::pages_behind(const table& t) const {
  if (stamps_.size() != t.pages())
    return t.pages();
  uint32_t result = 0;
  for (uint32_t p = 0; p < t.pages(); ++p)
    result += stamps_[p] != t.stamp(p) ? 1 : 0;
  return result;
}

void class_view::follow(const table& t) {
  auto pages = t.pages();
  if (stamps_.size() != pages) {
    stamps_.assign(pages, 0);
    best_.assign((size_t{pages} + 7) / 8 * 8, no_choice);
    if (spread_)
      spread_.emplace(of_->spread_by);
  }
  auto& now = t.stamps();
  for (uint32_t p = 0; p < pages; ++p)
    if (stamps_[p] != now[p])
      refresh(t, p);
}

std::optional<node_index> class_view::best() const {
  auto result
    = spread_ ? spread_->best() : scan_->best(best_.data(), best_.size());
  if (score_of(result) == refused)
    return std::nullopt;
  return node_of(result);
}

// -- refusals ----------------------------------------------------------------

void class_view::count_reasons(const table& t, uint32_t p) {
  auto& counts = reasons_[p];
  for (size_t i = 0; i < reasons; ++i)
    reason_sums_[i] -= counts[i];
  counts.fill(0);
  auto labels = labels_ ? labels_->of(t, p) : nullptr;
  auto first = p * page_rows;
  auto last = std::min(t.rows(), first + page_rows);
  for (auto n = first; n < last; ++n)
    if (t.has(n)) {
      auto satisfied = labels == nullptr || labels[n - first] != no_points;
      ++counts[static_cast<size_t>(t.refuses(n, known_, satisfied))];
    }
  for (size_t i = 0; i < reasons; ++i)
    reason_sums_[i] += counts[i];
  reason_stamps_[p] = t.stamp(p);
}

refusal class_view::why(const table& t) {
  if (reason_stamps_.size() != t.pages()) {
    reason_stamps_.assign(t.pages(), 0);
    reasons_.assign(t.pages(), {});
    reason_sums_.fill(0);
  }
  for (uint32_t p = 0; p < t.pages(); ++p)
    if (reason_stamps_[p] != t.stamp(p))
      count_reasons(t, p);
  return refusal_of(t, reason_sums_);
}

} // namespace troupe::runtime::placement
