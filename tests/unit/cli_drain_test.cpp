#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/canned_server.hpp"
#include "tools/troupe/exit_code.hpp"
#include "tools/troupe/verbs.hpp"

using namespace troupe;
using namespace troupe::tools;

namespace {

/// A controller whose node n1 goes through `eligibilities`, one a look, and
/// stays at the last. What is asked for a node called n2 is not found.
struct drained_node {
  explicit drained_node(std::vector<std::string> eligibilities)
    : server{[this, eligibilities](auto& x) {
        answer(x, eligibilities);
        return true;
      }} {}

  void answer(const test::canned_server::exchange& x,
              const std::vector<std::string>& eligibilities) {
    auto asks = [&x](const char* what) { return x.text.starts_with(what); };
    if (asks("POST /v1/nodes/n1/drain")) {
      drains += x.text.find(R"({"deadline":"10m"})") != std::string::npos;
      return x.reply(202, R"({"node": "n1"})");
    }
    if (asks("GET /v1/nodes/n1 ")) {
      auto look = std::min<size_t>(looks++, eligibilities.size() - 1);
      return x.reply(200, R"({"name": "n1", "tasks": 1, "eligibility": ")"
                            + eligibilities[look] + "\"}");
    }
    if (asks("GET /v1/tasks"))
      return x.reply(200, R"({"items": [{"id": "web.0"}], "version": 1})");
    if (asks("GET /v1/cluster"))
      return x.reply(200, R"({"version": 1})");
    x.reply(404, R"({"detail": "there is no node \"n2\""})");
  }

  int run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "drain");
    arguments.push_back("--address=http://127.0.0.1:"
                        + std::to_string(server.port()));
    std::vector<char*> argv;
    for (auto& x : arguments)
      argv.push_back(x.data());
    return run_drain(static_cast<int>(argv.size()), argv.data());
  }

  std::atomic<int> drains{0};
  std::atomic<size_t> looks{0};
  test::canned_server server;
};

} // namespace

TEST_CASE("a drain waits until the node is empty") {
  drained_node aut{{"draining", "draining", "drained"}};
  CHECK(aut.run({"n1", "--deadline", "10m"}) == exit_code::done);
  CHECK(aut.drains == 1);
  CHECK(aut.looks == 3);
}

TEST_CASE("a drain that nobody waits for only begins") {
  drained_node aut{{"draining"}};
  CHECK(aut.run({"n1", "--no-wait"}) == exit_code::done);
  CHECK(aut.looks == 0);
}

TEST_CASE("a drain that somebody undoes is told as a no") {
  drained_node aut{{"draining", "eligible"}};
  CHECK(aut.run({"n1"}) == exit_code::no);
}

TEST_CASE("one node that is not there does not keep others from draining") {
  drained_node aut{{"drained"}};
  CHECK(aut.run({"n2", "n1"}) == exit_code::not_found);
  CHECK(aut.looks == 1);
}
