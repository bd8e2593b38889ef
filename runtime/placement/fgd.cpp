// Places so that as little as possible of the GPUs will be left over: the node
// is best where the loss that `gpu_outlook` foresees grows least.

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <tuple>

#include "runtime/placement/gpu_outlook.hpp"
#include "runtime/placement/policy.hpp"
#include "runtime/placement/scorer.hpp"

namespace troupe::runtime::placement {

namespace {

// Differences below 20 thousandths of a device are noise of the futures.
constexpr int64_t step = 20 * gpu_outlook::futures;
constexpr int64_t steps_max = 1023;
constexpr units units_per_step = units_per_point / 1024;
// Fullness decides only among nodes of the same step: it is up to 2 points.
constexpr units fullness_part = 4096;

// What is remembered, at most; then all is forgotten. About 16 MB.
constexpr size_t states_max = 1 << 16;
constexpr size_t scores_max = 1 << 21;

constexpr int16_t not_known = std::numeric_limits<int16_t>::min();

int64_t steps_of(int64_t gain) {
  auto result = gain >= 0 ? gain / step : -((step - 1 - gain) / step);
  return std::clamp(result, -steps_max, steps_max);
}

/// What was found out about nodes for one demand. Changes speed only.
class outlook_memory {
public:
  explicit outlook_memory(std::shared_ptr<const gpu_wishes> demand)
    : outlook_(std::move(demand)) {}

  [[nodiscard]] const std::shared_ptr<const gpu_wishes>& demand() const {
    return outlook_.demand();
  }

  /// Steps that the loss shrinks by when a task of `c` comes to `n`.
  int64_t gain(const table& t, node_index n, const known_class& c) {
    if (outlook_.states() > states_max || scores_ > scores_max)
      *this = outlook_memory{demand()};
    auto& of = gains_of(c);
    auto before = state_of(t, n);
    if (before >= of.size()) {
      scores_ += outlook_.states() - of.size();
      of.resize(outlook_.states(), not_known);
    }
    auto& result = of[before];
    if (result == not_known)
      result = static_cast<int16_t>(work_out(before));
    return result;
  }

private:
  using class_key = std::tuple<int32_t, int64_t, uint16_t, uint32_t>;
  struct row_memory {
    uint64_t held_stamp = 0;
    uint64_t label_stamp = 0;
    int64_t memory_free = 0;
    int32_t cpu_free = 0;
    uint32_t state = 0;
    uint32_t kind = 0;
  };

  std::vector<int16_t>& gains_of(const known_class& c) {
    class_key key{c.cpu, c.memory, c.gpu_share, c.gpu_devices};
    if (last_ == nullptr || key != last_key_) {
      last_ = &gains_[key];
      last_key_ = key;
      shape_ = shape_of(c);
    }
    return *last_;
  }

  uint32_t state_of(const table& t, node_index n) {
    auto& p = t.page_at(n / page_rows);
    auto i = n % page_rows;
    if (p.gpus[i] == 0)
      return 0;
    if (rows_.size() <= n)
      rows_.resize(t.rows());
    auto& row = rows_[n];
    auto labels = t.label_stamp(n / page_rows);
    if (row.held_stamp == p.held_stamp[i] && row.cpu_free == p.cpu_free[i]
        && row.memory_free == p.memory_free[i] && row.label_stamp == labels)
      return row.state;
    if (row.label_stamp != labels)
      row.kind = outlook_.kind_of(t.row(n).labels);
    row.held_stamp = p.held_stamp[i];
    row.label_stamp = labels;
    row.memory_free = p.memory_free[i];
    row.cpu_free = p.cpu_free[i];
    gpu_left left{row.cpu_free, static_cast<int32_t>(row.memory_free >> 30),
                  row.kind, t.gpus_left(n)};
    std::erase(left.devices, uint16_t{0});
    std::sort(left.devices.begin(), left.devices.end(), std::greater<>{});
    return row.state = outlook_.know(left);
  }

  int64_t work_out(uint32_t before) {
    if (before == 0)
      return 0;
    auto then = outlook_.know(after(outlook_.state(before), shape_));
    return steps_of(outlook_.loss(before) - outlook_.loss(then));
  }

  gpu_outlook outlook_;
  // [node]
  std::vector<row_memory> rows_;
  // [class][state]
  std::map<class_key, std::vector<int16_t>> gains_;
  size_t scores_ = 0;
  class_key last_key_;
  std::vector<int16_t>* last_ = nullptr;
  gpu_shape shape_;
};

/// What is asked for with GPUs, where nothing is known yet.
std::shared_ptr<const gpu_wishes> wishes_of(std::span<const ask> asks) {
  std::map<gpu_shape, uint32_t> tasks;
  for (auto& x : asks)
    if (x.of->request.gpu_millis != 0)
      tasks[shape_of(known_class{*x.of})] += x.count;
  gpu_wishes result;
  for (auto& [shape, count] : tasks)
    result.push_back({shape, count});
  return std::make_shared<const gpu_wishes>(std::move(result));
}

class fgd final : public scorer {
public:
  std::string_view name() const override { return "fgd"; }

  uint64_t learn(const table& snapshot, std::span<const ask> asks) override {
    auto demand = snapshot.typical_gpu_demand();
    if (demand->empty())
      demand = wishes_of(asks);
    if (memory_ == nullptr
        || (demand != memory_->demand() && *demand != *memory_->demand())) {
      memory_ = std::make_unique<outlook_memory>(std::move(demand));
      ++lessons_;
    }
    return lessons_;
  }

  double
  score(const table& t, node_index n, const known_class& c) const override {
    return to_points(saved(t, n, c) + full(t, n, c));
  }

  std::vector<score_part>
  parts(const table& t, node_index n, const known_class& c) const override {
    return {{"gpusKeptUsable", to_points(saved(t, n, c))},
            {"fullness", to_points(full(t, n, c))}};
  }

private:
  units saved(const table& t, node_index n, const known_class& c) const {
    auto gain = memory_ == nullptr ? 0 : memory_->gain(t, n, c);
    return units_per_point + gain * units_per_step;
  }

  static units full(const table& t, node_index n, const known_class& c) {
    return fullness_after(t, n, c) / fullness_part;
  }

  std::unique_ptr<outlook_memory> memory_;
  uint64_t lessons_ = 0;
};

} // namespace

scorer_ptr make_fgd() {
  return std::make_unique<fgd>();
}

} // namespace troupe::runtime::placement
