// Decisions that outlive a controller: how they are told, written and read.

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <doctest/doctest.h>
#include <spdlog/spdlog.h>
#include <stdlib.h>

#include "runtime/decisions/file.hpp"
#include "runtime/decisions/lines.hpp"
#include "runtime/decisions/unkept.hpp"
#include "runtime/journal/memory.hpp"

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

namespace fs = std::filesystem;
using namespace runtime;
using placement::task_class;
using placement::weighed_ask;

/// A folder, about whose contents much would be logged.
struct folder {
  folder() {
    spdlog::set_level(spdlog::level::off);
    auto name = (fs::temp_directory_path() / "decisions-XXXXXX").string();
    path = mkdtemp(name.data());
  }
  ~folder() {
    fs::remove_all(path);
    spdlog::set_level(spdlog::level::info);
  }
  [[nodiscard]] fs::path file() const { return path / "decisions.log"; }

  fs::path path;
};

std::string text_in(const fs::path& file) {
  std::stringstream result;
  result << std::ifstream{file, std::ios::binary}.rdbuf();
  return result.str();
}

void write_text(const fs::path& file, std::string_view text) {
  std::ofstream{file, std::ios::binary} << text;
}

/// What is known, as text.
std::string told(const decisions& x) {
  std::string result;
  for (auto& y : x.notes())
    result += write_note(y) + '\n';
  return result;
}

weighed_ask_ptr asked(version_number job, int64_t cpu, uint32_t placed = 1) {
  weighed_ask result;
  result.id = job;
  task_class of;
  of.request.cpu_millicores = cpu;
  result.of = std::make_shared<const task_class>(of);
  result.asked = 1;
  result.placed = placed;
  return std::make_shared<const weighed_ask>(result);
}

noted_round round_at(version_number first, version_number last,
                     std::vector<weighed_ask_ptr> asks) {
  return {{"binpack", {}, first, last}, std::move(asks)};
}

/// A cluster whose scheduler keeps its decisions, and its journal.
struct kept_cluster : cluster_fixture {
  memory_journal journal;
  decisions decided;
  unkept_decisions unkept;
  size_t heard = 0;
  std::string policy = "binpack";

  void settle() {
    auto by = placement::make_policy(policy);
    hear();
    while (auto batch = core.next_batch(1'000)) {
      auto snapshot = core.nodes_for(*batch);
      auto proposal = by->propose(snapshot, batch->asks);
      auto before = core.version();
      core.commit(proposal, now);
      noted_round round{{policy, now, before + 1, core.version()}, {}};
      for (auto& x : weigh(*by, snapshot, batch->asks, proposal))
        round.asks.push_back(std::make_shared<const weighed_ask>(x));
      pass(milliseconds{0});
      hear();
      unkept.add(round.what.last, round);
      decided.note_round(std::move(round));
    }
  }
  /// Everything is durable at once.
  void hear() {
    for (; heard < events.size(); ++heard) {
      auto& x = events[heard];
      std::string line = write_line(x);
      REQUIRE(journal.append(x.version - 1, {&line, 1}));
      if (decided.take(x))
        unkept.add(x.version, x);
    }
  }
  void keep(decision_file& to) {
    hear();
    auto batch = unkept.next(mark_of(events.back()), core.version(), decided);
    REQUIRE(batch);
    REQUIRE(to.keep(*batch));
  }
  /// Somebody has to go, and a gang waits for its machines.
  void live() {
    join(a_node("a").cpu(4));
    join(a_node("b").cpu(4));
    submit(a_job("low").cpu(4).priority(10));
    submit(a_job("web").cpu(1).tasks(2).priority(200));
    settle();
    pass(milliseconds{10});
    started({"low", 0});
    submit(a_job("high").cpu(4).priority(100));
    settle();
    submit(a_job("mpi").cpu(1).tasks(2).gang("", 2, 2));
    submit(a_job("big").cpu(64));
    settle();
  }
  /// The victim is gone, and its place is given.
  void live_on() {
    stopped({"low", 0});
    settle();
    agree();
    settle();
  }
};

} // namespace

TEST_CASE("every kind of note is read as it was written") {
  weighed_ask ask;
  task_class of;
  of.request = {1'500, 3, 250, {{"license", 2}}};
  of.strategy = "spread";
  of.requirements = {{"gpu", {"true", "!x"}}};
  of.preferences = {{"zone", "us", -30}};
  of.labels = {{"app", "db"}};
  of.avoid_colocating = {{"app", "web"}};
  of.colocate_with = {{"app", "cache"}};
  of.spread_by = {"zone", "rack"};
  of.spread_group = "web";
  of.exclusive = true;
  of.host_ports = {80, 443};
  of.chosen_ports = 2;
  ask.id = 7;
  ask.of = std::make_shared<const task_class>(of);
  ask.asked = 5;
  ask.placed = 3;
  ask.fit = 2;
  ask.best = {{"a", 0.1 + 0.2, {{"fit", 1.0 / 3}, {"prefers", -1e-300}}},
              {"b", std::nullopt, {}}};
  ask.refused.nodes = {{reason::insufficient_cpu, 4}, {reason::exclusive, 1}};
  noted_round round{{"binpack", {1'700'000'000'123}, 10, 14},
                    {std::make_shared<const weighed_ask>(ask)}};
  auto read = read_note(write_note(round));
  REQUIRE(read);
  auto& same = std::get<noted_round>(*read);
  CHECK(same.what == round.what);
  REQUIRE(same.asks.size() == 1);
  CHECK(*same.asks[0]->of == of);
  CHECK(same.asks[0]->best == ask.best);
  CHECK(same.asks[0]->refused == ask.refused);
  CHECK(same.asks[0]->id == 7);
  CHECK(same.asks[0]->asked == 5);
  CHECK(same.asks[0]->placed == 3);
  CHECK(same.asks[0]->fit == 2);
  noted_room room{12, {{{{"low", 3}, -5}, {{"low", 4}, 0}}}};
  CHECK(std::get<noted_room>(*read_note(write_note(room))) == room);
  noted_origin origin{20, 12};
  CHECK(std::get<noted_origin>(*read_note(write_note(origin))) == origin);
  noted_place place{{"high", 0}, 12, "mpi"};
  CHECK(std::get<noted_place>(*read_note(write_note(place))) == place);
  event fact{12, {5}, place_released{{"high", 0}, "a", "it has gone"}};
  CHECK(std::get<event>(*read_note(write_note(fact))) == fact);
}

TEST_CASE("who hears all that is known knows the same, and so does who hears "
          "it piece by piece") {
  kept_cluster c;
  folder here;
  decision_file file{here.file(), c.journal.cluster_id()};
  c.live();
  c.keep(file);
  CHECK(told(read_decisions(here.file(), c.journal)) == told(c.decided));
  c.live_on();
  c.keep(file);
  REQUIRE(c.node_of({"high", 0}) != "");
  auto again = read_decisions(here.file(), c.journal);
  CHECK(told(again) == told(c.decided));
  auto& task = c.core.find_job("high")->tasks.at(0);
  auto& job = *c.core.find_job("high");
  auto found = again.about(task.allocation.value, job.born,
                           *job.classes.at(task.job_version));
  REQUIRE(found);
  REQUIRE(found->room != nullptr);
  CHECK(found->room->victims.front().task == task_ref{"low", 0});
}

TEST_CASE("what a controller had no time to write is heard from the journal") {
  kept_cluster c;
  folder here;
  decision_file file{here.file(), c.journal.cluster_id()};
  c.live();
  c.keep(file);
  // The place that was kept is given after the last batch.
  c.live_on();
  auto again = read_decisions(here.file(), c.journal);
  auto& job = *c.core.find_job("high");
  auto found = again.about(job.tasks.at(0).allocation.value, job.born,
                           *job.classes.at(job.tasks.at(0).job_version));
  REQUIRE(found);
  CHECK(found->room != nullptr);
}

TEST_CASE("a file that was cut anywhere tells what stands before the cut") {
  kept_cluster c;
  folder here;
  decision_file file{here.file(), c.journal.cluster_id()};
  c.live();
  c.keep(file);
  auto first = told(read_decisions(here.file(), c.journal));
  auto first_bytes = fs::file_size(here.file());
  c.live_on();
  c.keep(file);
  auto text = text_in(here.file());
  auto all = told(c.decided);
  // Without the last batch, its facts are heard from the journal.
  fs::resize_file(here.file(), first_bytes);
  auto behind = told(read_decisions(here.file(), c.journal));
  CHECK(behind != all);
  for (size_t bytes = 0; bytes < text.size(); ++bytes) {
    write_text(here.file(), std::string_view{text}.substr(0, bytes));
    auto read = told(read_decisions(here.file(), c.journal));
    auto wanted = bytes < first_bytes ? std::string{} : behind;
    if (read != wanted)
      FAIL("cut after " << bytes << " bytes:\n" << read);
  }
  CHECK_FALSE(first.empty());
}

TEST_CASE("damage anywhere in the file is noticed, and never a lie") {
  kept_cluster c;
  folder here;
  decision_file file{here.file(), c.journal.cluster_id()};
  c.live();
  c.keep(file);
  c.live_on();
  c.keep(file);
  auto text = text_in(here.file());
  auto last_mark = text.rfind("{\"until\"");
  std::minstd_rand dice{7};
  for (size_t at = 0; at < text.size(); at += 1 + dice() % 7) {
    auto damaged = text;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << dice() % 8));
    auto lines = read_lines(damaged);
    if (lines.damaged == 0)
      FAIL("a change of byte " << at << " was not seen");
    CHECK(lines.marks.size() <= 1);
    write_text(here.file(), damaged);
    static_cast<void>(read_decisions(here.file(), c.journal));
  }
  // What is no such file at all.
  for (auto& garbage :
       {std::string(5'000, '\0'), std::string("{}\n"), std::string("\n\n\n"),
        text.substr(10), text.substr(last_mark)}) {
    write_text(here.file(), garbage);
    CHECK(read_decisions(here.file(), c.journal).size() == 0);
  }
  fs::remove(here.file());
  CHECK(read_decisions(here.file(), c.journal).size() == 0);
  fs::create_directory(here.file());
  CHECK(read_decisions(here.file(), c.journal).size() == 0);
}

TEST_CASE("decisions of another cluster are none of ours") {
  kept_cluster c;
  folder here;
  decision_file file{here.file(), c.journal.cluster_id()};
  c.live();
  c.keep(file);
  kept_cluster other;
  other.live();
  CHECK(told(other.decided) == told(c.decided));
  CHECK(read_decisions(here.file(), other.journal).size() == 0);
}

namespace {

/// A journal of the same cluster that goes its own way after `common` facts.
class parted_journal final : public journal {
public:
  parted_journal(const journal& from, version_number common, std::string more)
    : id_(from.cluster_id()) {
    REQUIRE(from.read(1, [&](uint64_t version, std::string_view line) {
      lines_.push_back(version <= common ? std::string{line} : more);
      return true;
    }));
  }
  std::string cluster_id() const override { return id_; }
  uint64_t version() const override { return lines_.size(); }
  uint64_t oldest_version() const override { return oldest; }
  expected<uint64_t, journal_error>
  append(uint64_t, std::span<const std::string>) override {
    return version();
  }
  expected<void, journal_error>
  read(uint64_t from, const reader& read_fact) const override {
    REQUIRE(from >= oldest);
    ++reads;
    for (auto x = std::max<uint64_t>(from, 1); x <= lines_.size(); ++x)
      if (!read_fact(x, lines_[x - 1]))
        break;
    return {};
  }
  expected<std::optional<journal_snapshot>, journal_error>
  latest_snapshot() const override {
    return std::optional<journal_snapshot>{};
  }
  expected<void, journal_error>
  save_snapshot(uint64_t, std::string_view) override {
    return {};
  }
  expected<void, journal_error> backup(const fs::path&) const override {
    return {};
  }

  uint64_t oldest = 1;
  mutable size_t reads = 0;

private:
  std::string id_;
  std::vector<std::string> lines_;
};

/// A file of 200 batches: facts 10 n to 10 n + 9 placed job n.
void fill(kept_cluster& c, decision_file& file) {
  for (uint64_t n = 1; n <= 200; ++n) {
    std::vector<std::string> lines;
    event last;
    for (auto v = c.journal.version() + 1; v < n * 10 + 10; ++v) {
      last = {v, {static_cast<int64_t>(v * 1'000)}, node_ready{"n"}};
      lines.push_back(write_line(last));
    }
    REQUIRE(c.journal.append(c.journal.version(), lines));
    auto round = round_at(n * 10, n * 10 + 9, {asked(n, 1)});
    c.unkept.add(round.what.last, round);
    c.decided.note_round(std::move(round));
    auto batch = c.unkept.next(mark_of(last), last.version, c.decided);
    REQUIRE(batch);
    CHECK(batch->whole == (n == 1));
    REQUIRE(file.keep(*batch));
  }
}

} // namespace

TEST_CASE("a history that was left, as by restoring a backup, is not told of") {
  kept_cluster c;
  folder here;
  decision_file file{here.file(), c.journal.cluster_id()};
  fill(c, file);
  task_class of;
  of.request.cpu_millicores = 1;
  auto all = read_decisions(here.file(), c.journal);
  CHECK(all.size() == 200);
  CHECK(all.about(2'005, 200, of));
  auto later = write_line({1, {9'999'999}, node_ready{"n"}});
  for (version_number common :
       {0U, 5U, 18U, 19U, 20U, 999U, 1'000U, 1'008U, 1'009U, 2'008U, 2'009U}) {
    parted_journal now{c.journal, common, later};
    auto read = read_decisions(here.file(), now);
    // Batch n ends with fact 10 n + 9.
    auto batches = common < 19 ? 0 : (common - 9) / 10;
    CHECK_MESSAGE(read.size() == batches, common);
    CHECK(now.reads < 12);
  }
  // Facts that are gone cannot tell.
  parted_journal forgetful{c.journal, 1'000, later};
  forgetful.oldest = 1'500;
  CHECK(read_decisions(here.file(), forgetful).size() == 0);
  parted_journal long_lived{c.journal, 2'009, later};
  long_lived.oldest = 1'500;
  CHECK(read_decisions(here.file(), long_lived).size() == 200);
}

TEST_CASE("the file stays small, whatever is decided") {
  folder here;
  decision_file file{here.file(), "c"};
  decisions all;
  unkept_decisions unkept;
  fact_mark until;
  uint64_t most = 0;
  size_t anew = 0;
  for (uint64_t n = 1; n <= 250; ++n) {
    std::vector<weighed_ask_ptr> asks;
    for (int64_t i = 0; i < 40; ++i) {
      auto x = *asked(n, i);
      auto of = *x.of;
      of.strategy = std::string(1'800, 'x');
      x.of = std::make_shared<const task_class>(of);
      asks.push_back(std::make_shared<const weighed_ask>(x));
    }
    auto round = round_at(n * 10, n * 10 + 9, asks);
    until.version = n * 10 + 9;
    unkept.add(until.version, round);
    all.note_round(std::move(round));
    auto batch = unkept.next(until, until.version, all);
    REQUIRE(batch);
    anew += batch->whole ? 1 : 0;
    REQUIRE(file.keep(*batch));
    if (file.is_long())
      unkept.begin_anew();
    most = std::max<uint64_t>(most, fs::file_size(here.file()));
  }
  CHECK(anew > 1);
  CHECK(anew < 20);
  CHECK(most < decision_file::whole_bytes_max + decision_file::more_bytes_max
                 + decision_file::line_bytes_max);
  CHECK((fs::status(here.file()).permissions() & fs::perms::others_all)
        == fs::perms::none);
}

TEST_CASE("a file that cannot be written is said, and is no more than that") {
  folder here;
  decision_file file{here.path / "no" / "decisions.log", "c"};
  auto kept = file.keep({{}, {}, true});
  REQUIRE_FALSE(kept);
  CHECK(kept.error().find("decisions.log.new cannot be written: No such file")
        != std::string::npos);
}

TEST_CASE("notes wait for the facts that they tell of") {
  unkept_decisions unkept;
  decisions all;
  all.note_round(round_at(1, 5, {asked(1, 1)}));
  // At first everything is told, once all of it is durable.
  CHECK_FALSE(unkept.next({4, {}, ""}, 5, all));
  unkept.add(9, round_at(6, 9, {asked(2, 2)}));
  auto whole = unkept.next({5, {}, ""}, 9, all);
  REQUIRE(whole);
  CHECK(whole->whole);
  CHECK(whole->notes.size() == 1);
  CHECK_FALSE(unkept.next({8, {}, ""}, 9, all));
  unkept.add(12, round_at(10, 12, {asked(3, 3)}));
  auto more = unkept.next({9, {}, ""}, 12, all);
  REQUIRE(more);
  CHECK_FALSE(more->whole);
  CHECK(more->until.version == 9);
  REQUIRE(more->notes.size() == 1);
  CHECK(std::get<noted_round>(more->notes[0]).what.last == 9);
}

TEST_CASE("notes that nobody takes are given up, and then all is told anew") {
  unkept_decisions unkept{10};
  decisions all;
  REQUIRE(unkept.next({1, {}, ""}, 1, all));
  for (uint64_t n = 1; n <= 30; ++n) {
    auto round = round_at(n * 10, n * 10 + 9, {asked(n, 1), asked(n, 2)});
    unkept.add(n * 10 + 9, round);
    all.note_round(std::move(round));
  }
  auto whole = unkept.next({309, {}, ""}, 309, all);
  REQUIRE(whole);
  CHECK(whole->whole);
  CHECK(whole->notes.size() == 30);
}

} // namespace troupe
