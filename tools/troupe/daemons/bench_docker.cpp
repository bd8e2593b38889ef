// The same containers twice: by the engine alone, and by a cluster of one node in
// front of it, from submission to exit.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <future>
#include <iostream>
#include <mutex>
#include <optional>
#include <thread>

#include <CLI/CLI.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "messages/expected.hpp"

#include "runtime/drivers/docker/api.hpp"
#include "runtime/http/client.hpp"

#include "tools/troupe/daemons/bench.hpp"

namespace troupe::tools {

namespace {

namespace docker = runtime::docker;
namespace fs = std::filesystem;
namespace http = runtime::http;
using clock = std::chrono::steady_clock;

struct options {
  std::string socket = "/var/run/docker.sock";
  std::string image = "busybox";
  std::string network = "none";
  uint32_t tasks = 60;
  uint32_t singles = 10;
  /// As many as a node starts at once.
  uint32_t at_once = 3;
};

double seconds_since(clock::time_point x) {
  return std::chrono::duration<double>(clock::now() - x).count();
}

double median_ms(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return seconds.empty() ? 0 : seconds[seconds.size() / 2] * 1'000;
}

http::client_reply ask(http::client& by, http::client_request request) {
  auto done = std::make_shared<std::promise<http::client_reply>>();
  auto reply = done->get_future();
  request.headers = {"Content-Type: application/json"};
  request.timeout = std::chrono::seconds{120};
  by.submit(std::move(request),
            [done](http::client_reply x) { done->set_value(std::move(x)); });
  return reply.get();
}

/// What a reply says in words.
std::string why(const http::client_reply& x) {
  return x.status == 0 ? x.error
                       : fmt::format("it answered {}: {}", x.status, x.body);
}

// -- the engine alone -----------------------------------------------------------

class engine {
public:
  explicit engine(const options& o)
    : options_{o}, socket_{o.socket.starts_with("unix://") ? o.socket.substr(7)
                                                           : o.socket} {}

  /// Creates, starts and awaits one container. Returns a sentence if it could not.
  std::optional<std::string> run_one(uint64_t number) {
    docker::container_spec spec;
    spec.allocation.value = number;
    spec.task = "bench." + std::to_string(number);
    spec.image = options_.image;
    spec.command = {"true"};
    docker::container_defaults defaults;
    defaults.network_mode = options_.network;
    docker::owner who{"bench-" + std::to_string(getpid()), "engine"};
    auto made = call(
      "POST", "/containers/create?name=" + docker::container_name(who, spec),
      docker::create_body(who, spec, defaults));
    if (made.status != 201)
      return why(made);
    auto id = std::string{boost::json::parse(made.body).at("Id").as_string()};
    {
      std::lock_guard guard{mutex_};
      made_.push_back(id);
    }
    if (auto x = call("POST", "/containers/" + id + "/start"); x.status != 204)
      return why(x);
    if (auto x = call("POST", "/containers/" + id + "/wait"); x.status != 200)
      return why(x);
    return std::nullopt;
  }

  /// Takes away what was made here.
  void clean() {
    for (auto& id : std::exchange(made_, {}))
      call("DELETE", "/containers/" + id + "?force=1");
  }

private:
  http::client_reply
  call(std::string method, const std::string& path, std::string body = {}) {
    http::client_request request;
    request.method = std::move(method);
    request.url = "http://engine" + path;
    request.unix_socket = socket_;
    request.body = std::move(body);
    return ask(client_, std::move(request));
  }

  const options& options_;
  std::string socket_;
  http::client client_;
  std::mutex mutex_;
  std::vector<std::string> made_;
};

/// Runs `o.tasks` containers, `at_once` at a time. Containers a second.
expected<double, std::string> engine_rate(const options& o, uint32_t at_once) {
  engine aut{o};
  std::atomic<uint32_t> next{0};
  std::mutex mutex;
  std::optional<std::string> trouble;
  auto begin = clock::now();
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < at_once; ++i)
    threads.emplace_back([&] {
      while (next++ < o.tasks)
        if (auto x = aut.run_one(at_once * 100'000 + next)) {
          std::lock_guard guard{mutex};
          trouble = x;
          return;
        }
    });
  for (auto& x : threads)
    x.join();
  auto took = seconds_since(begin);
  aut.clean();
  if (trouble)
    return make_unexpected(*trouble);
  return o.tasks / took;
}

// -- a cluster in front of it ---------------------------------------------------

/// `troupe up` with one node, as a child.
class cluster {
public:
  explicit cluster(const options& o)
    : data_{
      (fs::temp_directory_path() / ("troupe-bench-" + std::to_string(getpid())))
        .string()} {
    std::vector<std::string> words{"troupe",           "up",
                                   "--nodes",          "1",
                                   "--http",           "127.0.0.1:0",
                                   "--listen",         "127.0.0.1:0",
                                   "--data",           data_,
                                   "--journal",        "memory",
                                   "--drivers",        "docker",
                                   "--docker",         o.socket,
                                   "--capacity",       "cpu=1000,memory=1TiB",
                                   "--docker-network", o.network,
                                   "--log-level",      "warn"};
    std::vector<char*> argv;
    for (auto& x : words)
      argv.push_back(x.data());
    argv.push_back(nullptr);
    int ends[2];
    if (pipe(ends) != 0)
      return;
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&files, ends[0]);
    if (posix_spawn(&pid_, "/proc/self/exe", &files, nullptr, argv.data(),
                    environ)
        != 0)
      pid_ = 0;
    posix_spawn_file_actions_destroy(&files);
    close(ends[1]);
    read_address(ends[0]);
    close(ends[0]);
  }

  ~cluster() {
    if (pid_ > 0) {
      kill(pid_, SIGTERM);
      waitpid(pid_, nullptr, 0);
    }
    std::error_code ignored;
    fs::remove_all(data_, ignored);
  }

  cluster(const cluster&) = delete;
  cluster& operator=(const cluster&) = delete;

  [[nodiscard]] bool is_ready() const { return !address_.empty(); }

  /// Submits `count` containers and awaits their end. Returns how long it took.
  expected<double, std::string> run(const options& o, uint32_t count) {
    auto name = fmt::format("bench-{}", ++jobs_);
    auto begin = clock::now();
    auto made = call("POST", "/v1/jobs",
                     fmt::format(R"({{"name":"{}","image":"{}","command":)"
                                 R"(["true"],"kind":"batch","count":{}}})",
                                 name, o.image, count));
    if (made.status != 201)
      return make_unexpected(why(made));
    for (uint64_t version = 0;;) {
      auto job = call("GET", fmt::format("/v1/jobs/{}", name));
      if (job.status != 200)
        return make_unexpected(why(job));
      auto state
        = std::string{boost::json::parse(job.body).at("state").as_string()};
      if (state == "succeeded")
        return seconds_since(begin);
      if (state == "failed" || state == "stopped")
        return make_unexpected("job " + name + " has " + state);
      auto seen
        = call("GET", fmt::format("/v1/policies?wait=5s&version={}", version));
      if (seen.status != 200)
        return make_unexpected(why(seen));
      version = static_cast<uint64_t>(
        boost::json::parse(seen.body).at("version").to_number<int64_t>());
    }
  }

private:
  void read_address(int from) {
    std::string text;
    char buffer[512];
    for (ssize_t n = 0; (n = read(from, buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
      auto at = text.find("ready http=");
      auto end
        = at == text.npos ? text.npos : text.find_first_of(" \n", at + 11);
      if (end == text.npos)
        continue;
      address_ = text.substr(at + 11, end - at - 11);
      return;
    }
  }

  http::client_reply
  call(std::string method, const std::string& path, std::string body = {}) {
    http::client_request request;
    request.method = std::move(method);
    request.url = "http://" + address_ + path;
    request.body = std::move(body);
    return ask(client_, std::move(request));
  }

  std::string data_;
  pid_t pid_ = 0;
  std::string address_;
  uint32_t jobs_ = 0;
  http::client client_;
};

// -- both -----------------------------------------------------------------------

int fail(const std::string& what) {
  std::cerr << "troupe: " << what << '\n';
  return 1;
}

int run(const options& o) {
  auto one = o;
  one.tasks = o.singles;
  auto alone = engine_rate(one, 1);
  if (!alone)
    return fail("the engine at " + o.socket + " does not run " + o.image + ": "
                + alone.error()
                + ". `troupe doctor` looks at engines, `docker pull` gets "
                  "images, --image takes another one");
  auto raw = engine_rate(o, o.at_once);
  if (!raw)
    return fail("the engine: " + raw.error());
  cluster aut{o};
  if (!aut.is_ready())
    return fail("the cluster did not start");
  // The first one is also for the node to join.
  if (auto first = aut.run(o, 1); !first)
    return fail(first.error());
  std::vector<double> singles;
  for (uint32_t i = 0; i < o.singles; ++i) {
    auto took = aut.run(o, 1);
    if (!took)
      return fail(took.error());
    singles.push_back(*took);
  }
  auto took = aut.run(o, o.tasks);
  if (!took)
    return fail(took.error());
  auto rate = o.tasks / *took;
  std::printf(
    "engine alone   %6.1f containers/s, %u at a time; one after the other %.0f "
    "ms each\n"
    "troupe         %6.1f containers/s from submission to exit, %.0f %% of "
    "that; a single one %.0f ms\n",
    *raw, o.at_once, 1'000 / *alone, rate, 100 * rate / *raw,
    median_ms(singles));
  return 0;
}

} // namespace

int run_bench_docker(int argc, char** argv) {
  CLI::App app{"Runs containers by a Docker engine alone, and by troupe.",
               "troupe bench docker"};
  options o;
  app.add_option("--docker", o.socket, "Socket of the engine")
    ->capture_default_str();
  app.add_option("--image", o.image, "Image that has `true`")
    ->capture_default_str();
  app.add_option("--network", o.network, "Network of the containers")
    ->capture_default_str();
  app.add_option("--tasks", o.tasks, "Containers at once submitted")
    ->check(CLI::PositiveNumber)
    ->capture_default_str();
  app.add_option("--singles", o.singles, "Containers one after the other")
    ->check(CLI::PositiveNumber)
    ->capture_default_str();
  app
    .add_option("--at-once", o.at_once,
                "How many the engine alone starts at a time")
    ->check(CLI::PositiveNumber)
    ->capture_default_str();
  if (auto code = read_flags(app, argc, argv))
    return *code;
  return run(o);
}

} // namespace troupe::tools
