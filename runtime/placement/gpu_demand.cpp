#include "runtime/placement/gpu_demand.hpp"

#include <algorithm>
#include <limits>

namespace troupe::runtime::placement {

namespace {

// So few tasks say nothing about those to come.
constexpr uint32_t tasks_least = 16;

constexpr int64_t gib = int64_t{1} << 30;

} // namespace

gpu_shape shape_of(const known_class& c) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  auto memory = c.memory / gib + (c.memory % gib != 0 ? 1 : 0);
  return {c.cpu, static_cast<int32_t>(std::min(memory, most)), c.gpu_share,
          c.gpu_devices, c.of.requirements};
}

void gpu_demand::note(const known_class& c) {
  ++tasks_[shape_of(c)];
  ++total_;
  ++since_;
  while (total_ >= tasks_max || tasks_.size() > shapes_max)
    fade();
  if (since_ >= std::max(tasks_least, published_ / 4))
    publish();
}

void gpu_demand::fade() {
  total_ = 0;
  for (auto i = tasks_.begin(); i != tasks_.end();) {
    i->second /= 2;
    total_ += i->second;
    i = i->second == 0 ? tasks_.erase(i) : std::next(i);
  }
}

void gpu_demand::publish() {
  gpu_wishes result;
  result.reserve(tasks_.size());
  for (auto& [shape, tasks] : tasks_)
    result.push_back({shape, tasks});
  typical_ = std::make_shared<const gpu_wishes>(std::move(result));
  published_ = total_;
  since_ = 0;
}

} // namespace troupe::runtime::placement
