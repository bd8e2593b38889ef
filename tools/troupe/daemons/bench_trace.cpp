#include "runtime/placement/bench_trace.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include <CLI/CLI.hpp>

#include "messages/json.hpp"

#include "tools/troupe/daemons/bench.hpp"

namespace troupe::tools {

namespace {

namespace rp = runtime::placement;

/// What was played, and how fast.
struct timed_result {
  rp::trace_result of;
  double decisions_per_second = 0;
};

struct trace_flags {
  std::string folder;
  std::vector<std::string> strategies{"bestFit", "publishedFgd", "fgd"};
  std::vector<std::string> lists;
  std::string seeds = "42-46";
};

constexpr auto list_prefix = "openb_pod_list_";
constexpr auto node_list = "openb_node_list_gpu_node.csv";

expected<std::string, std::string> read_file(const std::filesystem::path& x) {
  std::ifstream in{x, std::ios::binary};
  if (!in) {
    auto packed = x.string() + ".gz";
    return make_unexpected(std::filesystem::exists(packed)
                             ? packed + " is packed: unpack it with gunzip"
                             : "cannot read " + x.string()
                                 + "; tools/README.md says where it is from");
  }
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// All lists in the folder, by name.
std::vector<std::string> lists_in(const std::filesystem::path& folder) {
  std::vector<std::string> result;
  std::error_code ignored;
  for (auto& x : std::filesystem::directory_iterator{folder, ignored}) {
    auto name = x.path().filename().string();
    if (name.starts_with(list_prefix) && name.ends_with(".csv"))
      result.push_back(
        name.substr(std::string_view{list_prefix}.size(),
                    name.size() - 4 - std::string_view{list_prefix}.size()));
  }
  std::sort(result.begin(), result.end());
  return result;
}

/// `42-46`, or `42`.
expected<std::pair<uint64_t, uint64_t>, std::string>
read_seeds(const std::string& text) {
  std::istringstream in{text};
  uint64_t first = 0;
  uint64_t last = 0;
  char dash = '-';
  if (!(in >> first))
    return make_unexpected("--seeds needs a number or a range such as 42-46");
  last = first;
  if (!in.eof() && (!(in >> dash >> last) || dash != '-' || last < first))
    return make_unexpected("--seeds needs a number or a range such as 42-46");
  return std::pair{first, last};
}

expected<rp::gpu_trace, std::string>
read_trace(const std::filesystem::path& folder, const std::string& list,
           uint64_t seed) {
  auto nodes = read_file(folder / node_list);
  if (!nodes)
    return make_unexpected(nodes.error());
  auto tasks = read_file(folder / (list_prefix + list + ".csv"));
  if (!tasks)
    return make_unexpected(tasks.error());
  auto result = rp::read_openb(*nodes, *tasks);
  if (!result)
    return result;
  auto order = folder / "orders" / (list + '_' + std::to_string(seed));
  if (!std::filesystem::exists(order.string() + ".order")
      && !std::filesystem::exists(order.string() + ".order.gz")) {
    rp::arrange_by_chance(*result, seed);
    return result;
  }
  auto arrivals = read_file(order.string() + ".order");
  if (!arrivals)
    return make_unexpected(arrivals.error());
  auto rank = read_file(order.string() + ".rank");
  if (!rank)
    return make_unexpected(rank.error());
  if (auto ok = rp::arrange(*result, *arrivals, *rank); !ok)
    return make_unexpected(ok.error());
  return result;
}

std::string why_text(const rp::trace_result& x) {
  std::string result;
  for (auto& [why, count] : x.why)
    result
      += "  " + std::string{json::name_of(why)} + ' ' + std::to_string(count);
  return result;
}

void print(const std::string& strategy, const std::string& list,
           const std::string& seed, const timed_result& timed) {
  auto& x = timed.of;
  std::printf("%-13s %-12s %-5s  gpus allocated %6.2f %%  asked %6.2f %%  "
              "fragmented %5.2f %%  refused %6llu%s  %7.0f decisions/s\n",
              strategy.c_str(), list.c_str(), seed.c_str(), x.allocated * 100,
              x.asked * 100, x.fragmented * 100,
              static_cast<unsigned long long>(x.refused), why_text(x).c_str(),
              timed.decisions_per_second);
  std::fflush(stdout);
}

/// Sums, of which `mean_of` makes means.
void add(timed_result& to, const timed_result& x) {
  to.of.asked += x.of.asked;
  to.of.allocated += x.of.allocated;
  to.of.fragmented += x.of.fragmented;
  to.of.placed += x.of.placed;
  to.of.refused += x.of.refused;
  for (auto& [why, count] : x.of.why)
    to.of.why[why] += count;
  to.decisions_per_second += x.decisions_per_second;
}

timed_result mean_of(timed_result x, uint64_t count) {
  auto n = static_cast<double>(count);
  x.of.asked /= n;
  x.of.allocated /= n;
  x.of.fragmented /= n;
  x.of.placed /= count;
  x.of.refused /= count;
  for (auto& [why, times] : x.of.why)
    times /= count;
  x.decisions_per_second /= n;
  return x;
}

expected<timed_result, std::string>
play_timed(const rp::gpu_trace& x, const std::string& strategy) {
  auto start = std::chrono::steady_clock::now();
  auto result = rp::play(x, strategy);
  if (!result)
    return make_unexpected(result.error());
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return timed_result{std::move(*result), static_cast<double>(x.arrivals.size())
                                            / std::max(took.count(), 1e-9)};
}

expected<void, std::string> run(trace_flags x) {
  auto seeds = read_seeds(x.seeds);
  if (!seeds)
    return make_unexpected(seeds.error());
  if (x.lists.empty())
    x.lists = lists_in(x.folder);
  if (x.lists.empty())
    return make_unexpected("there is no " + std::string{list_prefix}
                           + "*.csv in " + x.folder
                           + "; tools/README.md says where it is from");
  auto count = seeds->second - seeds->first + 1;
  for (auto& strategy : x.strategies) {
    timed_result all;
    for (auto& list : x.lists) {
      timed_result sum;
      for (auto seed = seeds->first; seed <= seeds->second; ++seed) {
        auto trace = read_trace(x.folder, list, seed);
        if (!trace)
          return make_unexpected(trace.error());
        auto result = play_timed(*trace, strategy);
        if (!result)
          return make_unexpected(result.error());
        if (count > 1)
          print(strategy, list, std::to_string(seed), *result);
        add(sum, *result);
      }
      auto mean = mean_of(sum, count);
      print(strategy, list, count > 1 ? "mean" : x.seeds, mean);
      add(all, mean);
    }
    if (x.lists.size() > 1)
      print(strategy, "all lists", "mean", mean_of(all, x.lists.size()));
  }
  return {};
}

} // namespace

int run_bench_trace(int argc, char** argv) {
  CLI::App app{
    "Plays a recorded list of tasks with GPUs: each is offered once, "
    "and placed at once or dropped. Says how much of the GPUs is "
    "allocated in the end.",
    "troupe bench trace"};
  trace_flags flags;
  app
    .add_option("--openb", flags.folder,
                "Folder with Alibaba's cluster-trace-gpu-v2023, unpacked; "
                "orders/LIST_SEED.order and .rank say who comes when, if they "
                "are there")
    ->required();
  app
    .add_option("--strategy", flags.strategies,
                "Strategies, separated by commas; bestFit and publishedFgd are "
                "as published")
    ->delimiter(',')
    ->capture_default_str();
  app
    .add_option("--list", flags.lists,
                "Lists of tasks, such as default,cpu250; all if not said")
    ->delimiter(',');
  app.add_option("--seeds", flags.seeds, "Orders of arrival")
    ->capture_default_str();
  if (auto code = read_flags(app, argc, argv))
    return *code;
  if (auto ok = run(std::move(flags)); !ok) {
    std::cerr << "troupe: " << ok.error() << '\n';
    return 2;
  }
  return 0;
}

} // namespace troupe::tools
