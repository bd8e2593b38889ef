#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/journal/memory.hpp"
#include "runtime/journal/sqlite.hpp"

using namespace troupe;
using namespace troupe::runtime;

namespace fs = std::filesystem;

namespace {

using facts = std::vector<std::string>;
using opened = expected<std::unique_ptr<journal>, journal_error>;

/// A folder that goes with the test.
class folder {
public:
  folder() {
    auto name = (fs::temp_directory_path() / "journal-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }

  folder(const folder&) = delete;

  folder& operator=(const folder&) = delete;

  ~folder() { fs::remove_all(path_); }

  fs::path operator/(const char* name) const { return path_ / name; }

private:
  fs::path path_;
};

std::unique_ptr<journal> must(opened x) {
  REQUIRE_MESSAGE(x.has_value(), x.error().message);
  return std::move(*x);
}

journal_error refusal(const opened& x) {
  REQUIRE(!x.has_value());
  return x.error();
}

facts numbered(std::uint64_t first, std::uint64_t count) {
  auto result = facts{};
  for (auto i = first; i < first + count; ++i)
    result.push_back(R"({"fact":)" + std::to_string(i) + "}");
  return result;
}

/// The facts from `from`, or the refusal in their place.
facts read_all(const journal& aut, std::uint64_t from) {
  auto result = facts{};
  auto done = aut.read(from, [&](std::uint64_t, std::string_view fact) {
    result.emplace_back(fact);
    return true;
  });
  if (!done)
    return {done.error().message};
  return result;
}

/// Ten facts in five rows, and snapshots of versions 4 and 8.
void make_journal(const fs::path& path) {
  auto aut = must(open_sqlite_journal(path));
  for (auto i = 0u; i < 5; ++i)
    REQUIRE(aut->append(2 * i, numbered(2 * i + 1, 2)).has_value());
  REQUIRE(aut->save_snapshot(4, "state at 4").has_value());
  REQUIRE(aut->save_snapshot(8, "state at 8").has_value());
}

/// Changes the file behind the journal's back.
void tamper(const fs::path& path, const char* sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  auto result = sqlite3_exec(database, sql, nullptr, nullptr, nullptr);
  CHECK_MESSAGE(result == SQLITE_OK, sqlite3_errmsg(database));
  sqlite3_close(database);
}

std::string bytes_of(const fs::path& path) {
  auto file = std::ifstream{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void write_bytes(const fs::path& path, std::string_view bytes) {
  auto file = std::ofstream{path, std::ios::binary};
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

mode_t mode_of(const fs::path& path) {
  struct stat found = {};
  REQUIRE(stat(path.c_str(), &found) == 0);
  return found.st_mode & 0777;
}

/// Runs `body` in another process. What it returns is what went wrong.
std::string in_child(const std::function<std::string()>& body) {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto text = body();
    std::ignore = write(ends[1], text.data(), text.size());
    _exit(0);
  }
  close(ends[1]);
  auto text = std::string{};
  auto part = std::string(4096, '\0');
  for (auto got = ssize_t{};
       (got = read(ends[0], part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(got));
  close(ends[0]);
  auto status = 0;
  waitpid(child, &status, 0);
  return status == 0 ? text : "the child ended with " + std::to_string(status);
}

} // namespace

// -- keeping ------------------------------------------------------------------

TEST_CASE("an SQLite journal opens again as it was closed") {
  auto place = folder{};
  auto path = place / "troupe.db";
  make_journal(path);
  auto id = must(open_sqlite_journal(path))->cluster_id();
  auto aut = must(open_sqlite_journal(path, {.expected_cluster = id}));
  CHECK(aut->cluster_id() == id);
  CHECK(aut->version() == 10);
  CHECK(aut->oldest_version() == 1);
  CHECK(read_all(*aut, 4) == numbered(4, 7));
  CHECK(aut->latest_snapshot().value().value().state == "state at 8");
  CHECK(aut->append(10, numbered(11, 1)).value() == 11);
}

TEST_CASE("two journals are two clusters") {
  auto place = folder{};
  CHECK(must(open_sqlite_journal(place / "a"))->cluster_id()
        != must(open_sqlite_journal(place / "b"))->cluster_id());
}

TEST_CASE("a journal is made for its owner alone") {
  auto place = folder{};
  auto before = umask(0);
  auto aut = must(open_sqlite_journal(place / "a/b/troupe.db"));
  CHECK(aut->append(0, numbered(1, 1)).has_value());
  umask(before);
  CHECK(mode_of(place / "a") == 0700);
  CHECK(mode_of(place / "a/b") == 0700);
  for (auto file : {"a/b/troupe.db", "a/b/troupe.db-wal", "a/b/troupe.db.lock"})
    CHECK(mode_of(place / file) == 0600);
}

TEST_CASE("what a crash left of a new journal is replaced") {
  auto place = folder{};
  write_bytes(place / "troupe.db.new", "half");
  CHECK(must(open_sqlite_journal(place / "troupe.db"))->version() == 0);
  CHECK(!fs::exists(place / "troupe.db.new"));
}

TEST_CASE("a state of many parts is one snapshot") {
  auto place = folder{};
  auto path = place / "troupe.db";
  auto random = std::mt19937_64{3};
  auto state = std::string(21'000'001, '\0');
  for (auto& byte : state)
    byte = static_cast<char>('a' + random() % 16);
  {
    auto aut = must(open_sqlite_journal(path));
    REQUIRE(aut->append(0, numbered(1, 1)).has_value());
    for (auto i = 0; i < 3; ++i)
      REQUIRE(aut->save_snapshot(1, state).has_value());
    CHECK(fs::file_size(path.string() + "-wal") < 40'000'000);
  }
  auto aut = must(open_sqlite_journal(path));
  // Not `CHECK(a == b)`, which would print both.
  CHECK((aut->latest_snapshot().value().value().state == state));
  REQUIRE(aut->save_snapshot(1, "").has_value());
  CHECK(aut->latest_snapshot().value().value().state == "");
}

TEST_CASE("old facts go in slices, and all of them in the end") {
  auto place = folder{};
  auto aut = must(open_sqlite_journal(place / "troupe.db", {.keep_facts = 10}));
  for (auto v = 0u; v < 600; ++v)
    REQUIRE(aut->append(v, numbered(v + 1, 1)).has_value());
  REQUIRE(aut->save_snapshot(598, "").has_value());
  REQUIRE(aut->save_snapshot(600, "").has_value());
  // 590 may go, 256 rows go at once, and four with each append.
  CHECK(aut->oldest_version() == 257);
  REQUIRE(aut->append(600, numbered(601, 1)).has_value());
  CHECK(aut->oldest_version() == 261);
  for (auto v = 601u; v < 720; ++v)
    REQUIRE(aut->append(v, numbered(v + 1, 1)).has_value());
  CHECK(aut->oldest_version() == 599);
  CHECK(read_all(*aut, 599) == numbered(599, 122));
}

TEST_CASE("a backup taken during appends is a journal") {
  auto place = folder{};
  auto path = place / "troupe.db";
  make_journal(path);
  auto aut = must(open_sqlite_journal(path));
  auto copied = expected<void, journal_error>{};
  auto copying = std::thread{[&] { copied = aut->backup(place / "copy.db"); }};
  for (auto v = 10u; v < 60; ++v)
    CHECK(aut->append(v, numbered(v + 1, 1)).has_value());
  copying.join();
  REQUIRE_MESSAGE(copied.has_value(), copied.error().message);
  CHECK(mode_of(place / "copy.db") == 0600);
  auto copy = must(open_sqlite_journal(place / "copy.db"));
  CHECK(copy->cluster_id() == aut->cluster_id());
  CHECK(copy->version() >= 10);
  CHECK(read_all(*copy, 1) == numbered(1, copy->version()));
  CHECK(copy->latest_snapshot().value().value().state == "state at 8");
  auto again = aut->backup(place / "copy.db");
  REQUIRE(!again.has_value());
  CHECK(again.error().code == journal_ec::in_use);
  CHECK(again.error().message.find("which exists") != std::string::npos);
  auto nowhere = aut->backup(place / "no/copy.db");
  REQUIRE(!nowhere.has_value());
  CHECK(nowhere.error().code == journal_ec::unavailable);
}

// -- damage -------------------------------------------------------------------

TEST_CASE("a snapshot that was not finished does not count") {
  auto place = folder{};
  auto path = place / "troupe.db";
  make_journal(path);
  tamper(path, "INSERT INTO snapshot_parts VALUES(77, 0, 0, 0, x'aa'),"
               "(77, 1, 0, 0, x'bb')");
  auto aut = must(open_sqlite_journal(path));
  CHECK(aut->latest_snapshot().value().value().state == "state at 8");
  REQUIRE(aut->save_snapshot(9, "state at 9").has_value());
  CHECK(aut->latest_snapshot().value().value().state == "state at 9");
  aut.reset();
  // Fails if a part of 77 is still there.
  tamper(path, "INSERT INTO snapshot_parts VALUES(77, 0, 0, 0, x'aa')");
}

TEST_CASE("a damaged snapshot is replaced by the one before, with a warning") {
  auto place = folder{};
  auto path = place / "troupe.db";
  make_journal(path);
  tamper(path, "UPDATE snapshot_parts SET body = x'00' WHERE snapshot = 2");
  {
    auto found = must(open_sqlite_journal(path))->latest_snapshot().value();
    CHECK(found.value().version == 4);
    CHECK(found.value().state == "state at 4");
    CHECK(found.value().warning.find("snapshot of version 8 is damaged")
          != std::string::npos);
  }
  {
    // The damaged one goes, and facts stay for the sake of the intact one.
    auto aut = must(open_sqlite_journal(path, {.keep_facts = 0}));
    REQUIRE(aut->latest_snapshot().has_value());
    REQUIRE(aut->save_snapshot(10, "state at 10").has_value());
    CHECK(aut->oldest_version() == 5);
    CHECK(aut->latest_snapshot().value().value().state == "state at 10");
  }
  tamper(path, "DELETE FROM snapshot_parts");
  auto none = must(open_sqlite_journal(path))->latest_snapshot();
  REQUIRE(!none.has_value());
  CHECK(none.error().code == journal_ec::corrupt);
  CHECK(none.error().message
        == "journal " + path.string()
             + ": no snapshot is intact; restore a backup");
}

TEST_CASE("damaged facts are named, and those before them are read") {
  struct {
    const char* sql;
    std::size_t read;
    const char* message;
  } table[] = {
    {"UPDATE batches SET body = x'00' WHERE first_version = 5", 4,
     "facts 5 to 6 do not match their checksum"},
    {"UPDATE batches SET format = 9 WHERE first_version = 5", 4,
     "facts 5 to 6 do not match their checksum"},
    // Two rows that changed places are not each other.
    {"UPDATE batches SET (format, checksum, body) = (SELECT format, checksum, "
     "body FROM batches WHERE first_version = 3) WHERE first_version = 5",
     4, "facts 5 to 6 do not match their checksum"},
  };
  for (const auto& row : table) {
    CAPTURE(row.sql);
    auto place = folder{};
    auto path = place / "troupe.db";
    make_journal(path);
    tamper(path, row.sql);
    auto aut = must(open_sqlite_journal(path));
    auto read = std::size_t{0};
    auto done = aut->read(1, [&](auto, auto) { return ++read > 0; });
    REQUIRE(!done.has_value());
    CHECK(read == row.read);
    CHECK(done.error().code == journal_ec::corrupt);
    CHECK(done.error().message
          == "journal " + path.string() + ": " + row.message
               + "; restore a backup");
    CHECK(read_all(*aut, 7) == numbered(7, 4));
  }
}

TEST_CASE("facts of another writer are a conflict and are not replaced") {
  auto place = folder{};
  auto path = place / "troupe.db";
  auto aut = must(open_sqlite_journal(path));
  REQUIRE(aut->append(0, numbered(1, 2)).has_value());
  tamper(path, "INSERT INTO batches VALUES(3, 1, 0, 0, x'')");
  auto refused = aut->append(2, numbered(3, 1));
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code == journal_ec::conflict);
  CHECK(refused.error().message.find("another program wrote")
        != std::string::npos);
  CHECK(aut->version() == 2);
  auto again = aut->append(2, {});
  REQUIRE(!again.has_value());
  CHECK(again.error().message.find("until it is opened again")
        != std::string::npos);
}

TEST_CASE("of a batch whose second row is refused the first one goes too") {
  auto place = folder{};
  auto path = place / "troupe.db";
  auto aut = must(open_sqlite_journal(path));
  // A row ends after 8192 facts, and the place of the next one is taken.
  tamper(path, "INSERT INTO batches VALUES(8193, 1, 0, 0, x'')");
  CHECK(!aut->append(0, numbered(1, 10'000)).has_value());
  aut.reset();
  tamper(path, "DELETE FROM batches WHERE first_version = 8193");
  CHECK(must(open_sqlite_journal(path))->version() == 0);
}

TEST_CASE("a file that another program keeps locked is refused for now") {
  auto place = folder{};
  auto path = place / "troupe.db";
  auto aut = must(open_sqlite_journal(path));
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr)
          == SQLITE_OK);
  auto refused = aut->append(0, numbered(1, 1));
  REQUIRE(!refused.has_value());
  CHECK(refused.error().code == journal_ec::in_use);
  CHECK(refused.error().message.find("another program keeps it locked")
        != std::string::npos);
  sqlite3_close(other);
  CHECK(aut->append(0, numbered(1, 1)).value() == 1);
}

TEST_CASE("random steps leave the same facts as in memory") {
  auto seed = std::random_device{}();
  CAPTURE(seed);
  auto random = std::mt19937_64{seed};
  auto place = folder{};
  auto path = place / "troupe.db";
  auto options = journal_options{.keep_facts = 40};
  auto model = memory_journal{options};
  auto aut = must(open_sqlite_journal(path, options));
  for (auto step = 0; step < 300; ++step) {
    auto head = model.version();
    auto snapshot = model.latest_snapshot().value();
    auto covered = snapshot ? snapshot->version : 0;
    switch (random() % 8) {
    case 0: {
      auto version = covered + random() % (head - covered + 1);
      auto state = std::string(random() % 600, 's');
      REQUIRE(model.save_snapshot(version, state).has_value());
      REQUIRE(aut->save_snapshot(version, state).has_value());
      break;
    }
    case 1:
      aut.reset();
      aut = must(open_sqlite_journal(path, options));
      break;
    default: {
      auto xs = numbered(head + 1, random() % 12);
      REQUIRE(model.append(head, xs).has_value());
      REQUIRE(aut->append(head, xs).has_value());
    }
    }
    CHECK(aut->version() == model.version());
    // Rows go as a whole, a few at a time.
    auto oldest = model.oldest_version();
    CHECK(aut->oldest_version() <= oldest);
    CHECK(aut->oldest_version() + 100 > oldest);
    CHECK(read_all(*aut, oldest) == read_all(model, oldest));
    auto found = aut->latest_snapshot().value();
    auto wanted = model.latest_snapshot().value();
    REQUIRE(found.has_value() == wanted.has_value());
    if (found) {
      CHECK(found->version == wanted->version);
      CHECK(found->state == wanted->state);
    }
  }
}

// -- refusals -----------------------------------------------------------------

TEST_CASE("a file that does not fit is refused and left as it was") {
  struct {
    const char* name;
    std::function<void(const fs::path&)> prepare;
    journal_ec code;
    const char* message;
  } table[] = {
    {"text", [](auto& path) { write_bytes(path, std::string(5000, 'x')); },
     journal_ec::corrupt,
     "is not an SQLite database; correct the path, or restore a backup"},
    {"a short file", [](auto& path) { write_bytes(path, "SQLite"); },
     journal_ec::corrupt,
     "is not an SQLite database; correct the path, or restore a backup"},
    {"an empty file", [](auto& path) { write_bytes(path, ""); },
     journal_ec::corrupt,
     "is empty, which no journal ever is; restore a backup, or remove the "
     "file to begin a new cluster"},
    {"another database", [](auto& path) { tamper(path, "CREATE TABLE t(x)"); },
     journal_ec::corrupt,
     "is a database of another program, not a journal; correct the path"},
    {"a newer format",
     [](auto& path) {
       make_journal(path);
       tamper(path, "PRAGMA user_version=9; UPDATE meta SET value='7.1.0' "
                    "WHERE key='program'");
     },
     journal_ec::newer_version,
     "was written by troupe 7.1.0 in format 9, this is troupe " TROUPE_VERSION
     " and reads up to format 1; start the newer program, or restore a backup "
     "from before the upgrade"},
    {"a much newer format",
     [](auto& path) {
       make_journal(path);
       tamper(path, "PRAGMA user_version=10; DROP TABLE meta");
     },
     journal_ec::newer_version, "was written by troupe of a newer version"},
    {"half a file",
     [](auto& path) {
       make_journal(path);
       fs::resize_file(path, fs::file_size(path) / 2);
     },
     journal_ec::corrupt, "restore a backup"},
    {"a damaged page",
     [](auto& path) {
       make_journal(path);
       auto bytes = bytes_of(path);
       for (auto page = std::size_t{4096}; page < bytes.size(); page += 4096)
         bytes.replace(page, 64, 64, '\x5a');
       write_bytes(path, bytes);
     },
     journal_ec::corrupt, "restore a backup"},
    {"a gap",
     [](auto& path) {
       make_journal(path);
       tamper(path, "DELETE FROM batches WHERE first_version IN (5, 7)");
     },
     journal_ec::corrupt, "after fact 4 comes fact 9; restore a backup"},
    {"a lost end",
     [](auto& path) {
       make_journal(path);
       tamper(path, "DELETE FROM batches WHERE first_version > 5");
     },
     journal_ec::corrupt,
     "there is a snapshot of version 8 but the last fact is 6, so facts are "
     "lost; restore a backup"},
    {"a lost beginning",
     [](auto& path) {
       make_journal(path);
       tamper(path, "DELETE FROM batches WHERE first_version < 5;"
                    "DELETE FROM snapshots");
     },
     journal_ec::corrupt,
     "the first fact is 5 but the newest snapshot is of version 0, so facts "
     "are lost; restore a backup"},
    {"no cluster",
     [](auto& path) {
       make_journal(path);
       tamper(path, "DELETE FROM meta");
     },
     journal_ec::corrupt, "does not name its cluster; restore a backup"},
  };
  for (const auto& row : table) {
    CAPTURE(row.name);
    auto place = folder{};
    auto path = place / "troupe.db";
    row.prepare(path);
    auto before = bytes_of(path);
    auto refused = refusal(open_sqlite_journal(path));
    CHECK(refused.code == row.code);
    CHECK(refused.message.starts_with("journal " + path.string() + ": "));
    CHECK_MESSAGE(refused.message.find(row.message) != std::string::npos,
                  refused.message);
    CHECK((bytes_of(path) == before));
  }
}

TEST_CASE("the journal of another cluster is refused") {
  auto place = folder{};
  auto path = place / "troupe.db";
  make_journal(path);
  auto id = must(open_sqlite_journal(path))->cluster_id();
  auto other = std::string(32, '0');
  auto before = bytes_of(path);
  auto refused
    = refusal(open_sqlite_journal(path, {.expected_cluster = other}));
  CHECK(refused.code == journal_ec::foreign_cluster);
  CHECK(refused.message
        == "journal " + path.string() + ": belongs to cluster " + id
             + ", not to " + other + "; correct the path");
  CHECK((bytes_of(path) == before));
}

TEST_CASE("where a cluster is expected no new one is made") {
  auto place = folder{};
  auto path = place / "troupe.db";
  auto refused = refusal(open_sqlite_journal(path, {.expected_cluster = "ab"}));
  CHECK(refused.code == journal_ec::foreign_cluster);
  CHECK(refused.message.find("mount its disk") != std::string::npos);
  CHECK(!fs::exists(path));
}

TEST_CASE("a log without its file is refused") {
  auto place = folder{};
  auto path = place / "troupe.db";
  write_bytes(path.string() + "-wal", "something");
  auto refused = refusal(open_sqlite_journal(path));
  CHECK(refused.code == journal_ec::corrupt);
  CHECK(refused.message.find("bring the file back") != std::string::npos);
  CHECK(!fs::exists(path));
}

TEST_CASE("a path that cannot hold a journal is refused") {
  auto place = folder{};
  write_bytes(place / "file", "x");
  auto below = refusal(open_sqlite_journal(place / "file/troupe.db"));
  CHECK(below.code == journal_ec::unavailable);
  CHECK_MESSAGE(below.message.find("Not a directory; a part of the path is a "
                                   "file, choose another path")
                  != std::string::npos,
                below.message);
  fs::create_directory(place / "sub");
  auto at = refusal(open_sqlite_journal(place / "sub"));
  CHECK(at.code == journal_ec::unavailable);
  CHECK(at.message.find("is not a regular file") != std::string::npos);
}

TEST_CASE("a journal in use is refused and names who has it") {
  auto place = folder{};
  auto path = place / "troupe.db";
  auto aut = must(open_sqlite_journal(path));
  auto in_use = [&] {
    return "journal " + path.string() + ": is in use by pid "
           + std::to_string(getpid()) + " on ";
  };
  auto refused = refusal(open_sqlite_journal(path));
  CHECK(refused.code == journal_ec::in_use);
  CHECK(refused.message.starts_with(in_use()));
  auto wanted = in_use();
  CHECK(in_child([&] {
          auto second = open_sqlite_journal(path);
          return second                                       ? "opened twice"
                 : second.error().message.starts_with(wanted) ? ""
                                                              : "wrong words";
        })
        == "");
  // The refused ones took no lock away.
  CHECK(aut->append(0, numbered(1, 1)).has_value());
  CHECK(!open_sqlite_journal(path).has_value());
  aut.reset();
  CHECK(must(open_sqlite_journal(path))->version() == 1);
}

// -- kills --------------------------------------------------------------------

namespace {

std::string fact_of(std::uint64_t version, std::uint64_t batch_end) {
  return R"({"fact":)" + std::to_string(version) + R"(,"until":)"
         + std::to_string(batch_end) + "}";
}

std::string state_of(std::uint64_t version) {
  return std::string(version % 5000, 's') + std::to_string(version);
}

/// Appends batches until killed and tells `acknowledge` each new head.
[[noreturn]] void
write_for_ever(const fs::path& path, std::uint64_t seed, int acknowledge) {
  auto random = std::mt19937_64{seed};
  auto aut = open_sqlite_journal(path, {.keep_facts = 500});
  while (aut) {
    auto first = (*aut)->version() + 1;
    // A large batch takes several rows, and is still all or nothing.
    auto end = first + random() % (random() % 4 == 0 ? 20'000 : 300);
    auto batch = facts{};
    for (auto v = first; v <= end; ++v)
      batch.push_back(fact_of(v, end));
    auto head = (*aut)->append(first - 1, batch);
    if (!head || write(acknowledge, &*head, sizeof(*head)) != sizeof(*head))
      break;
    if (random() % 8 == 0 && !(*aut)->save_snapshot(end, state_of(end)))
      break;
  }
  _exit(1);
}

/// Kills a writer some time after some acknowledgements; returns the last one.
std::uint64_t kill_a_writer(const fs::path& path, std::uint64_t seed) {
  auto random = std::mt19937_64{seed};
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    close(ends[0]);
    write_for_ever(path, seed, ends[1]);
  }
  close(ends[1]);
  auto last = std::uint64_t{0};
  auto next
    = [&] { return read(ends[0], &last, sizeof(last)) == sizeof(last); };
  for (auto wanted = random() % 40; wanted > 0; --wanted)
    REQUIRE(next());
  usleep(static_cast<useconds_t>(random() % 3000));
  kill(child, SIGKILL);
  while (next())
    ;
  close(ends[0]);
  auto status = 0;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  return last;
}

} // namespace

TEST_CASE("what was acknowledged survives kills at any moment") {
  auto place = folder{};
  auto path = place / "troupe.db";
  auto acknowledged = std::uint64_t{0};
  auto first_seed = std::random_device{}();
  for (auto seed = first_seed; seed != first_seed + 12; ++seed) {
    CAPTURE(seed);
    acknowledged = std::max(acknowledged, kill_a_writer(path, seed));
    auto aut = must(open_sqlite_journal(path, {.keep_facts = 500}));
    auto head = aut->version();
    CHECK(head >= acknowledged);
    auto next = aut->oldest_version();
    auto last = std::string{};
    auto done = aut->read(next, [&](auto version, auto fact) {
      auto start = R"({"fact":)" + std::to_string(next) + ",";
      last = fact;
      return version == next++ && fact.starts_with(start);
    });
    CHECK_MESSAGE(done.has_value(), done.error().message);
    CHECK(next == head + 1);
    // The last batch is there to its end.
    CHECK((head == 0 || last == fact_of(head, head)));
    if (auto snapshot = aut->latest_snapshot().value()) {
      CHECK(snapshot->state == state_of(snapshot->version));
      CHECK(snapshot->warning == "");
    }
  }
}

// -- disks --------------------------------------------------------------------

namespace {

/// Mounts a small file system that this process alone sees. Errors: errno.
int mount_small_disk(const fs::path& at, const char* size) {
  fs::create_directory(at);
  if (unshare(CLONE_NEWNS) != 0
      || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0
      || mount("small", at.c_str(), "tmpfs", 0, size) != 0)
    return errno;
  return 0;
}

constexpr auto no_mount = "may not mount";

/// Runs `body` where a disk of 8 MB is mounted at `at`, if that is allowed.
void on_small_disk(const fs::path& at,
                   const std::function<std::string()>& body) {
  auto outcome = in_child([&]() -> std::string {
    return mount_small_disk(at, "size=8m") == 0 ? body() : no_mount;
  });
  if (outcome == no_mount)
    MESSAGE("not tested: this user may not mount a disk");
  else
    CHECK(outcome == "");
}

facts random_facts(std::mt19937_64& random, std::size_t count) {
  auto result = facts{};
  for (auto i = std::size_t{0}; i < count; ++i) {
    auto fact = std::string{};
    while (fact.size() < 200)
      fact += std::to_string(random());
    result.push_back(std::move(fact));
  }
  return result;
}

/// Appends until the disk is full. Returns what went wrong.
std::string fill(journal& aut, facts& acknowledged, std::mt19937_64& random) {
  for (;;) {
    auto batch = random_facts(random, 50);
    auto head = aut.append(acknowledged.size(), batch);
    if (!head)
      return head.error().code == journal_ec::full ? "" : head.error().message;
    acknowledged.insert(acknowledged.end(), batch.begin(), batch.end());
    if (acknowledged.size() > 1'000'000)
      return "the disk never fills";
  }
}

std::string fill_and_recover(const fs::path& disk) {
  auto random = std::mt19937_64{11};
  auto path = disk / "troupe.db";
  write_bytes(disk / "ballast", std::string(2'000'000, 'b'));
  auto acknowledged = facts{};
  {
    auto aut = open_sqlite_journal(path);
    if (!aut)
      return aut.error().message;
    if (auto wrong = fill(**aut, acknowledged, random); wrong != "")
      return wrong;
    if ((*aut)->version() != acknowledged.size())
      return "the head moved although the disk is full";
    if (auto wrong = fill(**aut, acknowledged, random); wrong != "")
      return "second time: " + wrong;
    auto state = random_facts(random, 10'000);
    auto text = std::string{};
    for (const auto& fact : state)
      text += fact;
    auto saved = (*aut)->save_snapshot((*aut)->version(), text);
    if (saved || saved.error().code != journal_ec::full)
      return "a snapshot on a full disk: "
             + (saved ? "saved" : saved.error().message);
    if (read_all(**aut, 1) != acknowledged)
      return "facts are lost on the full disk";
    fs::remove(disk / "ballast");
    auto before = acknowledged.size();
    if (auto wrong = fill(**aut, acknowledged, random); wrong != "")
      return "after space was freed: " + wrong;
    if (acknowledged.size() == before)
      return "nothing fits after space was freed";
  }
  auto aut = open_sqlite_journal(path);
  if (!aut)
    return "on the full disk: " + aut.error().message;
  return read_all(**aut, 1) == acknowledged ? "" : "facts are lost";
}

} // namespace

TEST_CASE("a full disk loses nothing and the journal goes on with new space") {
  auto place = folder{};
  on_small_disk(place / "disk",
                [&] { return fill_and_recover(place / "disk"); });
}

TEST_CASE("no journal is begun on a full disk") {
  auto place = folder{};
  on_small_disk(place / "disk", [&]() -> std::string {
    auto path = place / "disk/troupe.db";
    write_bytes(place / "disk/ballast", std::string(8'380'000, 'b'));
    auto refused = open_sqlite_journal(path);
    if (refused || refused.error().code != journal_ec::full)
      return refused ? "opened" : refused.error().message;
    if (fs::exists(path))
      return "something was made";
    fs::remove(place / "disk/ballast");
    auto opened = open_sqlite_journal(path);
    return opened ? "" : opened.error().message;
  });
}

TEST_CASE("a read-only disk is refused") {
  auto place = folder{};
  on_small_disk(place / "disk", [&]() -> std::string {
    auto disk = place / "disk";
    if (!open_sqlite_journal(disk / "old.db"))
      return "not made";
    if (mount("", disk.c_str(), "", MS_REMOUNT | MS_RDONLY, nullptr) != 0)
      return no_mount;
    for (auto name : {"old.db", "new.db", "sub/new.db"}) {
      auto refused = open_sqlite_journal(disk / name);
      if (refused || refused.error().code != journal_ec::unavailable)
        return refused ? "opened" : refused.error().message;
      if (refused.error().message.find("Read-only file system; mount it "
                                       "writable, or choose another path")
          == std::string::npos)
        return refused.error().message;
    }
    return "";
  });
}

TEST_CASE("after a failed write nothing is accepted until it is opened again") {
  auto place = folder{};
  auto path = place / "troupe.db";
  auto outcome = in_child([&]() -> std::string {
    auto aut = open_sqlite_journal(path);
    if (!aut || !(*aut)->append(0, numbered(1, 100)))
      return "not made";
    // A write beyond the limit fails with an error that is not "no space".
    std::signal(SIGXFSZ, SIG_IGN);
    auto limit = rlimit{};
    getrlimit(RLIMIT_FSIZE, &limit);
    auto unlimited = limit;
    limit.rlim_cur = fs::file_size(path.string() + "-wal") + 4096;
    setrlimit(RLIMIT_FSIZE, &limit);
    auto random = std::mt19937_64{5};
    auto failed = (*aut)->append(100, random_facts(random, 1000));
    setrlimit(RLIMIT_FSIZE, &unlimited);
    if (failed || failed.error().code != journal_ec::unavailable)
      return failed ? "written" : failed.error().message;
    auto again = (*aut)->append(100, numbered(101, 1));
    auto saved = (*aut)->save_snapshot(100, "");
    if (again || again.error().code != journal_ec::unavailable || saved)
      return "accepted after a failed write";
    if (read_all(**aut, 1) != numbered(1, 100))
      return "cannot be read";
    aut->reset();
    auto opened = open_sqlite_journal(path);
    if (!opened)
      return opened.error().message;
    auto head = (*opened)->append(100, numbered(101, 1));
    return head ? "" : head.error().message;
  });
  CHECK(outcome == "");
  CHECK(read_all(*must(open_sqlite_journal(path)), 1) == numbered(1, 101));
}
