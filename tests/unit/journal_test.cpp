#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <unistd.h>

#include "runtime/journal/block.hpp"
#include "runtime/journal/checksum.hpp"
#include "runtime/journal/open.hpp"

#include "tests/etcd_server.hpp"

using namespace troupe;
using namespace troupe::runtime;

namespace {

using facts = std::vector<std::string>;

/// One for all tests: each has a prefix of its own.
const test::etcd_server& the_etcd() {
  static const test::etcd_server server;
  return server;
}

/// A journal of the backend under test. Its folder goes with it.
class fixture {
public:
  explicit fixture(std::string backend) : backend_{std::move(backend)} {
    auto name
      = (std::filesystem::temp_directory_path() / "journal-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
  }

  fixture(const fixture&) = delete;

  fixture& operator=(const fixture&) = delete;

  ~fixture() { std::filesystem::remove_all(folder_); }

  std::unique_ptr<journal> open(const journal_options& options = {}) const {
    auto address
      = backend_ == "sqlite" ? "sqlite:" + (folder_ / "troupe.db").string()
        : backend_ == "etcd" ? the_etcd().address(folder_.filename().string())
                             : backend_;
    auto opened = open_journal(address, options);
    REQUIRE_MESSAGE(opened.has_value(), opened.error().message);
    return std::move(*opened);
  }

private:
  std::string backend_;
  std::filesystem::path folder_;
};

facts numbered(std::uint64_t first, std::uint64_t count) {
  auto result = facts{};
  for (auto i = first; i < first + count; ++i)
    result.push_back(R"({"fact":)" + std::to_string(i) + "}");
  return result;
}

facts read_all(const journal& aut, std::uint64_t from) {
  auto result = facts{};
  auto next = from;
  auto done = aut.read(from, [&](std::uint64_t version, std::string_view fact) {
    CHECK(version == next++);
    result.emplace_back(fact);
    return true;
  });
  REQUIRE_MESSAGE(done.has_value(), done.error().message);
  return result;
}

void append(journal& aut, const facts& xs) {
  auto head = aut.append(aut.version(), xs);
  REQUIRE_MESSAGE(head.has_value(), head.error().message);
}

/// Runs the same case against each backend.
template <class Case>
void on_each_backend(Case&& run) {
  for (auto backend : {"memory", "sqlite", "etcd"}) {
    CAPTURE(backend);
    if (auto why = test::etcd_server::unavailable();
        std::string_view{backend} == "etcd" && !why.empty()) {
      MESSAGE("left out: " << why);
      continue;
    }
    run(fixture{backend});
  }
}

} // namespace

TEST_CASE("a new journal is empty and has a name of its own") {
  on_each_backend([](const fixture& place) {
    auto aut = place.open();
    CHECK(aut->version() == 0);
    CHECK(aut->oldest_version() == 1);
    CHECK(aut->cluster_id().size() == 32);
    CHECK(aut->cluster_id().find_first_not_of("0123456789abcdef")
          == std::string::npos);
    CHECK(aut->latest_snapshot().value() == std::nullopt);
    CHECK(read_all(*aut, 1).empty());
  });
  CHECK(random_cluster_id() != random_cluster_id());
}

TEST_CASE("facts are read as they were appended, without gaps") {
  on_each_backend([](const fixture& place) {
    auto aut = place.open();
    auto all = facts{};
    auto random = std::mt19937_64{7};
    for (auto batch = 0; batch < 50; ++batch) {
      auto xs = numbered(aut->version() + 1, random() % 20);
      auto head = aut->append(aut->version(), xs);
      REQUIRE(head.has_value());
      all.insert(all.end(), xs.begin(), xs.end());
      CHECK(*head == all.size());
      CHECK(aut->version() == all.size());
    }
    for (auto from : {1u, 2u, 17u, 100u})
      CHECK(read_all(*aut, from) == facts(all.begin() + from - 1, all.end()));
    CHECK(read_all(*aut, aut->version() + 1).empty());
    CHECK(read_all(*aut, aut->version() + 9).empty());
  });
}

TEST_CASE("a reader says when it has enough") {
  on_each_backend([](const fixture& place) {
    auto aut = place.open();
    append(*aut, numbered(1, 10));
    auto seen = 0;
    auto stop_at_3 = [&](std::uint64_t version, std::string_view) {
      ++seen;
      return version < 3;
    };
    CHECK(aut->read(0, stop_at_3).has_value());
    CHECK(seen == 3);
    CHECK(read_all(*aut, 1).size() == 10);
  });
}

TEST_CASE("facts may be empty, long, and in any script") {
  on_each_backend([](const fixture& place) {
    auto aut = place.open();
    auto xs = facts{"", "ünï", std::string(3'000'000, 'x'),
                    "", "end", std::string("\0\r", 2)};
    append(*aut, xs);
    append(*aut, {""});
    xs.push_back("");
    CHECK(read_all(*aut, 1) == xs);
  });
}

TEST_CASE("facts that expect another head change nothing") {
  on_each_backend([](const fixture& place) {
    auto aut = place.open();
    append(*aut, numbered(1, 5));
    for (auto expected_version : {0u, 4u, 6u}) {
      auto refused = aut->append(expected_version, numbered(6, 1));
      REQUIRE(!refused.has_value());
      CHECK(refused.error().code == journal_ec::conflict);
      CHECK(refused.error().message.find("the last one is 5")
            != std::string::npos);
    }
    CHECK(aut->version() == 5);
    append(*aut, numbered(6, 1));
    CHECK(read_all(*aut, 1) == numbered(1, 6));
  });
}

TEST_CASE("a batch of a hundred thousand facts is one append") {
  on_each_backend([](const fixture& place) {
    auto aut = place.open();
    append(*aut, numbered(1, 3));
    append(*aut, numbered(4, 100'000));
    CHECK(aut->version() == 100'003);
    CHECK(read_all(*aut, 1) == numbered(1, 100'003));
    CHECK(read_all(*aut, 99'999) == numbered(99'999, 5));
  });
}

TEST_CASE("the newest snapshot is found") {
  on_each_backend([](const fixture& place) {
    auto aut = place.open();
    append(*aut, numbered(1, 10));
    for (auto version : {3u, 7u, 7u, 10u}) {
      auto state = "state " + std::to_string(version);
      REQUIRE(aut->save_snapshot(version, state).has_value());
      auto found = aut->latest_snapshot().value().value();
      CHECK(found.version == version);
      CHECK(found.state == state);
      CHECK(found.warning == "");
    }
    CHECK(read_all(*aut, 1).size() == 10);
  });
}

TEST_CASE(
  "facts go when two snapshots cover them and nobody may resume there") {
  on_each_backend([](const fixture& place) {
    auto aut = place.open({.keep_facts = 30});
    for (auto i = 0u; i < 10; ++i)
      append(*aut, numbered(1 + 10 * i, 10));
    REQUIRE(aut->save_snapshot(50, "at 50").has_value());
    CHECK(aut->oldest_version() == 1);
    // The older snapshot covers 50 facts, and the newest 30 of 100 are kept.
    REQUIRE(aut->save_snapshot(100, "at 100").has_value());
    CHECK(aut->oldest_version() == 51);
    CHECK(read_all(*aut, 51) == numbered(51, 50));
    auto refused = aut->read(50, [](auto, auto) { return true; });
    REQUIRE(!refused.has_value());
    CHECK(refused.error().code == journal_ec::truncated);
    // Now 100 facts are covered, but the newest 30 begin with 71.
    REQUIRE(aut->save_snapshot(100, "at 100").has_value());
    CHECK(aut->oldest_version() == 51);
    append(*aut, numbered(101, 10));
    REQUIRE(aut->save_snapshot(110, "at 110").has_value());
    CHECK(aut->oldest_version() == 81);
    CHECK(read_all(*aut, 81) == numbered(81, 30));
    CHECK(aut->version() == 110);
  });
}

TEST_CASE("with no facts to keep the newest stay until a snapshot passes") {
  on_each_backend([](const fixture& place) {
    auto aut = place.open({.keep_facts = 0});
    append(*aut, numbered(1, 4));
    REQUIRE(aut->save_snapshot(4, "a").has_value());
    REQUIRE(aut->save_snapshot(4, "b").has_value());
    CHECK(aut->oldest_version() == 1);
    append(*aut, numbered(5, 1));
    REQUIRE(aut->save_snapshot(5, "c").has_value());
    CHECK(aut->oldest_version() == 5);
    CHECK(aut->version() == 5);
  });
}

TEST_CASE("every refusal has a name") {
  for (auto code :
       {journal_ec::conflict, journal_ec::full, journal_ec::unavailable,
        journal_ec::truncated, journal_ec::corrupt, journal_ec::newer_version,
        journal_ec::foreign_cluster, journal_ec::in_use})
    CHECK(to_string(code) != "unknown");
}

TEST_CASE("an address that names no journal is refused readably") {
  auto refusal = [](std::string_view address, journal_options options = {}) {
    auto opened = open_journal(address, options);
    REQUIRE(!opened.has_value());
    return opened.error();
  };
  CHECK(refusal("etcd://h/p").message
        == "journal etcd://h/p: \"h\": HOST:PORT of a member of etcd is "
           "wanted, such as 127.0.0.1:2379");
  for (auto address : {"", "sqlite:", "sqlite", "/a/path", "memory:"})
    CHECK(refusal(address).message
          == "journal " + std::string{address}
               + ": is not the address of a journal; write `memory`, "
                 "`sqlite:PATH` or `etcd://HOST:PORT/prefix`");
  CHECK(refusal("memory", {.expected_cluster = "ab"}).code
        == journal_ec::foreign_cluster);
}

TEST_CASE("a journal in memory has no backup") {
  auto aut = open_journal("memory").value();
  auto refused = aut->backup("/nowhere/copy.db");
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code == journal_ec::unavailable);
}

// -- blocks -------------------------------------------------------------------

TEST_CASE("the checksum is XXH64") {
  // From the specification's reference implementation.
  CHECK(xxh64("", 0) == 0xEF46DB3751D8E999);
  CHECK(xxh64("a", 0) == 0xD24EC4F1A98C6E5B);
  CHECK(xxh64("abc", 0) == 0x44BC2CF5AD770999);
  CHECK(xxh64("Nobody inspects the spammish repetition", 0)
        == 0xFBCEA83C8A378BF1);
  CHECK(xxh64("", 1) != xxh64("", 0));
}

TEST_CASE("a block that was changed or moved is not unpacked") {
  auto codec = block_codec{1};
  for (auto size : {1u, 200u, 257u, 100'000u}) {
    CAPTURE(size);
    auto text = std::string(size, 'a');
    auto block = codec.pack(text, 5);
    CHECK((block.format == block_format::zstd) == (size > 256));
    auto bytes = std::string{block.bytes};
    auto stored = stored_block{block.format, block.checksum, bytes};
    CHECK(codec.unpack(stored, 5).value_or("") == text);
    CHECK(!codec.unpack(stored, 6).has_value());
    for (auto i = 0u; i < bytes.size(); i += 7) {
      bytes[i] = static_cast<char>(bytes[i] ^ 1);
      CHECK(!codec.unpack(stored, 5).has_value());
      bytes[i] = static_cast<char>(bytes[i] ^ 1);
    }
  }
}
