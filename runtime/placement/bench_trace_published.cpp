// Best fit and fragmentation gradient descent as they were published: scores are
// cut to whole numbers of 0..100, and the node that comes first wins.

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <tuple>

#include "runtime/placement/bench_trace.hpp"
#include "runtime/placement/gpu_outlook.hpp"

namespace troupe::runtime::placement {

published_strategy::~published_strategy() = default;

namespace {

constexpr int nowhere = -1;

/// Scores what changed since a class was looked at last.
class scored_by_node : public published_strategy {
public:
  explicit scored_by_node(const gpu_trace& x) {
    for (auto& of : x.classes)
      classes_.push_back(std::make_unique<known_class>(*of));
    seen_.resize(classes_.size(), std::vector<seen>(x.nodes.size()));
  }

  std::optional<place> choose(const table& t, uint32_t of) override {
    auto& c = *classes_[of];
    std::optional<node_index> best;
    for (node_index n = 0; n < t.rows(); ++n) {
      auto& x = seen_[of][n];
      auto& p = t.page_at(n / page_rows);
      auto i = n % page_rows;
      if (x.stamp != p.held_stamp[i] || x.cpu_free != p.cpu_free[i]) {
        x = {p.held_stamp[i], p.cpu_free[i], nowhere, 0};
        if (t.refuses(n, c) == reason::none)
          look(t, n, c, x);
      }
      if (x.score > (best ? seen_[of][*best].score : nowhere))
        best = n;
    }
    if (!best)
      return std::nullopt;
    return place{*best, {devices_on(t, *best, c, seen_[of][*best].device), {}}};
  }

protected:
  struct seen {
    uint64_t stamp = 0;
    int32_t cpu_free = 0;
    int score = nowhere;
    // Where a share of a device goes.
    uint16_t device = 0;
  };

private:
  /// Says `score` and `device`. REQUIRES: the task fits.
  virtual void
  look(const table& t, node_index n, const known_class& c, seen& x) const = 0;

  static std::vector<uint16_t>
  devices_on(const table& t, node_index n, const known_class& c,
             uint16_t device) {
    if (c.gpu_share != 0)
      return {device};
    std::vector<uint16_t> result;
    auto left = t.gpus_left(n);
    for (uint16_t i = 0; i < left.size() && result.size() < c.gpu_devices; ++i)
      if (left[i] == whole_device)
        result.push_back(i);
    return result;
  }

  std::vector<std::unique_ptr<known_class>> classes_;
  // [class][node]
  std::vector<std::vector<seen>> seen_;
};

/// The least left afterwards, of cpu and GPUs in terms of the largest node.
class best_fit final : public scored_by_node {
public:
  using scored_by_node::scored_by_node;

private:
  void look(const table& t, node_index n, const known_class& c,
            seen& x) const override {
    auto left = t.gpus_left(n);
    int64_t gpu = -c.of.request.gpu_millis;
    int tightest = std::numeric_limits<int>::max();
    for (uint16_t i = 0; i < left.size(); ++i) {
      gpu += left[i];
      if (left[i] >= c.gpu_share && left[i] < tightest) {
        tightest = left[i];
        x.device = i;
      }
    }
    auto cpu = t.page_at(n / page_rows).cpu_free[n % page_rows] - c.cpu;
    auto free = static_cast<double>(cpu) / 128'000 * 0.5
                + static_cast<double>(gpu) / 8'000 * 0.5;
    x.score = static_cast<int>((1 - free) * 100);
  }
};

/// What `x` is to the published measure, which looks at cpu and GPUs alone.
gpu_left left_of(const table& t, node_index n) {
  gpu_left result;
  result.cpu = t.page_at(n / page_rows).cpu_free[n % page_rows];
  result.memory_gib = std::numeric_limits<int32_t>::max();
  result.devices = t.gpus_left(n);
  return result;
}

class published_fgd final : public scored_by_node {
public:
  explicit published_fgd(const gpu_trace& x) : scored_by_node(x) {
    choose_typical(x);
  }

private:
  /// The published order, as it matters who is among the last of the 95.
  static auto rank_of(const gpu_wish& x) {
    auto& of = x.shape;
    auto number = of.share != 0 ? 1 : of.devices;
    auto each = of.devices != 0 ? whole_device : of.share;
    auto models = of.requirements.empty() ? std::vector<std::string>{}
                                          : of.requirements[0].values;
    return std::tuple{x.tasks, of.cpu, each, number, models};
  }

  /// The most frequent until they are 95 of 100 tasks.
  void choose_typical(const gpu_trace& x) {
    std::map<gpu_shape, uint32_t> tasks;
    for (auto& [shape, count] : wishes_of(x)) {
      auto of = shape;
      of.memory_gib = 0;
      tasks[of] += count;
    }
    gpu_wishes sorted;
    for (auto& [shape, count] : tasks)
      sorted.push_back({shape, count});
    std::sort(sorted.begin(), sorted.end(),
              [](auto& a, auto& b) { return rank_of(a) > rank_of(b); });
    auto all = static_cast<double>(x.listed.size());
    double sum = 0;
    for (auto& [shape, count] : sorted)
      if (sum < 0.95 * all) {
        sum += count;
        typical_.emplace_back(shape, count / all);
      }
    for (auto& [shape, share] : typical_)
      share /= sum / all;
  }

  /// Sums as the simulator does: where nothing changes but why, the rounding of
  /// its sums decides.
  double fragments(gpu_left x, const label_set& labels) const {
    std::erase(x.devices, uint16_t{0});
    std::sort(x.devices.begin(), x.devices.end(), std::greater<>{});
    std::array<double, causes> sums{};
    for (auto& [shape, share] : typical_)
      sums[cause_of(x, labels, shape)]
        += share * static_cast<double>(unusable_to(x, labels, shape));
    return std::accumulate(sums.begin(), sums.end(), 0.0);
  }

  static int64_t unusable_to(const gpu_left& x, const label_set& labels,
                             const gpu_shape& shape) {
    return satisfies(labels, shape.requirements) ? unusable(x, shape)
                                                 : left_on(x);
  }

  /// Lacks cpu and GPUs, GPUs, cpu; asks for no GPU and fits or lacks cpu; may not
  /// come.
  static size_t
  cause_of(const gpu_left& x, const label_set& labels, const gpu_shape& shape) {
    auto has_cpu = shape.cpu <= x.cpu;
    if (shape.share == 0 && shape.devices == 0)
      return has_cpu ? 3 : 4;
    if (!satisfies(labels, shape.requirements))
      return 5;
    auto without_cpu = shape;
    without_cpu.cpu = 0;
    if (fits(x, without_cpu))
      return has_cpu ? 1 : 2;
    return has_cpu ? 1 : 0;
  }

  static int score_of_growth(double before, double then) {
    auto shrinks = (before - then) / 1'000;
    return static_cast<int>(1 / (1 + std::exp(-shrinks)) * 100);
  }

  void look(const table& t, node_index n, const known_class& c,
            seen& x) const override {
    auto& labels = t.row(n).labels;
    auto left = left_of(t, n);
    auto before = fragments(left, labels);
    left.cpu -= c.cpu;
    if (c.gpu_share == 0) {
      auto wanted = c.gpu_devices;
      for (auto& device : left.devices)
        if (wanted != 0 && device == whole_device) {
          device = 0;
          --wanted;
        }
      x.score = score_of_growth(before, fragments(left, labels));
      return;
    }
    for (uint16_t i = 0; i < left.devices.size(); ++i) {
      if (left.devices[i] < c.gpu_share)
        continue;
      auto then = left;
      then.devices[i] = static_cast<uint16_t>(then.devices[i] - c.gpu_share);
      auto score = score_of_growth(before, fragments(then, labels));
      if (score > x.score) {
        x.score = score;
        x.device = i;
      }
    }
  }

  static constexpr size_t causes = 6;

  // With their share of all that are typical.
  std::vector<std::pair<gpu_shape, double>> typical_;
};

} // namespace

std::unique_ptr<published_strategy>
make_published(const std::string& name, const gpu_trace& x) {
  if (name == "bestFit")
    return std::make_unique<best_fit>(x);
  if (name == "publishedFgd")
    return std::make_unique<published_fgd>(x);
  return nullptr;
}

} // namespace troupe::runtime::placement
