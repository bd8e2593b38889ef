#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include <doctest/doctest.h>
#include <unistd.h>

#include "runtime/drivers/docker/engine.hpp"

#include "tests/canned_server.hpp"

// The door against an engine that fails in ways a real one does rarely.

using namespace troupe;
using namespace troupe::runtime::docker;
using namespace std::chrono_literals;
using exchange = test::canned_server::exchange;

namespace {

constexpr auto patience = 20s;

const owner who{"cluster-one", "n1"};

container_spec a_spec() {
  container_spec result;
  result.allocation = {7};
  result.task = "web.0";
  result.image = "nginx:alpine";
  return result;
}

std::string inspect_of(const std::string& state) {
  return R"({"Id":"abc","State":)" + state
         + R"(,"Config":{"Labels":{"troupe.cluster":"cluster-one",)"
           R"("troupe.node":"n1","troupe.task":"web.0",)"
           R"("troupe.attempt":"1","troupe.allocation":"7"}}})";
}

const auto never_started
  = R"({"Status":"created","StartedAt":"0001-01-01T00:00:00Z"})";

/// An engine of which a test says how some requests are answered. What it does
/// not say is answered as by an engine where all is well and nothing exits.
class fake_engine {
public:
  using answer = std::function<bool(const exchange&)>;

  explicit fake_engine(std::vector<std::pair<std::string, answer>> answers)
    : answers_(std::move(answers)),
      server_([this](const exchange& x) { return serve(x); }, path()) {}

  static std::string path() {
    return "/tmp/troupe-engine-" + std::to_string(::getpid());
  }

  size_t count(const std::string& request) {
    std::lock_guard lock{mutex_};
    size_t result = 0;
    for (auto& x : seen_)
      if (x.starts_with(request))
        ++result;
    return result;
  }

  /// Waits until `request` has come; false if it does not.
  bool wait_for(const std::string& request) {
    auto deadline = std::chrono::steady_clock::now() + patience;
    while (count(request) == 0) {
      if (std::chrono::steady_clock::now() > deadline)
        return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }

private:
  bool serve(const exchange& x) {
    // Without the version: `POST /containers/abc/start`.
    auto line = x.text.substr(0, x.text.find(" HTTP/"));
    if (auto at = line.find("/v1.41"); at != std::string::npos)
      line.erase(at, 6);
    {
      std::lock_guard lock{mutex_};
      seen_.push_back(line);
    }
    for (auto& [request, f] : answers_)
      if (line.starts_with(request))
        return f(x);
    if (line == "GET /version") {
      x.reply(200, R"({"Version":"20.10.24","ApiVersion":"1.41"})");
    } else if (line == "GET /_ping") {
      x.reply(200, "OK");
    } else if (line.starts_with("POST /containers/create")) {
      x.reply(201, R"({"Id":"abc"})");
    } else if (line.starts_with("POST /containers/abc/wait")
               || line.starts_with("GET /events")) {
      x.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      x.hang();
      return false;
    } else if (line.ends_with("/json")) {
      x.reply(200, inspect_of(R"({"Status":"running"})"));
    } else {
      x.reply(204, "");
    }
    return true;
  }

  std::vector<std::pair<std::string, answer>> answers_;
  std::mutex mutex_;
  std::vector<std::string> seen_;
  test::canned_server server_;
};

/// A door to the fake engine, and what it tells.
class door {
public:
  door() {
    engine_options options;
    options.socket = fake_engine::path();
    options.who = who;
    options.call_timeout = 500ms;
    options.start_timeout = 500ms;
    options.health_interval = 100ms;
    options.health_timeout = 500ms;
    options.settle_time = 20ms;
    options.on_event = [this](engine_event x) {
      std::lock_guard lock{mutex_};
      events_.push_back(std::move(x));
      changed_.notify_all();
    };
    engine_.emplace(std::move(options));
  }

  expected<start_answer, failure> start() {
    auto answer
      = std::make_shared<std::promise<expected<start_answer, failure>>>();
    auto future = answer->get_future();
    engine_->start(a_spec(), [answer](auto x) { answer->set_value(x); });
    if (future.wait_for(patience) != std::future_status::ready)
      return make_unexpected(failure{error_kind::engine_error, "NO ANSWER"});
    return future.get();
  }

  void stop() {
    engine_->stop(a_spec().run(), "SIGTERM", 10s, [](auto&&) {});
  }

  template <class T>
  std::optional<T> wait_for() {
    std::unique_lock lock{mutex_};
    std::optional<T> result;
    changed_.wait_for(lock, patience, [&] {
      for (auto& event : events_)
        if (auto* x = std::get_if<T>(&event))
          result = *x;
      return result.has_value();
    });
    return result;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<engine_event> events_;
  std::optional<engine> engine_;
};

bool hang(const exchange& x) {
  x.hang();
  return false;
}

auto say(int status, std::string body) {
  return [status, body = std::move(body)](const exchange& x) {
    x.reply(status, body);
    return true;
  };
}

} // namespace

TEST_CASE("the wait is open before the container starts") {
  fake_engine engine{{{"POST /containers/abc/start", [](const exchange& x) {
                         x.reply(204, "");
                         return true;
                       }}}};
  door aut;
  REQUIRE(aut.start());
  CHECK(engine.count("POST /containers/abc/wait?condition=next-exit") == 1);
  CHECK(engine.count("POST /containers/abc/start") == 1);
}

TEST_CASE(
  "a start that hangs is in doubt, and is looked at instead of redone") {
  fake_engine engine{{{"POST /containers/abc/start", &hang}}};
  door aut;
  auto started = aut.start();
  REQUIRE(!started);
  CHECK(started.error().kind == error_kind::engine_unreachable);
  auto event = aut.wait_for<container_started>();
  REQUIRE(event);
  CHECK(event->run.allocation == allocation_id{7});
  CHECK(engine.count("POST /containers/abc/start") == 1);
}

TEST_CASE("a start that hangs and then never was is told as such") {
  fake_engine engine{{{"POST /containers/create", &hang},
                      {"GET /containers/troupe-", say(404, "{}")}}};
  door aut;
  REQUIRE(!aut.start());
  CHECK(aut.wait_for<container_not_started>());
  CHECK(engine.count("POST /containers/abc/start") == 0);
}

TEST_CASE("a start that finds nobody listening was not done") {
  door aut;
  auto started = aut.start();
  REQUIRE(!started);
  CHECK(started.error().kind == error_kind::engine_away);
}

TEST_CASE("a stop waits until it is known whether the container runs") {
  fake_engine engine{{{"POST /containers/abc/start", &hang}}};
  door aut;
  REQUIRE(!aut.start());
  aut.stop();
  REQUIRE(aut.wait_for<container_started>());
  CHECK(engine.wait_for("POST /containers/abc/kill?signal=SIGTERM"));
}

TEST_CASE("a container that has run under a doubtful start is not run again") {
  fake_engine engine{
    {{"POST /containers/abc/start", &hang},
     {"GET /containers/troupe-",
      say(200, inspect_of(R"({"Status":"exited","ExitCode":3})"))}}};
  door aut;
  REQUIRE(!aut.start());
  auto event = aut.wait_for<container_exited>();
  REQUIRE(event);
  CHECK(event->exit.code == 3);
  auto again = aut.start();
  REQUIRE(again);
  CHECK(again->adopted);
  CHECK(engine.count("POST /containers/abc/start") == 1);
}

// An engine that is killed in the middle of a start forgets that it began.
TEST_CASE("a start that may have happened is not made again") {
  fake_engine engine{
    {{"POST /containers/abc/start", &hang},
     {"GET /containers/troupe-", say(200, inspect_of(never_started))}}};
  door aut;
  REQUIRE(!aut.start());
  auto event = aut.wait_for<container_exited>();
  REQUIRE(event);
  CHECK(event->exit.code == -1);
  CHECK(event->exit.error.find("nobody knows") != std::string::npos);
  CHECK(engine.count("POST /containers/abc/start") == 1);
  CHECK(engine.count("DELETE /containers/abc?force=true") == 1);
}

TEST_CASE("what an earlier life may have started is not started again") {
  fake_engine engine{
    {{"POST /containers/create", say(409, "{}")},
     {"GET /containers/troupe-", say(200, inspect_of(never_started))}}};
  door aut;
  auto started = aut.start();
  REQUIRE(started);
  CHECK(started->adopted);
  auto event = aut.wait_for<container_exited>();
  REQUIRE(event);
  CHECK(event->exit.code == -1);
  CHECK(engine.count("POST /containers/abc/start") == 0);
}

TEST_CASE("a container that was only made is started") {
  std::atomic<int> made{0};
  fake_engine engine{
    {{"POST /containers/create",
      [&](const exchange& x) {
        if (++made == 1)
          return hang(x);
        x.reply(409, "{}");
        return true;
      }},
     {"GET /containers/troupe-", say(200, inspect_of(never_started))}}};
  door aut;
  REQUIRE(!aut.start());
  REQUIRE(aut.wait_for<container_not_started>());
  CHECK(aut.start());
  CHECK(engine.count("POST /containers/abc/start") == 1);
}

TEST_CASE("a wait that breaks off is not an exit") {
  std::atomic<bool> exited{false};
  std::atomic<int> waits{0};
  fake_engine engine{
    {{"POST /containers/abc/wait",
      [&](const exchange& x) {
        x.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        // Broken off twice, and then it ends as it should.
        if (++waits < 3)
          return false;
        exited = true;
        x.send("10\r\n{\"StatusCode\":0}\r\n0\r\n\r\n");
        return false;
      }},
     {"GET /containers/abc/json", [&](const exchange& x) {
        x.reply(200, inspect_of(exited ? R"({"Status":"exited","ExitCode":9})"
                                       : R"({"Status":"running"})"));
        return true;
      }}}};
  door aut;
  REQUIRE(aut.start());
  auto event = aut.wait_for<container_exited>();
  REQUIRE(event);
  // The inspection is believed, and not what the wait says.
  CHECK(event->exit.code == 9);
  CHECK(waits == 3);
}

TEST_CASE("a port that is taken leaves no container") {
  fake_engine engine{
    {{"POST /containers/abc/start",
      say(500,
          R"({"message":"Bind for 0.0.0.0:80: port is already allocated"})")}}};
  door aut;
  auto started = aut.start();
  REQUIRE(!started);
  CHECK(started.error().kind == error_kind::port_in_use);
  CHECK(engine.count("DELETE /containers/abc") == 1);
}

TEST_CASE("an image is pulled, and then the container is created") {
  std::atomic<int> creates{0};
  fake_engine engine{
    {{"POST /containers/create",
      [&](const exchange& x) {
        if (++creates == 1)
          x.reply(404, R"({"message":"No such image: nginx:alpine"})");
        else
          x.reply(201, R"({"Id":"abc"})");
        return true;
      }},
     {"POST /images/create",
      say(200, "{\"status\":\"Downloading\",\"id\":\"a\",\"progressDetail\":"
               "{\"current\":45,\"total\":100}}\r\n")}}};
  door aut;
  REQUIRE(aut.start());
  auto event = aut.wait_for<image_pulling>();
  REQUIRE(event);
  CHECK(event->text == "pulling nginx:alpine 45 %");
  CHECK(engine.count("POST /images/create?fromImage=nginx&tag=alpine") == 1);
}

TEST_CASE("an error inside a pull that seems to go well is an error") {
  fake_engine engine{
    {{"POST /containers/create",
      say(404, R"({"message":"No such image: nginx:alpine"})")},
     {"POST /images/create",
      say(200,
          "{\"status\":\"Pulling\"}\n{\"error\":\"manifest unknown\"}\n")}}};
  door aut;
  auto started = aut.start();
  REQUIRE(!started);
  CHECK(started.error().kind == error_kind::image_not_found);
  CHECK(started.error().text
        == "the image nginx:alpine was not found: manifest unknown");
}

TEST_CASE("a container with our name and other labels is left alone") {
  fake_engine engine{
    {{"POST /containers/create", say(409, R"({"message":"in use"})")},
     {"GET /containers/troupe-",
      say(200, R"({"Id":"abc","State":{"Status":"created"},"Config":{}})")}}};
  door aut;
  auto started = aut.start();
  REQUIRE(!started);
  CHECK(started.error().kind == error_kind::engine_error);
  CHECK(engine.count("POST /containers/abc") == 0);
  CHECK(engine.count("DELETE") == 0);
}
