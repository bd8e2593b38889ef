#include "runtime/metrics/attempt_meter.hpp"

#include "runtime/placement/explain.hpp"

namespace troupe::runtime {

namespace {

constexpr size_t refused_max = 100'000;

} // namespace

attempt_meter::attempt_meter(std::shared_ptr<controller_meters> to)
  : to_(std::move(to)) {
  // nop
}

void attempt_meter::take(const placement::proposal& x, bool is_gang) {
  if (refused_.size() > refused_max)
    refused_.clear();
  for (auto& run : x.runs) {
    auto again = refused_.contains(run.id);
    auto found_none
      = run.nodes.empty() || (is_gang && !run.why_not_more.nodes.empty());
    if (again)
      to_->note_retries(found_none ? "refused" : "placed", 1);
    if (!run.why_not_more.nodes.empty()) {
      to_->note_attempts("refused", placement::main_reason(run.why_not_more),
                         1);
      refused_.insert(run.id);
    } else if (again) {
      refused_.erase(run.id);
    }
  }
}

void attempt_meter::take_parked(uint64_t total) {
  // Whoever folds the journal anew begins at none.
  if (total > parked_)
    to_->note_retries("exhausted", total - parked_);
  parked_ = total;
}

} // namespace troupe::runtime
