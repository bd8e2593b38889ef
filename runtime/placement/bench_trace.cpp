#include "runtime/placement/bench_trace.hpp"

#include <algorithm>
#include <functional>

#include "messages/contract.hpp"

#include "runtime/placement/gpu_outlook.hpp"

namespace troupe::runtime::placement {

namespace {

/// What strategies of ours and published ones have in common.
class player {
public:
  player(const gpu_trace& x, std::unique_ptr<policy> ours,
         std::unique_ptr<published_strategy> published)
    : trace_(x), ours_(std::move(ours)), published_(std::move(published)) {
    for (auto& row : x.nodes)
      table_.add(row);
  }

  trace_result run() {
    for (auto of : trace_.arrivals)
      offer(of);
    auto all = static_cast<double>(trace_.gpu_millis());
    if (all > 0) {
      result_.asked = static_cast<double>(asked_) / all;
      result_.allocated = static_cast<double>(held_) / all;
      result_.fragmented = fragments() / all;
    }
    return result_;
  }

private:
  void offer(uint32_t of) {
    auto& c = *trace_.classes[of];
    asked_ += c.request.gpu_millis;
    if (ours_ != nullptr ? propose(of) : follow(of)) {
      held_ += c.request.gpu_millis;
      ++result_.placed;
    } else {
      ++result_.refused;
    }
  }

  bool propose(uint32_t of) {
    ask one{1, trace_.classes[of], 1};
    auto answer = ours_->propose(table_, {&one, 1});
    auto& run = answer.runs.at(0);
    if (run.nodes.empty()) {
      ++result_.why[run.why_not_more.nodes.at(0).first];
      return false;
    }
    auto held = table_.occupy(run.nodes[0], *one.of);
    TROUPE_ASSERT(held.has_value());
    return true;
  }

  bool follow(uint32_t of) {
    auto& c = *trace_.classes[of];
    auto found = published_->choose(table_, of);
    if (!found) {
      ++result_.why[refusal_of(table_, known_class{c}).nodes.at(0).first];
      return false;
    }
    table_.occupy_again(found->node, c, found->held);
    return true;
  }

  /// What is left that a task with GPUs cannot use, on average.
  double fragments() const {
    gpu_wishes wishes;
    double tasks = 0;
    for (auto& x : wishes_of(trace_))
      if (x.shape.share != 0 || x.shape.devices != 0) {
        wishes.push_back(x);
        tasks += x.tasks;
      }
    double sum = 0;
    for (node_index n = 0; n < table_.rows(); ++n) {
      auto left = left_on_node(n);
      for (auto& x : wishes)
        sum += static_cast<double>(
                 satisfies(table_.row(n).labels, x.shape.requirements)
                   ? unusable(left, x.shape)
                   : left_on(left))
               * x.tasks;
    }
    return tasks > 0 ? sum / tasks : 0;
  }

  gpu_left left_on_node(node_index n) const {
    auto free = table_.free(n);
    gpu_left result;
    result.cpu = static_cast<int32_t>(free.cpu_millicores);
    result.memory_gib = static_cast<int32_t>(free.memory_bytes >> 30);
    result.devices = table_.gpus_left(n);
    std::erase(result.devices, uint16_t{0});
    std::sort(result.devices.begin(), result.devices.end(), std::greater<>{});
    return result;
  }

  const gpu_trace& trace_;
  std::unique_ptr<policy> ours_;
  std::unique_ptr<published_strategy> published_;
  table table_;
  trace_result result_;
  int64_t asked_ = 0;
  int64_t held_ = 0;
};

} // namespace

std::vector<std::string> trace_strategies() {
  auto result = policy_names();
  result.insert(result.end(), {"bestFit", "publishedFgd"});
  return result;
}

expected<trace_result, std::string>
play(const gpu_trace& x, const std::string& strategy) {
  auto ours = make_policy(strategy);
  auto published = ours ? nullptr : make_published(strategy, x);
  if (!ours && !published) {
    std::string known;
    for (auto& name : trace_strategies())
      known += (known.empty() ? "" : ", ") + name;
    return make_unexpected("unknown strategy " + strategy + "; there are "
                           + known);
  }
  return player{x, std::move(ours), std::move(published)}.run();
}

} // namespace troupe::runtime::placement
