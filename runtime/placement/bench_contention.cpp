// As `bench.cpp`, for tasks that find no free place. Reads a clock.

#include "runtime/placement/bench_contention.hpp"

#include <algorithm>
#include <chrono>
#include <unordered_map>

#include "messages/contract.hpp"

#include "runtime/placement/preempt.hpp"

namespace troupe::runtime::placement {

namespace {

using clock = std::chrono::steady_clock;

constexpr int64_t gibi = 1 << 30;
constexpr uint32_t tasks_per_node = 10;
constexpr uint32_t gang_size = 8;
constexpr uint32_t decisions_max = 1'000;
constexpr int32_t high = 1'000;

class contention {
public:
  explicit contention(const bench_options& options)
    : options_(options), state_(options.seed) {
    for (uint32_t i = 0; i < options.nodes; ++i) {
      node_row row;
      row.name = "n" + std::to_string(i);
      row.capacity = {tasks_per_node * 1'000, tasks_per_node * gibi, 0, {}};
      auto n = nodes_.add(std::move(row));
      for (uint32_t k = 0; k < tasks_per_node; ++k)
        move_in(n, sized(1'000), static_cast<int32_t>(below(100)));
    }
  }

  bench_result run() {
    auto gang = options_.scenario == "gang";
    auto decisions = std::min(options_.tasks, decisions_max);
    std::vector<double> times;
    bench_result result;
    auto all = clock::now();
    for (uint32_t i = 0; i < decisions; ++i) {
      auto of = sized(1'000 + static_cast<int64_t>(below(3)) * 500);
      auto start = clock::now();
      auto rooms = gang ? find_many(*of) : find_one(*of);
      times.push_back(
        std::chrono::duration<double, std::micro>(clock::now() - start)
          .count());
      if (rooms.empty()) {
        ++result.refused;
        continue;
      }
      ++result.placed;
      for (auto& x : rooms)
        carry_out(x, of);
    }
    std::sort(times.begin(), times.end());
    result.scenario = options_.scenario;
    result.strategy = options_.strategy;
    result.nodes = options_.nodes;
    result.classes = 3;
    result.seconds = std::chrono::duration<double>(clock::now() - all).count();
    result.cpu_seconds = result.seconds;
    result.decisions_per_second = decisions / result.seconds;
    result.decisions_per_cpu_second = result.decisions_per_second;
    result.p50_us = times[times.size() / 2];
    result.p99_us = times[times.size() * 99 / 100];
    return result;
  }

private:
  uint64_t below(uint64_t n) {
    auto x = state_ += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return (x ^ (x >> 31)) % n;
  }

  static std::shared_ptr<const task_class> sized(int64_t cpu) {
    auto result = std::make_shared<task_class>();
    result->request = {cpu, gibi, 0, {}};
    return result;
  }

  void move_in(node_index n, std::shared_ptr<const task_class> of,
               int32_t priority) {
    auto held = nodes_.occupy(n, *of);
    TROUPE_ASSERT(held.has_value());
    tenant x;
    x.id = ++last_;
    x.cpu = static_cast<int32_t>(of->request.cpu_millicores);
    x.memory = of->request.memory_bytes;
    x.priority = priority;
    x.since = {static_cast<int64_t>(below(1'000'000)) + 1};
    who_.add(n, x);
    places_[x.id] = {std::move(of), std::move(*held)};
  }

  void carry_out(const room& x, const std::shared_ptr<const task_class>& of) {
    for (auto id : x.victims) {
      auto& place = places_.at(id);
      nodes_.vacate(x.node, *place.of, place.held);
      who_.remove(x.node, id);
      places_.erase(id);
    }
    move_in(x.node, of, high);
  }

  [[nodiscard]] room_search search() const {
    return {nodes_, who_,
            [this](node_index, uint64_t id) { return places_.at(id); },
            timestamp{2'000'000}};
  }

  std::vector<room> find_one(const task_class& of) {
    auto in = search();
    auto found = find_room(in, of, high);
    return found ? std::vector<room>{std::move(*found)} : std::vector<room>{};
  }

  std::vector<room> find_many(const task_class& of) {
    room_maker maker{search(), of, high};
    std::vector<room> result;
    while (result.size() < gang_size) {
      auto found = maker.next();
      if (!found)
        return {};
      result.push_back(std::move(*found));
    }
    return result;
  }

  bench_options options_;
  uint64_t state_;
  uint64_t last_ = 0;
  table nodes_;
  tenants who_;
  std::unordered_map<uint64_t, held_place> places_;
};

} // namespace

bench_result run_contention_bench(const bench_options& options) {
  return contention{options}.run();
}

} // namespace troupe::runtime::placement
