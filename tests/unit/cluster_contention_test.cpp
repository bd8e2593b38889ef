// A cluster that is always too full, under random operations: somebody who knows
// nothing but the facts keeps a ledger of who is where, and looks whether what was
// decided was allowed.

#include <random>

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

constexpr int64_t node_cpu = 4'000;
constexpr size_t node_count = 6;

/// What the facts say about places, and what must hold of it.
class ledger {
public:
  void take(const event& x) {
    version_ = x.version;
    auto is_about_victims = std::holds_alternative<task_preempted>(x.what)
                            || std::holds_alternative<place_held>(x.what)
                            || std::holds_alternative<gang_reserved>(x.what);
    // Nobody goes in vain: a place is kept with the next fact.
    if (!is_about_victims && !recent_.empty())
      FAIL("somebody had to go in vain before fact ", x.version);
    std::visit([this](auto& y) { on(y); }, x.what);
  }

  /// After each operation: a gang has its minimum, or nobody who is not on the way
  /// out.
  void check_gangs() const {
    std::map<std::string_view, uint32_t> able;
    for (auto& [task, place] : live_)
      able[task.job] += stopping_.contains(task) ? 0 : 1;
    for (auto& [name, members] : able) {
      auto& job = jobs_.find(name)->second;
      if (job.spec->gang && members > 0 && members + job.done < job.spec->count)
        FAIL("gang ", std::string{name}, " runs with ", members);
    }
  }

  uint64_t preemptions = 0;
  uint64_t gangs = 0;

private:
  struct place {
    std::string node;
    allocation_id allocation;
    int64_t cpu = 0;
  };
  struct known_job {
    job_spec_ptr spec;
    uint32_t done = 0;
    bool stopped = false;
  };
  struct kept_place {
    std::string node;
    std::vector<allocation_id> awaits;
    std::vector<task_ref> victims;
  };

  void on(const job_submitted& x) { jobs_[x.job] = {x.spec}; }
  void on(const job_stopped& x) {
    jobs_.at(x.job).stopped = true;
    std::erase_if(must_wait_, [&](auto& y) { return y.job == x.job; });
    std::erase_if(kept_, [&](auto& y) { return y.first.job == x.job; });
  }
  void on(const job_forgotten& x) { jobs_.erase(x.job); }

  void on(const task_placed& x) {
    CAPTURE(to_string(x.task));
    // At most one attempt, and never more than a node has.
    REQUIRE_FALSE(live_.contains(x.task));
    auto cpu = jobs_.at(x.task.job).spec->request.cpu_millicores;
    live_[x.task] = {x.node, {version_}, cpu};
    used_[x.node] += cpu;
    REQUIRE(used_.at(x.node) <= node_cpu);
    auto kept = kept_.find(x.task);
    if (kept == kept_.end())
      return;
    REQUIRE(kept->second.node == x.node);
    for (auto awaited : kept->second.awaits)
      for (auto& [task, place] : live_)
        if (place.allocation == awaited)
          FAIL(to_string(task), " has not left yet");
    // Every victim is queued again before its place is given.
    for (auto& victim : kept->second.victims)
      REQUIRE_FALSE(must_wait_.contains(victim));
    kept_.erase(kept);
  }

  void on(const task_ended& x) {
    auto at = live_.find(x.task);
    if (at == live_.end() || x.restarts)
      return;
    used_[at->second.node] -= at->second.cpu;
    live_.erase(at);
    stopping_.erase(x.task);
    leaving_.erase(x.task);
    auto& job = jobs_.at(x.task.job);
    if (x.state == task_state::succeeded)
      ++job.done;
    if (x.state == task_state::stopped && x.why == reason::preempted
        && !job.stopped)
      must_wait_.insert(x.task);
  }

  void on(const task_requeued& x) { must_wait_.erase(x.task); }
  void on(const task_stopping& x) {
    stopping_.insert(x.task);
    // Whoever starts again where it was still has its place.
    if (!x.restart)
      leaving_.insert(x.task);
  }

  void on(const task_preempted& x) {
    CAPTURE(to_string(x.task));
    REQUIRE(x.priority < x.by_priority);
    REQUIRE(jobs_.at(x.task.job).spec->priority == x.priority);
    REQUIRE(jobs_.at(x.by.job).spec->priority == x.by_priority);
    REQUIRE(live_.contains(x.task));
    REQUIRE_FALSE(leaving_.contains(x.task));
    stopping_.insert(x.task);
    leaving_.insert(x.task);
    recent_.push_back(x);
    ++preemptions;
  }

  void on(const place_held& x) {
    keep(x.task, x.node, x.awaits, x.victims);
    recent_.clear();
  }

  void on(const gang_reserved& x) {
    for (auto& place : x.places)
      keep(place.task, place.node, x.awaits, x.victims);
    recent_.clear();
    ++gangs;
  }

  void keep(const task_ref& task, const std::string& node,
            const std::vector<allocation_id>& awaits,
            const std::vector<task_ref>& victims) {
    kept_[task] = {node, awaits, victims};
    REQUIRE(victims.size() == recent_.size());
    for (auto& x : recent_) {
      REQUIRE(x.by.job == task.job);
      auto allocation = live_.at(x.task).allocation;
      REQUIRE(std::find(awaits.begin(), awaits.end(), allocation)
              != awaits.end());
    }
  }

  void on(const place_released& x) { kept_.erase(x.task); }
  // On a node that takes nothing any more, no place is kept either.
  void on(const node_unhealthy& x) { forget_kept_on(x.node); }
  void on(const node_removed& x) { forget_kept_on(x.node); }
  void on(const node_draining& x) { forget_kept_on(x.node); }
  void on(const node_cordoned& x) {
    if (x.cordoned)
      forget_kept_on(x.node);
  }
  void forget_kept_on(const std::string& node) {
    std::erase_if(kept_, [&](auto& y) { return y.second.node == node; });
  }
  void on(const gang_released& x) {
    std::erase_if(kept_, [&](auto& y) { return y.first.job == x.gang; });
  }
  template <class Fact>
  void on(const Fact&) {}

  std::map<std::string, known_job, std::less<>> jobs_;
  std::map<task_ref, place> live_;
  std::map<std::string, int64_t> used_;
  std::map<task_ref, kept_place> kept_;
  /// Tasks that are being stopped, and those of them that give up their place.
  std::set<task_ref> stopping_;
  std::set<task_ref> leaving_;
  std::set<task_ref> must_wait_;
  std::vector<task_preempted> recent_;
  version_number version_ = 0;
};

class crowded_life {
public:
  explicit crowded_life(uint64_t seed) : engine_(seed) {
    c.check = false;
    for (size_t i = 0; i < node_count; ++i)
      join(node(i));
    submit();
  }

  void step() {
    switch (below(16)) {
    case 0:
    case 1:
      submit();
      break;
    case 2:
    case 3:
    case 4:
      c.place();
      break;
    case 5:
    case 6:
    case 7:
    case 8:
      work(node(below(node_count)));
      break;
    case 9:
    case 10:
      end_one();
      break;
    case 11:
      c.pass(milliseconds{static_cast<int64_t>(below(4'000))});
      break;
    case 12:
      if (below(3) == 0)
        ask(stop_job{job(), false});
      break;
    case 13:
      change_a_node(node(below(node_count)));
      break;
    default:
      for (size_t i = 0; i < node_count; ++i)
        work(node(i));
    }
    for (; heard_ < c.events.size(); ++heard_)
      book.take(c.events[heard_]);
    book.check_gangs();
  }

  cluster_fixture c;
  ledger book;

private:
  size_t below(size_t n) { return static_cast<size_t>(engine_() % n); }
  static std::string node(size_t i) { return "n" + std::to_string(i); }
  std::string job() {
    return "j" + std::to_string(jobs_ - below(std::min<size_t>(jobs_, 30)));
  }
  void ask(const command& x) { static_cast<void>(c.ask(x)); }

  void join(const std::string& name) {
    // With nothing on it: it may have been switched off.
    ask(join_node{a_node(name), std::vector<task_report>{}});
  }

  void submit() {
    auto tasks = static_cast<uint32_t>(1 + below(4));
    a_job x{"j" + std::to_string(++jobs_)};
    x.tasks(tasks)
      .cpu(static_cast<double>(1 + below(4)))
      .priority(static_cast<int32_t>(below(4)))
      .retries(static_cast<uint32_t>(below(2)));
    if (below(3) == 0)
      x.gang("", tasks, tasks);
    if (below(2) == 0)
      x.timeout(milliseconds{1'000 + static_cast<int64_t>(below(60'000))});
    ask(submit_jobs{{x}, {}});
    // Full, but not ever fuller.
    if (jobs_ > 25)
      ask(stop_job{"j" + std::to_string(jobs_ - 25), true});
  }

  /// The machine does what it is to do, or some of it.
  void work(const std::string& name) {
    auto* there = c.core.find_node(name);
    if (there == nullptr || there->state != node_state::ready)
      return;
    take_reports all{name, {}};
    for (auto& item : c.core.work_for(name)) {
      if (below(4) == 0)
        continue;
      if (item.kind == work_kind::start)
        all.reports.push_back(a_report{item, task_state::running});
      else if (item.kind == work_kind::stop)
        all.reports.push_back(
          a_report{item, task_state::stopped}.why(item.why));
      else if (item.kind == work_kind::reserve)
        all.reports.push_back(a_report{
          item, below(12) == 0 ? task_state::failed : task_state::placed});
    }
    ask(all);
  }

  void end_one() {
    auto name = node(below(node_count));
    auto* there = c.core.find_node(name);
    if (there == nullptr || there->allocations.empty()
        || there->state != node_state::ready)
      return;
    auto at = there->allocations.begin();
    std::advance(at, below(there->allocations.size()));
    auto item = c.item_of({at->second.job->name, at->second.index});
    auto failed = below(4) == 0;
    auto x
      = a_report{item, failed ? task_state::failed : task_state::succeeded};
    x.exit_code(failed ? 1 : 0);
    if (failed)
      x.why(reason::exit_code);
    ask(take_reports{name, {x}});
  }

  void change_a_node(const std::string& name) {
    switch (below(6)) {
    case 0:
      ask(change_node_health{name, node_state::unhealthy});
      break;
    case 1:
      ask(cordon_node{name, true});
      break;
    case 2:
      ask(drain_node{name, milliseconds{5'000}});
      break;
    default:
      ask(cordon_node{name, false});
      join(name);
    }
  }

  std::mt19937_64 engine_;
  size_t jobs_ = 0;
  size_t heard_ = 0;
};

} // namespace

TEST_CASE(
  "10^5 random operations on a full cluster oversubscribe nobody, drive "
  "out nobody in vain, and leave no part of a gang alone") {
  uint64_t preemptions = 0;
  uint64_t gangs = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    crowded_life life{seed};
    for (size_t i = 0; i < 5'000; ++i)
      life.step();
    REQUIRE(life.c.core.check_invariants() == "");
    preemptions += life.book.preemptions;
    gangs += life.book.gangs;
  }
  // It was worth looking.
  CHECK(preemptions > 1'000);
  CHECK(gangs > 1'000);
}

} // namespace troupe
