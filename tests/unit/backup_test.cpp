#include <filesystem>
#include <fstream>
#include <string>

#include <doctest/doctest.h>
#include <stdlib.h>

#include "runtime/backup.hpp"
#include "runtime/journal/open.hpp"
#include "runtime/recovery.hpp"

#include "tests/unit/cluster_fixture.hpp"

using namespace troupe;
namespace fs = std::filesystem;

namespace {

struct folder {
  fs::path path;
  folder() {
    auto pattern = (fs::temp_directory_path() / "backup-test-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    path = pattern;
  }
  ~folder() { fs::remove_all(path); }
};

/// A journal with all that `x` decided.
std::unique_ptr<runtime::journal>
journal_of(const fs::path& path, cluster_fixture& x) {
  auto journal = runtime::open_journal("sqlite:" + path.string(), {});
  REQUIRE(journal.has_value());
  std::vector<std::string> lines;
  for (auto& y : x.events)
    lines.push_back(write_line(y));
  REQUIRE((*journal)->append(0, lines).has_value());
  return std::move(*journal);
}

} // namespace

TEST_CASE("what is restored is what was backed up, to the last fact") {
  folder here;
  cluster_fixture x;
  x.join(a_node("n1"));
  x.submit(a_job("web").tasks(3));
  x.place();
  auto journal = journal_of(here.path / "from.db", x);
  auto backup = runtime::backup_of(*journal);
  REQUIRE_MESSAGE(backup.has_value(), backup.error());
  auto to = here.path / "to.db";
  auto content = runtime::restore_backup(*backup, to);
  REQUIRE_MESSAGE(content.has_value(), content.error());
  CHECK(content->version == x.core.version());
  CHECK(content->digest == x.core.digest());
  CHECK(content->jobs == 1);
  CHECK(content->nodes == 1);
  auto again = runtime::open_journal("sqlite:" + to.string(), {});
  REQUIRE(again.has_value());
  CHECK((*again)->cluster_id() == journal->cluster_id());
  // Nothing is written over.
  auto refused = runtime::restore_backup(*backup, to);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().find("there is a journal already") == 0);
}

TEST_CASE("a backup that is cut or changed restores nothing") {
  folder here;
  cluster_fixture x;
  x.join(a_node("n1"));
  auto journal = journal_of(here.path / "from.db", x);
  auto backup = runtime::backup_of(*journal);
  REQUIRE(backup.has_value());
  auto to = here.path / "to.db";
  auto damaged = *backup;
  damaged[damaged.size() / 2] ^= 1;
  CHECK(runtime::restore_backup(damaged, to).error().find("is damaged")
        != std::string::npos);
  auto cut = backup->substr(0, backup->size() - 1);
  CHECK(runtime::restore_backup(cut, to).error().find("no backup")
        != std::string::npos);
  CHECK_FALSE(runtime::restore_backup("", to).has_value());
  CHECK_FALSE(runtime::restore_backup(runtime::sealed("hello"), to));
  CHECK_FALSE(fs::exists(to));
  CHECK(fs::directory_iterator(here.path) != fs::directory_iterator());
}
