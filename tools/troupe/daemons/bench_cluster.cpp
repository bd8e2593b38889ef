// The whole system in one process: a controller with its REST and its journal,
// and as many nodes as wanted, each with its actors, whose tasks only pass time.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <future>
#include <iostream>
#include <mutex>
#include <random>
#include <thread>

#include <CLI/CLI.hpp>
#include <caf/all.hpp>
#include <caf/io/middleman.hpp>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "messages/json.hpp"
#include "messages/view.hpp"

#include "runtime/http/client.hpp"
#include "runtime/journal/open.hpp"
#include "runtime/log.hpp"

#include "actors/controller.hpp"
#include "actors/node_host.hpp"
#include "actors/system.hpp"

#include "tools/troupe/daemons/bench.hpp"
#include "tools/troupe/progress_line.hpp"

namespace troupe::tools {

namespace {

namespace fs = std::filesystem;
namespace http = runtime::http;
using clock = std::chrono::steady_clock;

struct options {
  uint32_t nodes = 5'000;
  uint64_t tasks = 1'000'000;
  /// Tasks of each array; the rest are submitted one by one.
  uint32_t array = 1'000;
  uint32_t singles = 2'000;
  uint32_t singles_per_second = 100;
  uint32_t arrays_at_once = 4;
  /// Tasks that were submitted and have not ended: more wait to be submitted.
  uint64_t backlog = 30'000;
  std::string duration = "100ms";
  std::string data;
};

double seconds_since(clock::time_point x) {
  return std::chrono::duration<double>(clock::now() - x).count();
}

double percentile(std::vector<double> x, double share) {
  if (x.empty())
    return 0;
  std::sort(x.begin(), x.end());
  auto at = static_cast<size_t>(share * static_cast<double>(x.size() - 1));
  return x[at];
}

/// A client that submits and waits for the answer.
class submitter {
public:
  explicit submitter(std::string address) : address_(std::move(address)) {}

  /// Returns how long the answer took, in milliseconds; below 0 if refused.
  double submit(const std::string& body) {
    http::client_request request;
    request.method = "POST";
    request.url = "http://" + address_ + "/v1/jobs";
    request.headers = {"Content-Type: application/json"};
    request.body = body;
    request.timeout = std::chrono::seconds{60};
    auto begin = clock::now();
    auto done = std::make_shared<std::promise<int>>();
    auto status = done->get_future();
    client_.submit(std::move(request),
                   [done](http::client_reply x) { done->set_value(x.status); });
    auto ok = status.get() == 201;
    return ok ? seconds_since(begin) * 1'000 : -1;
  }

private:
  std::string address_;
  http::client client_;
};

std::string
job(const options& o, const std::string& name, uint64_t count, uint64_t seed) {
  std::mt19937_64 random{seed};
  constexpr std::array<double, 4> cpus{0.1, 0.25, 0.5, 1};
  constexpr std::array<int, 4> memories{64, 128, 256, 512};
  return fmt::format(
    R"({{"name":"{}","kind":"batch","driver":"simulated","count":{},"cpu":{},)"
    R"("memory":"{}MiB","simulate":{{"duration":"{}"}}}})",
    name, count, cpus[random() % cpus.size()],
    memories[random() % memories.size()], o.duration);
}

/// Everything that runs, in the order in which it was made.
struct everything {
  std::unique_ptr<system_config> config;
  std::unique_ptr<caf::actor_system> system;
  std::unique_ptr<controller> control;
  std::vector<std::unique_ptr<node_host>> nodes;
};

expected<void, std::string> start(everything& all, const options& o) {
  auto journal = runtime::open_journal(
    "sqlite:" + (fs::path{o.data} / "journal.db").string());
  if (!journal)
    return make_unexpected(journal.error().message);
  system_options wanted;
  wanted.stealing = true;
  all.config = std::make_unique<system_config>(wanted);
  all.system = std::make_unique<caf::actor_system>(*all.config);
  auto agents = std::make_shared<agent_directory>();
  controller_options control;
  control.http.port = 0;
  control.listen = false;
  // All facts are read again at the end.
  control.journal.snapshot_after = std::numeric_limits<uint64_t>::max();
  control.node.local_agents = agents;
  auto started = controller::start(*all.system, control, std::move(*journal));
  if (!started)
    return make_unexpected(started.error());
  all.control = std::move(*started);
  for (uint32_t i = 0; i < o.nodes; ++i) {
    node_host_options node;
    node.profile.name = fmt::format("n{:05}", i + 1);
    node.profile.capacity = {16'000, int64_t{64} << 30, 0, {}};
    node.profile.version = TROUPE_VERSION;
    node.drivers = {driver_kind::simulated};
    node.durable = false;
    node.agents = agents;
    node.join.local_controller = [door = all.control->door()] { return door; };
    auto host = node_host::start(*all.system, std::move(node));
    if (!host)
      return make_unexpected(host.error());
    all.nodes.push_back(std::move(*host));
  }
  return {};
}

cluster_view look(everything& all) {
  cluster_view result;
  caf::scoped_actor self{*all.system};
  self
    ->request(all.control->scheduler(), std::chrono::seconds{60},
              run_query{get_cluster{}})
    .receive(
      [&](const query_answer& x) {
        if (x.view)
          static_cast<void>(json::read(*x.view, result));
      },
      [](const caf::error&) {});
  return result;
}

/// Reads from the journal how long single tasks took from submission to running.
std::vector<double> start_latencies(const std::string& file) {
  std::vector<double> result;
  auto journal = runtime::open_journal("sqlite:" + file);
  if (!journal)
    return result;
  std::map<std::string, int64_t> submitted;
  static_cast<void>(
    (*journal)->read(0, [&](uint64_t version, std::string_view line) {
      if (line.find("single-") == std::string_view::npos)
        return true;
      auto x = read_line(version, line);
      if (!x)
        return true;
      if (auto* job = std::get_if<job_submitted>(&x->what))
        submitted[job->job] = x->time.ms;
      else if (auto* task = std::get_if<task_started>(&x->what))
        if (auto at = submitted.find(task->task.job); at != submitted.end())
          result.push_back(static_cast<double>(x->time.ms - at->second));
      return true;
    }));
  return result;
}

int run(const options& o) {
  everything all;
  auto begin = clock::now();
  if (auto ok = start(all, o); !ok) {
    std::cerr << "troupe: " << ok.error() << '\n';
    return 1;
  }
  while (look(all).nodes["ready"] < o.nodes)
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  std::printf("%u nodes joined in %.1f s\n", o.nodes, seconds_since(begin));
  std::fflush(stdout);
  auto address = all.control->http_address();
  begin = clock::now();
  std::atomic<uint64_t> next{0};
  std::atomic<uint64_t> refused{0};
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> done{0};
  auto arrays = (o.tasks - std::min<uint64_t>(o.singles, o.tasks)) / o.array;
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < o.arrays_at_once; ++i)
    threads.emplace_back([&] {
      submitter client{address};
      for (auto k = next++; k < arrays; k = next++) {
        while (k * o.array > done + o.backlog)
          std::this_thread::sleep_for(std::chrono::milliseconds{2});
        if (client.submit(job(o, fmt::format("array-{}", k), o.array, k)) < 0)
          ++refused;
        else
          accepted += o.array;
      }
    });
  std::mutex mutex;
  std::vector<double> answers;
  threads.emplace_back([&] {
    submitter client{address};
    auto pause = std::chrono::microseconds{1'000'000 / o.singles_per_second};
    for (uint32_t k = 0; k < o.singles; ++k) {
      auto due = begin + k * pause;
      std::this_thread::sleep_until(due);
      auto took = client.submit(job(o, fmt::format("single-{}", k), 1, k));
      std::lock_guard guard{mutex};
      if (took < 0)
        ++refused;
      else {
        ++accepted;
        answers.push_back(took);
      }
    }
  });
  auto wanted = arrays * o.array + o.singles;
  auto busy = 0.0;
  progress_line line;
  while (done < wanted && seconds_since(begin) < 600) {
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    // Old jobs are forgotten meanwhile: what has ended is what was accepted
    // and is not under way.
    auto before = accepted.load();
    auto tasks = look(all).tasks;
    auto open = tasks["pending"] + tasks["placed"] + tasks["starting"]
                + tasks["running"];
    done = before - std::min(before, open);
    auto elapsed = seconds_since(begin);
    // Arrays set the pace: afterwards only single ones trickle in.
    if (done < arrays * o.array)
      busy = elapsed;
    line.show(fmt::format("{} of {} tasks, {:.0f}/s", done.load(), wanted,
                          static_cast<double>(done.load()) / elapsed));
  }
  line.clear();
  for (auto& x : threads)
    x.join();
  busy = std::max(busy, 0.001);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto cpu = [](const timeval& x) {
    return static_cast<double>(x.tv_sec) + static_cast<double>(x.tv_usec) / 1e6;
  };
  for (auto& node : all.nodes)
    node->stop();
  all.control->stop();
  all.nodes.clear();
  all.control.reset();
  all.system.reset();
  uintmax_t bytes = 0;
  for (auto& x : fs::directory_iterator{o.data})
    bytes += x.is_regular_file() ? x.file_size() : 0;
  auto starts = start_latencies((fs::path{o.data} / "journal.db").string());
  std::printf(
    "\n"
    "tasks                 %llu, refused submissions %llu\n"
    "sustained             %.0f tasks/s from submission to exit\n"
    "single submission     p50 %.1f ms, p99 %.1f ms until it is durable\n"
    "submission to running p50 %.0f ms, p99 %.0f ms (single tasks)\n"
    "peak memory           %.0f MB\n"
    "journal               %.0f bytes a task\n"
    "cpu                   %.1f s user, %.1f s system\n",
    static_cast<unsigned long long>(done.load()),
    static_cast<unsigned long long>(refused.load()),
    static_cast<double>(arrays * o.array) / busy, percentile(answers, 0.5),
    percentile(answers, 0.99), percentile(starts, 0.5),
    percentile(starts, 0.99), static_cast<double>(usage.ru_maxrss) / 1'024,
    static_cast<double>(bytes)
      / static_cast<double>(std::max<uint64_t>(done.load(), 1)),
    cpu(usage.ru_utime), cpu(usage.ru_stime));
  return done == wanted ? 0 : 1;
}

} // namespace

int run_bench_cluster(int argc, char** argv) {
  CLI::App app{"Runs tasks from submission to exit on simulated nodes.",
               "troupe bench cluster"};
  options o;
  app.add_option("--nodes", o.nodes, "Nodes")->capture_default_str();
  app.add_option("--tasks", o.tasks, "Tasks")->capture_default_str();
  app.add_option("--array", o.array, "Tasks of one array")
    ->check(CLI::PositiveNumber)
    ->capture_default_str();
  app.add_option("--singles", o.singles, "Tasks submitted one by one")
    ->capture_default_str();
  app
    .add_option("--singles-per-second", o.singles_per_second,
                "At which rate they are")
    ->check(CLI::PositiveNumber)
    ->capture_default_str();
  app
    .add_option("--backlog", o.backlog,
                "Submitted tasks that have not ended; more wait")
    ->capture_default_str();
  app.add_option("--duration", o.duration, "How long a task takes")
    ->capture_default_str();
  app.add_option("--data", o.data,
                 "Where the journal is made; default: a directory of its own");
  if (auto code = read_flags(app, argc, argv))
    return *code;
  auto own = o.data.empty();
  if (own)
    o.data = (fs::temp_directory_path()
              / ("troupe-bench-" + std::to_string(getpid())))
               .string();
  fs::create_directories(o.data);
  static_cast<void>(runtime::log::start({"warn", "text"}));
  auto result = run(o);
  if (own)
    fs::remove_all(o.data);
  return result;
}

} // namespace troupe::tools
