// Logs of parallel machines: what is read, and that the scheduler backfills as
// the textbook says, job by job.

#include <algorithm>
#include <random>
#include <set>

#include <doctest/doctest.h>

#include "runtime/rehearsal/swf.hpp"

using namespace troupe;
using namespace troupe::runtime::rehearsal;

namespace {

/// EASY by the book, as naively as it can be written: every pass looks at all.
class textbook {
public:
  explicit textbook(const swf_log& log) : log_{log}, free_{log.processors} {
    while (next_ < log_.jobs.size() || !running_.empty()) {
      auto ends = running_.empty() ? INT64_MAX : running_.begin()->end;
      auto comes
        = next_ < log_.jobs.size() ? log_.jobs[next_].submit : INT64_MAX;
      now_ = std::min(ends, comes);
      // At one time those who come are first, then those who leave, one by one.
      if (comes <= ends) {
        queue_.push_back(&log_.jobs[next_++]);
      } else {
        free_ += running_.begin()->job->processors;
        running_.erase(running_.begin());
      }
      pass();
    }
  }

  swf_waits waits;
  /// [job] When it was promised a start at the latest.
  std::map<int64_t, int64_t> promises;

private:
  struct entry {
    int64_t end = 0;
    size_t order = 0;
    const swf_job* job = nullptr;
    int64_t due = 0;
    bool operator<(const entry& x) const {
      return std::pair{end, order} < std::pair{x.end, x.order};
    }
  };

  /// What is free, and what is expected to be by now.
  int64_t available() const {
    auto result = free_;
    for (auto& x : running_)
      if (x.due <= now_)
        result += x.job->processors;
    return result;
  }

  void start(const swf_job& x) {
    free_ -= x.processors;
    waits[x.number] = now_ - x.submit;
    running_.insert({now_ + x.run, ++order_, &x, now_ + x.estimate});
  }

  void pass() {
    while (!queue_.empty() && queue_.front()->processors <= available()) {
      start(*queue_.front());
      queue_.erase(queue_.begin());
    }
    if (queue_.empty())
      return;
    auto& head = *queue_.front();
    for (size_t i = 1; i < queue_.size();) {
      auto [at, spare] = reserve(head);
      auto& x = *queue_[i];
      if (x.processors <= available()
          && (now_ + x.estimate <= at || x.processors <= spare)) {
        start(x);
        queue_.erase(queue_.begin() + static_cast<ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
    auto at = reserve(head).first;
    auto [known, is_new] = promises.try_emplace(head.number, at);
    // A reservation is only ever moved forward.
    CHECK(at <= known->second);
  }

  std::pair<int64_t, int64_t> reserve(const swf_job& head) const {
    std::vector<std::pair<int64_t, uint32_t>> ends;
    for (auto& x : running_)
      ends.emplace_back(std::max(x.due, now_), x.job->processors);
    std::sort(ends.begin(), ends.end());
    auto free = free_;
    auto at = now_;
    for (size_t i = 0; i < ends.size(); ++i) {
      if (free >= head.processors && ends[i].first > at)
        break;
      at = ends[i].first;
      free += ends[i].second;
    }
    return {at, free - head.processors};
  }

  const swf_log& log_;
  std::set<entry> running_;
  std::vector<const swf_job*> queue_;
  int64_t free_;
  size_t next_ = 0;
  size_t order_ = 0;
  int64_t now_ = 0;
};

/// Jobs as such machines see them: many small and short ones, few large ones, users
/// who estimate in round numbers and often far too long.
swf_log a_log(uint64_t seed, size_t jobs, uint32_t processors, double load) {
  std::mt19937_64 engine{seed};
  auto below = [&](uint64_t n) { return engine() % n; };
  swf_log result;
  result.processors = processors;
  double now = 0;
  for (size_t i = 1; i <= jobs; ++i) {
    swf_job x;
    x.number = static_cast<int64_t>(i);
    auto most = below(4) == 0 ? processors : std::max(1U, processors / 8);
    x.processors = static_cast<uint32_t>(1 + below(most));
    x.run = static_cast<int64_t>(1 + below(below(3) == 0 ? 4'000 : 300));
    x.estimate = (x.run * static_cast<int64_t>(1 + below(5)) / 60 + 1) * 60;
    x.submit = static_cast<int64_t>(now);
    // Now and then several come in one second.
    if (below(4) != 0)
      now += static_cast<double>(x.run) * x.processors / processors / load;
    result.jobs.push_back(x);
  }
  return result;
}

swf_run played(const swf_log& log, swf_order order) {
  auto result = play_swf(log, order);
  REQUIRE(result.has_value());
  return *result;
}

} // namespace

TEST_CASE("a log is read with what its header and its jobs say") {
  auto log = read_swf("; Version: 2\n; MaxProcs: 16\n\n"
                      "1 0 -1 100 4 -1 -1 -1 -1 -1 1 7 -1 -1 -1 -1 -1 -1\n"
                      "  3 20 -1 500 8 -1 -1 6 300 -1 1 7 -1 -1 -1 -1 -1 -1\r\n"
                      "2 10 -1 -1 4 -1 -1 4 60 -1 0 7 -1 -1 -1 -1 -1 -1\n"
                      "4 5 -1 9 17 -1 -1 17 60 -1 1 7 -1 -1 -1 -1 -1 -1\n"
                      "5 15 -1 7.5 1");
  REQUIRE(log.has_value());
  CHECK(log->processors == 16);
  CHECK(log->left_out == 2);
  REQUIRE(log->jobs.size() == 3);
  CHECK(log->jobs[0] == swf_job{1, 0, 100, 4, 100});
  CHECK(log->jobs[1] == swf_job{5, 15, 8, 1, 8});
  // It was killed when its user had said.
  CHECK(log->jobs[2] == swf_job{3, 20, 300, 6, 300});
  CHECK(read_swf("1 0 -1 9 2", 4)->processors == 4);
}

TEST_CASE("what is no log is refused with its line") {
  CHECK(read_swf("; MaxProcs: 4\n1 0 -1 x 4\n").error().pointer == "/2");
  CHECK(read_swf("; MaxProcs: 4\n1 0 -1\n").error().pointer == "/2");
  CHECK(read_swf("; MaxProcs: 4\n1 0 -1 1 1\n1 0 -1 1 1").error().pointer
        == "/3");
  CHECK(read_swf("1 0 -1 1 1\n").error().detail.find("--processors")
        != std::string::npos);
  CHECK(read_swf("; MaxProcs: 4\n1 0 -1 1e400 1\n").error().pointer == "/2");
  CHECK(read_swf("\x1f\x8b\x08").error().pointer == "/1");
}

TEST_CASE("a job that fits beside the first in the queue goes ahead, and one "
          "that would delay it does not") {
  swf_log log{4,
              {{1, 0, 100, 3, 100},
               {2, 1, 50, 4, 50},
               {3, 2, 90, 1, 90},
               {4, 3, 200, 1, 200}},
              0};
  auto run = played(log, swf_order::backfill);
  CHECK(run.waits.at(2) == 99);
  CHECK(run.waits.at(3) == 0);
  CHECK(run.waits.at(4) == 147);
  auto plain = played(log, swf_order::plain);
  CHECK(plain.waits.at(3) == 148);
  // Without estimates the large one waits for all that come.
  CHECK(played(log, swf_order::greedy).waits.at(2) == 291);
}

TEST_CASE("the scheduler backfills as the textbook does, job by job") {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    CAPTURE(seed);
    auto log = a_log(seed, 400, seed % 2 == 0 ? 100 : 32,
                     0.7 + 0.1 * static_cast<double>(seed % 4));
    textbook book{log};
    auto run = played(log, swf_order::backfill);
    REQUIRE(run.waits.size() == log.jobs.size());
    for (auto& job : log.jobs) {
      CAPTURE(job.number);
      REQUIRE(run.waits.at(job.number) == book.waits.at(job.number));
      // Nobody in front starts later than it was first told.
      if (auto at = book.promises.find(job.number); at != book.promises.end())
        CHECK(job.submit + run.waits.at(job.number) <= at->second);
    }
  }
}

TEST_CASE("backfilling halves the mean wait of the plain order") {
  double plain = 0;
  double backfilled = 0;
  for (uint64_t seed = 100; seed < 104; ++seed) {
    auto log = a_log(seed, 500, 64, 0.8);
    auto before = played(log, swf_order::plain);
    auto after = played(log, swf_order::backfill);
    CHECK(after.wait_seconds.mean < before.wait_seconds.mean);
    CHECK(after.use >= before.use);
    plain += before.wait_seconds.mean;
    backfilled += after.wait_seconds.mean;
  }
  CHECK(backfilled < plain / 2);
}
