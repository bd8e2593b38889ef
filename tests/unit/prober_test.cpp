#include <filesystem>
#include <future>

#include <doctest/doctest.h>

#include "runtime/prober.hpp"

#include "tests/canned_server.hpp"

namespace troupe {

using namespace std::chrono_literals;
using test::canned_server;

namespace {

runtime::probe_answer
look(runtime::prober& aut, check_kind kind, uint16_t port,
     milliseconds timeout = 20s, std::string path = "/up") {
  auto told = std::make_shared<std::promise<runtime::probe_answer>>();
  auto result = told->get_future();
  aut.look({kind, "127.0.0.1", port, std::move(path), timeout},
           [told](runtime::probe_answer x) { told->set_value(std::move(x)); });
  REQUIRE(result.wait_for(30s) == std::future_status::ready);
  return result.get();
}

/// A port where nobody listens.
uint16_t dead_port() {
  canned_server gone{[](auto&) { return false; }};
  return gone.port();
}

size_t open_descriptors() {
  return static_cast<size_t>(
    std::distance(std::filesystem::directory_iterator{"/proc/self/fd"},
                  std::filesystem::directory_iterator{}));
}

} // namespace

TEST_CASE("statuses from 200 to 399 pass over HTTP, others do not") {
  runtime::prober aut;
  struct row {
    int status;
    check_result expected;
  };
  for (auto [status, expected] :
       {row{200, check_result::passed}, row{204, check_result::passed},
        row{302, check_result::passed}, row{404, check_result::failed},
        row{500, check_result::failed}}) {
    std::string asked;
    canned_server server{[&, status = status](const auto& x) {
      asked = x.text;
      x.reply(status, "body");
      return false;
    }};
    auto found = look(aut, check_kind::http, server.port());
    CHECK(found.result == expected);
    CHECK(found.message
          == "port " + std::to_string(server.port()) + ": status "
               + std::to_string(status));
    CHECK(asked.starts_with("GET /up HTTP/1.1\r\n"));
  }
}

TEST_CASE("what does not answer in time, or not at all, fails over HTTP") {
  runtime::prober aut;
  canned_server slow{[](const auto& x) {
    x.hang();
    return false;
  }};
  CHECK(look(aut, check_kind::http, slow.port(), 100ms).result
        == check_result::failed);
  canned_server mute{[](const auto&) { return false; }};
  CHECK(look(aut, check_kind::http, mute.port()).result
        == check_result::failed);
  CHECK(look(aut, check_kind::http, dead_port()).result
        == check_result::failed);
}

TEST_CASE("whoever listens passes over TCP, and is asked for nothing") {
  runtime::prober aut;
  std::atomic<size_t> asked = 0;
  canned_server server{[&](const auto&) {
    ++asked;
    return false;
  }};
  CHECK(look(aut, check_kind::tcp, server.port()).result
        == check_result::passed);
  CHECK(look(aut, check_kind::tcp, dead_port()).result == check_result::failed);
  CHECK(asked == 0);
}

TEST_CASE("checks leave no connections behind") {
  runtime::prober aut;
  canned_server server{[](const auto& x) {
    x.reply(200, "");
    return false;
  }};
  static_cast<void>(look(aut, check_kind::tcp, server.port()));
  auto before = open_descriptors();
  for (auto i = 0; i < 50; ++i) {
    static_cast<void>(look(aut, check_kind::tcp, server.port()));
    static_cast<void>(look(aut, check_kind::http, server.port()));
  }
  CHECK(open_descriptors() < before + 20);
}

} // namespace troupe
