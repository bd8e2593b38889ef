#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <random>
#include <stdexcept>
#include <thread>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <unistd.h>

#include "runtime/base64.hpp"
#include "runtime/journal/etcd.hpp"
#include "runtime/journal/open.hpp"

#include "tests/canned_server.hpp"
#include "tests/etcd_server.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

using facts = std::vector<std::string>;
using std::chrono::steady_clock;

facts numbered(std::uint64_t first, std::uint64_t count) {
  auto result = facts{};
  for (auto i = first; i < first + count; ++i)
    result.push_back(R"({"fact":)" + std::to_string(i) + "}");
  return result;
}

facts read_all(const journal& aut, std::uint64_t from = 1) {
  auto result = facts{};
  auto done = aut.read(from, [&](std::uint64_t, std::string_view fact) {
    result.emplace_back(fact);
    return true;
  });
  REQUIRE_MESSAGE(done.has_value(), done.error().message);
  return result;
}

/// Text that no compression makes smaller.
std::string noise(std::size_t size) {
  auto random = std::mt19937_64{size};
  auto result = std::string(size, ' ');
  for (auto& c : result)
    c = static_cast<char>('!' + random() % 94);
  return result;
}

bool wait_until(const std::function<bool()>& holds,
                std::chrono::milliseconds limit = 20s) {
  auto deadline = steady_clock::now() + limit;
  while (!holds()) {
    if (steady_clock::now() > deadline)
      return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

/// A cluster in an etcd of this test's own.
struct fixture {
  explicit fixture(std::vector<std::string> flags = {})
    : server{std::move(flags)},
      address{read_etcd_address(server.address("t")).value()} {}

  std::shared_ptr<etcd_lead> lead(std::chrono::seconds lease = 5s) {
    auto won = etcd_lead::campaign(address, {.says = "{}", .lease = lease});
    REQUIRE_MESSAGE(won.has_value(), won.error().message);
    return std::move(*won);
  }

  std::unique_ptr<journal> open(const std::shared_ptr<etcd_lead>& lead) {
    auto opened = open_etcd_journal(address, lead);
    REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
    return std::move(*opened);
  }

  [[nodiscard]] std::vector<etcd_key_value>
  pairs(const std::string& from, const std::string& end) const {
    return etcd_pairs(server.ask(
      "kv/range", {{"key", to_base64(from)}, {"range_end", to_base64(end)}}));
  }

  /// Every key and value of the cluster.
  [[nodiscard]] std::vector<std::string> everything() const {
    auto result = std::vector<std::string>{};
    for (auto& x : pairs("/t/", "/t0"))
      result.push_back(x.key + '=' + x.value);
    return result;
  }

  /// Takes the leader's lease away, as an operator might by hand.
  void revoke_lease() {
    auto leader = pairs("/t/leader", "/t/leader0");
    REQUIRE(leader.size() == 1);
    (void)server.ask("lease/revoke", {{"ID", std::to_string(leader[0].lease)}});
  }

  test::etcd_server server;
  etcd_address address;
};

/// Stands between a client and `server`: everything is done, but what the client
/// hears of it is for `spoil` to say.
class bad_line {
public:
  enum class fate { told, cut, unavailable };
  /// Given the path and the number of the request, and the answer to change.
  using spoiler
    = std::function<fate(const std::string&, unsigned, std::string&)>;

  bad_line(const test::etcd_server& server, spoiler spoil)
    : server_{server}, spoil_{std::move(spoil)} {}

  [[nodiscard]] std::string endpoint() const {
    return "127.0.0.1:" + std::to_string(line_.port());
  }

private:
  bool pass(const test::canned_server::exchange& x) {
    auto path = x.text.substr(x.text.find("/v3/") + 4);
    path.resize(path.find(' '));
    auto body = boost::json::parse(x.text.substr(x.text.find("\r\n\r\n") + 4));
    auto answer = std::string{};
    try {
      answer = boost::json::serialize(server_.ask(path, body.get_object()));
    } catch (const std::runtime_error&) {
      // Such as a lease that is revoked once more.
      x.reply(404, R"({"error":"not found","code":5})");
      return true;
    }
    switch (spoil_(path, ++count_, answer)) {
    case fate::told:
      x.reply(200, answer);
      return true;
    case fate::cut:
      return false;
    case fate::unavailable:
      x.reply(503, R"({"error":"etcdserver: request timed out","code":14})");
      return true;
    }
    return false;
  }

  const test::etcd_server& server_;
  spoiler spoil_;
  std::atomic<unsigned> count_{0};
  test::canned_server line_{[this](const auto& x) { return pass(x); }};
};

/// False, with a message, if there is no etcd here.
bool has_etcd() {
  auto why = test::etcd_server::unavailable();
  if (!why.empty())
    MESSAGE("left out: " << why);
  return why.empty();
}

} // namespace

// -- addresses ------------------------------------------------------------------

TEST_CASE("the address of a journal in etcd is read, or refused readably") {
  auto x
    = read_etcd_address("etcd://10.0.0.1:2379,[::1]:1,h:65535/a/b/").value();
  CHECK(x.endpoints == facts{"10.0.0.1:2379", "[::1]:1", "h:65535"});
  CHECK(x.prefix == "/a/b");
  CHECK(to_string(x) == "etcd://10.0.0.1:2379,[::1]:1,h:65535/a/b");
  CHECK(read_etcd_address("etcd://h:1").value().prefix == "/troupe");
  CHECK(read_etcd_address("etcd://h:1/").value().prefix == "/troupe");
  for (auto text : {"etcd:h:1/p", "etcd://", "etcd:///p", "etcd://h/p",
                    "etcd://h:/p", "etcd://:1/p", "etcd://h:0/p",
                    "etcd://h:65536/p", "etcd://h:1,/p", "etcd://h:1x/p",
                    "etcd://::1:2/p", "etcd://a@h:1/p", "etcd://h:1/p q"}) {
    CAPTURE(text);
    auto refused = read_etcd_address(text);
    REQUIRE(!refused.has_value());
    CHECK(refused.error().starts_with(std::string{text} + ": "));
  }
}

// -- the lead -------------------------------------------------------------------

TEST_CASE("one leads at a time, and each term is higher than the one before") {
  if (!has_etcd())
    return;
  fixture place;
  auto client = etcd_client{place.address};
  CHECK(etcd_lead::look(client, 5s).value() == std::nullopt);
  auto terms = std::vector<std::uint64_t>{};
  for (auto i = 0; i < 3; ++i) {
    auto first = etcd_lead::campaign(place.address, {.says = "first"}).value();
    REQUIRE(first != nullptr);
    CHECK(first->holds());
    CHECK(etcd_lead::campaign(place.address, {.says = "second"}).value()
          == nullptr);
    auto seen = etcd_lead::look(client, 5s).value().value();
    CHECK(seen.says == "first");
    CHECK(seen.term == first->term());
    terms.push_back(first->term());
  }
  CHECK(terms[0] < terms[1]);
  CHECK(terms[1] < terms[2]);
}

TEST_CASE("a lead is renewed for as long as etcd answers") {
  if (!has_etcd())
    return;
  fixture place;
  auto aut = place.lead(2s);
  auto end = steady_clock::now() + 4s;
  CHECK(wait_until([&] { return steady_clock::now() > end || !aut->holds(); }));
  CHECK(aut->holds());
}

TEST_CASE(
  "a lead whose lease is revoked by hand is lost, whatever etcd says of "
  "the lease") {
  if (!has_etcd())
    return;
  fixture place;
  auto why = std::promise<std::string>{};
  auto aut = etcd_lead::campaign(
               place.address,
               {.says = "{}", .on_lost = [&](auto& x) { why.set_value(x); }})
               .value();
  place.revoke_lease();
  CHECK(wait_until([&] { return !aut->holds(); }, 3s));
  CHECK(!why.get_future().get().empty());
}

TEST_CASE("a lead ends by this machine's clock before etcd gives it away") {
  if (!has_etcd())
    return;
  fixture place;
  auto aut = place.lead(2s);
  auto began = steady_clock::now();
  place.server.pause();
  // 4/5 of the lease after a renewal that was sent at most now.
  CHECK(wait_until([&] { return !aut->holds(); }, 2s));
  CHECK(steady_clock::now() - began < 1'700ms);
  place.server.resume();
  // It does not come back, though the lease is still alive.
  CHECK(!aut->holds());
  auto next = std::shared_ptr<etcd_lead>{};
  CHECK(wait_until([&] {
    auto won = etcd_lead::campaign(place.address, {.says = "{}"});
    next = won ? std::move(*won) : nullptr;
    return next != nullptr;
  }));
  CHECK(next->term() > aut->term());
  CHECK(!aut->holds());
}

// -- guards ---------------------------------------------------------------------

TEST_CASE("a deposed leader writes nothing, though it believes to lead") {
  if (!has_etcd())
    return;
  fixture place;
  auto old_lead = place.lead();
  auto old_journal = place.open(old_lead);
  REQUIRE(old_journal->append(0, numbered(1, 3)).has_value());
  // Before its next renewal.
  place.revoke_lease();
  auto new_lead = place.lead();
  auto new_journal = place.open(new_lead);
  auto before = place.everything();
  REQUIRE(old_lead->holds());
  SUBCASE("facts") {
    auto refused = old_journal->append(3, numbered(4, 1));
    REQUIRE(!refused.has_value());
    CHECK(refused.error().code == journal_ec::conflict);
  }
  SUBCASE("facts that take several transactions") {
    auto refused = old_journal->append(3, facts{noise(2'000'000)});
    REQUIRE(!refused.has_value());
    CHECK(refused.error().code == journal_ec::conflict);
  }
  SUBCASE("a snapshot") {
    auto refused = old_journal->save_snapshot(3, "state");
    REQUIRE(!refused.has_value());
    CHECK(refused.error().code == journal_ec::conflict);
  }
  CHECK(!old_lead->holds());
  CHECK(place.everything() == before);
  CHECK(new_journal->append(3, numbered(4, 2)).value() == 5);
  CHECK(read_all(*new_journal) == numbered(1, 5));
}

TEST_CASE("a leader's write is refused if the head was moved by anybody") {
  if (!has_etcd())
    return;
  fixture place;
  auto aut = place.open(place.lead());
  REQUIRE(aut->append(0, numbered(1, 3)).has_value());
  auto head = place.pairs("/t/head", "/t/head0");
  REQUIRE(head.size() == 1);
  (void)place.server.ask("kv/put", {{"key", to_base64("/t/head")},
                                    {"value", to_base64(head[0].value)}});
  auto before = place.everything();
  for (auto& xs : {numbered(4, 1), facts{noise(2'000'000)}}) {
    auto refused = aut->append(3, xs);
    REQUIRE(!refused.has_value());
    CHECK(refused.error().code == journal_ec::conflict);
  }
  CHECK(place.everything() == before);
}

// -- the store ------------------------------------------------------------------

TEST_CASE(
  "a journal in etcd is found again by the next leader, with what cannot "
  "be packed") {
  if (!has_etcd())
    return;
  fixture place;
  auto all = numbered(1, 100);
  all.push_back(noise(3'000'000));
  for (auto& x : numbered(102, 10'000))
    all.push_back(x);
  auto state = noise(2'000'000);
  auto id = std::string{};
  {
    auto aut = place.open(place.lead());
    id = aut->cluster_id();
    REQUIRE(aut->append(0, all).value() == all.size());
    REQUIRE(aut->save_snapshot(50, "older").has_value());
    REQUIRE(aut->save_snapshot(101, state).has_value());
  }
  auto lead = place.lead();
  auto aut = place.open(lead);
  CHECK(aut->cluster_id() == id);
  CHECK(aut->version() == all.size());
  CHECK(read_all(*aut) == all);
  for (auto from : {50u, 101u, 102u, 4'000u, 9'999u})
    CHECK(read_all(*aut, from) == facts(all.begin() + from - 1, all.end()));
  auto newest = aut->latest_snapshot().value().value();
  CHECK(newest.version == 101);
  CHECK(newest.state == state);
  auto other
    = open_etcd_journal(place.address, lead, {.expected_cluster = "x"});
  REQUIRE(!other.has_value());
  CHECK(other.error().code == journal_ec::foreign_cluster);
}

TEST_CASE("what an append left unfinished is never read") {
  if (!has_etcd())
    return;
  fixture place;
  {
    auto aut = place.open(place.lead());
    REQUIRE(aut->append(0, numbered(1, 10)).has_value());
    // As of a leader that died before it moved the head.
    for (auto key : {"/t/facts/00000000000000000011.000000",
                     "/t/facts/00000000000000000013.000001"})
      (void)place.server.ask(
        "kv/put", {{"key", to_base64(key)}, {"value", to_base64("x")}});
    (void)place.server.ask("kv/put", {{"key", to_base64("/t/snapshot/ab/0")},
                                      {"value", to_base64("x")}});
  }
  auto aut = place.open(place.lead());
  CHECK(aut->version() == 10);
  CHECK(read_all(*aut) == numbered(1, 10));
  REQUIRE(aut->append(10, numbered(11, 5)).has_value());
  CHECK(read_all(*aut) == numbered(1, 15));
  CHECK(place.pairs("/t/snapshot/", "/t/snapshot0").empty());
}

TEST_CASE("a damaged record of facts is told, not read") {
  if (!has_etcd())
    return;
  fixture place;
  auto aut = place.open(place.lead());
  for (auto i = 0u; i < 3; ++i)
    REQUIRE(aut->append(10 * i, numbered(10 * i + 1, 10)).has_value());
  auto key = std::string{"/t/facts/00000000000000000011.000000"};
  auto seen = 0;
  auto count = [&](auto, auto) { return ++seen, true; };
  SUBCASE("changed") {
    auto value = place.pairs(key, key + '0').at(0).value;
    value.back() = '!';
    (void)place.server.ask(
      "kv/put", {{"key", to_base64(key)}, {"value", to_base64(value)}});
  }
  SUBCASE("gone") {
    (void)place.server.ask("kv/deleterange", {{"key", to_base64(key)}});
  }
  auto refused = aut->read(1, count);
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code == journal_ec::corrupt);
  CHECK(refused.error().message.find("from 11 on") != std::string::npos);
  CHECK(seen == 10);
}

TEST_CASE("a backup of a journal in etcd is a journal in a file") {
  if (!has_etcd())
    return;
  fixture place;
  auto name = std::string{"/tmp/troupe-etcd-backup-XXXXXX"};
  REQUIRE(mkdtemp(name.data()) != nullptr);
  auto lead = place.lead();
  auto aut = open_etcd_journal(place.address, lead, {.keep_facts = 0}).value();
  for (auto i = 0u; i < 10; ++i)
    REQUIRE(aut->append(10 * i, numbered(10 * i + 1, 10)).has_value());
  REQUIRE(aut->save_snapshot(50, "at 50").has_value());
  REQUIRE(aut->save_snapshot(90, "at 90").has_value());
  CHECK(aut->oldest_version() == 51);
  auto made = aut->backup(name + "/copy.db");
  REQUIRE_MESSAGE(made.has_value(), made.error().message);
  CHECK(aut->backup(name + "/copy.db").error().code == journal_ec::in_use);
  auto copy = open_journal("sqlite:" + name + "/copy.db").value();
  CHECK(copy->cluster_id() == aut->cluster_id());
  CHECK(copy->version() == 100);
  CHECK(copy->oldest_version() == 51);
  CHECK(read_all(*copy, 51) == numbered(51, 50));
  CHECK(copy->latest_snapshot().value().value().state == "at 90");
  REQUIRE(copy->append(100, numbered(101, 1)).has_value());
  copy.reset();
  std::filesystem::remove_all(name);
}

// -- faults ---------------------------------------------------------------------

TEST_CASE("an append outlives a crash of etcd, and happens once") {
  if (!has_etcd())
    return;
  fixture place;
  auto aut = place.open(place.lead(10s));
  REQUIRE(aut->append(0, numbered(1, 3)).has_value());
  for (auto round = 0u; round < 3; ++round) {
    place.server.kill();
    auto head = std::async(std::launch::async, [&] {
      return aut->append(3 + round, numbered(4 + round, 1));
    });
    // Here, since it ends with the thread that started it.
    place.server.start();
    CHECK(head.get().value() == 4 + round);
  }
  CHECK(read_all(*aut) == numbered(1, 6));
}

TEST_CASE(
  "an append to an etcd that hangs is refused before another could lead, "
  "and nothing is written after it") {
  if (!has_etcd())
    return;
  fixture place;
  auto lead = place.lead(2s);
  auto aut = place.open(lead);
  REQUIRE(aut->append(0, numbered(1, 3)).has_value());
  place.server.pause();
  auto began = steady_clock::now();
  auto refused = aut->append(3, numbered(4, 1));
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code == journal_ec::unavailable);
  CHECK(steady_clock::now() - began < 2s);
  place.server.resume();
  CHECK(aut->append(3, numbered(4, 1)).error().code == journal_ec::unavailable);
  // Whether it was written nobody knows, until the next one leads.
  auto next = std::shared_ptr<etcd_lead>{};
  lead.reset();
  aut.reset();
  REQUIRE(wait_until([&] {
    auto won = etcd_lead::campaign(place.address, {.says = "{}"});
    next = won ? std::move(*won) : nullptr;
    return next != nullptr;
  }));
  auto found = place.open(next);
  CHECK(read_all(*found) == numbered(1, found->version()));
  CHECK((found->version() == 3 || found->version() == 4));
}

TEST_CASE("a full etcd refuses facts and loses none") {
  if (!has_etcd())
    return;
  fixture place{{"--quota-backend-bytes=4194304"}};
  auto aut = place.open(place.lead(10s));
  auto refused = expected<std::uint64_t, journal_error>{0};
  auto written = facts{};
  for (auto i = 0; i < 30 && refused; ++i) {
    written.push_back(noise(400'000));
    refused = aut->append(aut->version(), facts{written.back()});
  }
  REQUIRE(!refused.has_value());
  CHECK_MESSAGE(refused.error().code == journal_ec::full,
                refused.error().message);
  written.pop_back();
  CHECK(aut->version() == written.size());
  CHECK(read_all(*aut) == written);
  CHECK(refused.error().message.find("etcdctl alarm disarm")
        != std::string::npos);
}

TEST_CASE("an address of several members is tried until one answers") {
  if (!has_etcd())
    return;
  fixture place;
  place.address.endpoints.insert(place.address.endpoints.begin(),
                                 {"127.0.0.1:1", "127.0.0.1:2"});
  auto aut = place.open(place.lead());
  CHECK(aut->append(0, numbered(1, 3)).value() == 3);
}

TEST_CASE("what was done, but whose answer was cut or a 503, is done once") {
  if (!has_etcd())
    return;
  fixture place;
  auto line = bad_line{place.server, [](auto&, unsigned count, auto&) {
                         return count % 3 == 0   ? bad_line::fate::cut
                                : count % 3 == 1 ? bad_line::fate::unavailable
                                                 : bad_line::fate::told;
                       }};
  auto address = place.address;
  address.endpoints = {line.endpoint()};
  auto won = etcd_lead::campaign(address, {.says = "{}", .lease = 10s});
  REQUIRE_MESSAGE(won.has_value(), won.error().message);
  auto lead = std::shared_ptr<etcd_lead>{std::move(*won)};
  REQUIRE(lead != nullptr);
  auto aut = open_etcd_journal(address, lead).value();
  auto all = facts{};
  for (auto i = 0; i < 10; ++i) {
    auto xs = i == 5 ? facts{noise(1'500'000)} : numbered(all.size() + 1, 3);
    auto head = aut->append(all.size(), xs);
    REQUIRE_MESSAGE(head.has_value(), head.error().message);
    all.insert(all.end(), xs.begin(), xs.end());
    CHECK(*head == all.size());
  }
  REQUIRE(aut->save_snapshot(10, "state").has_value());
  CHECK(read_all(*aut) == all);
}

TEST_CASE("a renewal that is answered without a time to live is a lost lead") {
  if (!has_etcd())
    return;
  fixture place;
  auto renewals = std::atomic<unsigned>{0};
  auto line = bad_line{place.server, [&](auto& path, unsigned, auto& answer) {
                         // The first one belongs to the campaign.
                         if (path == "lease/keepalive" && ++renewals > 1)
                           answer = R"({"result":{"ID":"12345"}})";
                         return bad_line::fate::told;
                       }};
  auto address = place.address;
  address.endpoints = {line.endpoint()};
  auto aut = etcd_lead::campaign(address, {.says = "{}"}).value();
  REQUIRE(aut != nullptr);
  CHECK(wait_until([&] { return !aut->holds(); }, 2s));
}

TEST_CASE("a member that hangs costs its time once, however short the lease") {
  if (!has_etcd())
    return;
  fixture place;
  auto hangs = test::canned_server{[](auto& x) { return x.hang(), false; }};
  place.address.endpoints.insert(place.address.endpoints.begin(),
                                 "127.0.0.1:" + std::to_string(hangs.port()));
  auto lead = std::shared_ptr<etcd_lead>{};
  for (auto tries = 0; tries < 3 && !lead; ++tries)
    lead
      = etcd_lead::campaign(place.address, {.says = "{}", .lease = 2s}).value();
  REQUIRE(lead != nullptr);
  auto aut = open_etcd_journal(place.address, lead);
  REQUIRE_MESSAGE(aut.has_value(), aut.error().message);
  CHECK((*aut)->append(0, numbered(1, 3)).value() == 3);
}
