#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/placement/company_view.hpp"
#include "runtime/placement/explain.hpp"
#include "runtime/placement/label_points.hpp"
#include "runtime/placement/scan.hpp"
#include "runtime/placement/scorer.hpp"
#include "runtime/placement/spread_view.hpp"

namespace troupe::runtime::placement {

/// What one class thinks of all nodes: the best node of every page. A page is
/// scanned again when its stamp says that it changed, so the best node overall is
/// what a scan of all nodes would find, at the price of the pages that changed.
class class_view {
public:
  /// `labels` is null if the class says nothing about node labels.
  class_view(std::shared_ptr<const task_class> of,
             std::shared_ptr<label_points> labels, const scorer& by,
             const scanner& scan);

  [[nodiscard]] const std::shared_ptr<const task_class>& of() const {
    return of_;
  }
  [[nodiscard]] const known_class& known() const { return known_; }

  /// What it shares with other views of the same label rules; null if nothing.
  [[nodiscard]] const label_points* labels() const { return labels_.get(); }
  /// How many pages `follow` would scan.
  [[nodiscard]] uint32_t pages_behind(const table& t) const;
  /// Scans what changed since the last time.
  void follow(const table& t);
  /// Scans page `p` again.
  void refresh(const table& t, uint32_t p);
  /// Trusts nothing of what was scanned.
  void forget() { stamps_.assign(stamps_.size(), 0); }

  /// About what this takes.
  [[nodiscard]] size_t bytes() const;

  /// REQUIRES: `follow` was called for the state that counts.
  [[nodiscard]] std::optional<node_index> best() const;
  /// Why nodes refuse, if all do. REQUIRES: as above, and no node fits.
  [[nodiscard]] refusal why(const table& t);

private:
  /// What vectors can say about a page.
  void score(const table& t, uint32_t p, page_scores& scores);
  /// And what they cannot, for every row.
  void complete(const table& t, uint32_t p, page_scores& scores);
  choice best_row(const table& t, uint32_t p, page_scores& scores);
  bool refuses_rarely(const table& t, node_index n);
  void count_reasons(const table& t, uint32_t p);

  std::shared_ptr<const task_class> of_;
  known_class known_;
  std::shared_ptr<label_points> labels_;
  const scorer* by_;
  const scanner* scan_;
  std::optional<spread_view> spread_;
  std::optional<company_view> company_;
  // Whether every row that a scan lets pass is looked at once more.
  bool rare_;
  // Whether the formula says it all.
  bool formula_is_all_;
  score_function score_page_ = nullptr;
  // [page], the latter padded to a multiple of 8.
  std::vector<uint64_t> stamps_;
  std::vector<choice> best_;
  // [page], since the first time that nothing fitted.
  std::vector<uint64_t> reason_stamps_;
  std::vector<std::array<uint8_t, reasons>> reasons_;
  reason_counts reason_sums_{};
};

} // namespace troupe::runtime::placement
