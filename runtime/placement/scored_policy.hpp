#pragma once

#include <list>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/placement/class_view.hpp"
#include "runtime/placement/crew.hpp"
#include "runtime/placement/policy.hpp"
#include "runtime/placement/scorer.hpp"

namespace troupe::runtime::placement {

/// Places every task on the node that is best by rules, preferences, spreading
/// and a strategy. Remembers views of classes between calls; they change how
/// fast it is and never what it says.
class scored_policy final : public policy {
public:
  /// @param pages_min  to be scanned before it is worth while to wake threads.
  scored_policy(scorer_ptr by, const scanner& scan, uint32_t threads = 1,
                uint64_t pages_min = 8'192);

  std::string_view name() const override { return by_->name(); }
  proposal propose(const table& snapshot, std::span<const ask> asks) override;
  explanation
  explain(const table& snapshot, const task_class& x) const override;

private:
  using label_key
    = std::pair<std::vector<label_requirement>, std::vector<label_preference>>;
  struct kept_view {
    kept_view(std::shared_ptr<const task_class> of,
              std::shared_ptr<label_points> labels, const scorer& by,
              const scanner& scan)
      : view(std::move(of), std::move(labels), by, scan) {}
    class_view view;
    size_t bytes = 0;
  };
  using views = std::list<kept_view>;
  struct class_hash {
    size_t operator()(const task_class* x) const noexcept;
  };
  struct class_equal {
    bool operator()(const task_class* x, const task_class* y) const noexcept {
      return x == y || *x == *y;
    }
  };

  class_view& view_of(const std::shared_ptr<const task_class>& of);
  std::shared_ptr<label_points> labels_of(const task_class& x);
  /// Brings the views of `asks` up to date, if that is enough for several
  /// threads. Afterwards they have little left to follow.
  void follow_together(std::span<const ask> asks);
  [[nodiscard]] std::vector<kept_view*> views_behind(std::span<const ask> asks);
  void make_room();
  /// Counts what the view that was used last takes.
  void account() { account(views_.back()); }
  void account(kept_view& x);
  placed_run place(const ask& x);

  scorer_ptr by_;
  const scanner* scan_;
  uint32_t threads_;
  uint64_t pages_min_;
  // From the first time that there is enough to do.
  std::unique_ptr<crew> crew_;
  // The snapshot, and on it what was proposed in this call.
  table work_;
  // Least recently used first.
  views views_;
  size_t bytes_ = 0;
  // What `scorer::learn` said when views were last right.
  uint64_t learned_ = 0;
  std::unordered_map<const task_class*, views::iterator, class_hash,
                     class_equal>
    view_by_class_;
  std::map<label_key, std::weak_ptr<label_points>> labels_;
};

} // namespace troupe::runtime::placement
