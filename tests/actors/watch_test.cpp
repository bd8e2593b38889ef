#include <caf/all.hpp>
#include <doctest/doctest.h>

#include "runtime/http/exchange.hpp"
#include "runtime/http/mailbox.hpp"

#include "actors/watch.hpp"

#include "tests/virtual_world/world.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace http = troupe::runtime::http;

namespace {

event fact_of(version_number version) {
  return {version, {1'000}, node_ready{"node-" + std::to_string(version)}};
}

/// A client of the events, as the HTTP server keeps one.
struct client {
  std::shared_ptr<http::mailbox> box = std::make_shared<http::mailbox>([] {
    // Nobody sleeps on it.
  });
  std::string text;
  std::shared_ptr<http::stream_state> stream;
  /// Wire bytes that came and were not read.
  size_t unread = 0;

  http_call call(size_t bytes_max = 1 << 20) {
    http::request request;
    request.path = "/v1/events";
    return {std::make_shared<http::exchange>(
      request, http::reply_to{box, 1, true, bytes_max})};
  }

  void receive() {
    for (auto& x : box->take({})) {
      if (x.stream)
        stream = x.stream;
      if (x.what == http::command::kind::chunk)
        unread += x.bytes.size();
      text += x.bytes;
    }
  }

  /// Makes room for more.
  void read() {
    receive();
    if (stream)
      stream->sent(std::exchange(unread, 0));
  }

  /// The versions of all events that came.
  std::vector<version_number> versions() {
    receive();
    std::vector<version_number> result;
    for (auto at = text.find("id: "); at != std::string::npos;
         at = text.find("id: ", at + 1))
      result.push_back(std::stoull(text.substr(at + 4)));
    return result;
  }
};

struct stage {
  virtual_world world;
  journal_actor journal;
  watch_actor aut;
  version_number head = 0;
  size_t reads = 0;

  explicit stage(watch_options options = {}) {
    journal = world.fake<journal_actor>(
      "journal", [this](caf::event_based_actor*) -> caf::behavior {
        return {[this](const read_events& x) {
          ++reads;
          auto found = std::make_shared<std::vector<event>>();
          for (auto v = x.since + 1; v <= head && found->size() < x.count_max;
               ++v)
            found->push_back(fact_of(v));
          return event_batch{found};
        }};
      });
    aut = world.system().spawn(watch, options, journal);
    world.settle();
  }

  ~stage() { world.end(); }

  /// Facts of this many versions become durable.
  void add(version_number count) {
    auto batch = std::make_shared<std::vector<event>>();
    for (; count > 0; --count)
      batch->push_back(fact_of(++head));
    caf::anon_send(aut, event_batch{batch});
    world.settle();
  }

  void follow(client& who, version_number since, size_t bytes_max = 1 << 20) {
    watch_events x;
    x.call = who.call(bytes_max);
    x.since = since;
    x.follow = true;
    caf::anon_send(aut, x);
    x.call = {};
    world.settle();
  }
};

std::vector<version_number> range(version_number first, version_number last) {
  std::vector<version_number> result;
  for (; first <= last; ++first)
    result.push_back(first);
  return result;
}

} // namespace

TEST_CASE("a wait for a version ends when it is past, or with patience") {
  stage s;
  s.add(3);
  auto past = s.world.ask<version_number>(s.aut, await_version{2, 5s});
  auto present = s.world.ask<version_number>(s.aut, await_version{3, 5s});
  auto future = s.world.ask<version_number>(s.aut, await_version{99, 20s});
  s.world.settle();
  CHECK(past->value == 3);
  CHECK_FALSE(present->is_there());
  s.world.pass(4s);
  CHECK_FALSE(present->is_there());
  s.world.pass(2s);
  CHECK(present->value == 3);
  // A version that is yet to come stands for the present one.
  s.add(1);
  CHECK(future->value == 4);
}

TEST_CASE("a follower hears all facts from where it left, without gaps") {
  stage s;
  s.add(5);
  client c;
  s.follow(c, 2);
  CHECK(c.versions() == range(3, 5));
  s.add(2);
  CHECK(c.versions() == range(3, 7));
}

TEST_CASE("what is no longer at hand is read from the journal") {
  stage s{{.events_max = 10}};
  s.add(100);
  client c;
  s.follow(c, 0);
  CHECK(s.reads == 1);
  CHECK(c.versions() == range(1, 100));
  s.add(5);
  CHECK(c.versions() == range(1, 105));
}

TEST_CASE(
  "a watch that began anew reads what it never heard from the journal") {
  stage s;
  // These were heard by an earlier life.
  s.head = 50;
  s.add(1);
  client c;
  s.follow(c, 10);
  CHECK(c.versions() == range(11, 51));
}

TEST_CASE("a slow client gets everything in the end, in order and once") {
  stage s{{.events_max = 20}};
  client c;
  s.follow(c, 0, 600);
  for (int i = 0; i < 50; ++i) {
    s.add(7);
    if (i % 5 == 0) {
      c.read();
      s.world.settle();
    }
  }
  for (int i = 0; i < 1'000 && c.versions().size() < 350; ++i) {
    c.read();
    s.world.settle();
  }
  CHECK(c.versions() == range(1, 350));
}

TEST_CASE("an idle stream shows that it is alive") {
  stage s;
  client c;
  s.follow(c, 0);
  s.world.pass(17s);
  c.receive();
  CHECK(c.text.find(": still here") != std::string::npos);
}

TEST_CASE("a client that leaves is not kept") {
  stage s;
  client c;
  s.follow(c, 0);
  c.receive();
  REQUIRE(c.stream);
  c.stream->close();
  s.world.pass(2s);
  auto before = c.text.size();
  s.add(3);
  c.receive();
  CHECK(c.text.size() == before);
}

TEST_CASE("a filter lets only what it names through") {
  stage s;
  client c;
  watch_events x;
  x.call = c.call();
  x.follow = true;
  x.node = "node-2";
  caf::anon_send(s.aut, x);
  x.call = {};
  s.add(5);
  CHECK(c.versions() == range(2, 2));
}
