#pragma once

#include <array>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

/// How policies of a random life answer.
enum class random_answers : uint8_t {
  /// With places that are wrong now and then, and some to a few asks only.
  wrong_at_times,
  right
};

/// Does one random thing after another to a cluster, as users, machines and
/// policies might.
class random_life {
public:
  explicit random_life(uint64_t seed,
                       random_answers answers = random_answers::wrong_at_times)
    : engine_(seed), answers_(answers) {
    c.check = false;
  }

  void step() {
    switch (below(20)) {
    case 0:
    case 1:
    case 2:
      submit();
      break;
    case 3:
      ask(stop_job{job(), below(3) == 0});
      break;
    case 4:
      ask(scale_job{job(), static_cast<uint32_t>(below(12))});
      break;
    case 5:
      if (below(3) == 0)
        ask(restart_job{job()});
      else
        ask(restart_task{{job(), static_cast<uint32_t>(below(8))}});
      break;
    case 6:
      ask(stop_task{{job(), static_cast<uint32_t>(below(8))}});
      break;
    case 7:
      join();
      break;
    case 8:
      change_a_node();
      break;
    case 9:
      c.pass(milliseconds{static_cast<int64_t>(below(5'000))});
      break;
    case 10:
    case 11:
    case 12:
      propose();
      break;
    default:
      report();
    }
  }

  /// What had been given up has ended. A snapshot does not know of it.
  void end_strays() {
    for (auto& [name, node] : c.core.nodes()) {
      take_reports all{name, {}};
      for (auto allocation : node.strays) {
        task_report x;
        x.allocation = allocation;
        x.state = task_state::stopped;
        all.reports.push_back(x);
      }
      ask(all);
    }
  }

  size_t below(size_t n) { return static_cast<size_t>(engine_() % n); }

  cluster_fixture c;

private:
  std::string job() { return "job-" + std::to_string(below(12)); }
  std::string node() { return "node-" + std::to_string(below(9)); }

  void ask(const command& x) { static_cast<void>(c.ask(x)); }

  job_spec_ptr a_spec() {
    auto x = a_job(job());
    x.tasks(
       static_cast<uint32_t>(below(4) == 0 ? below(5'000) + 1 : below(6) + 1))
      .cpu(static_cast<double>(below(5) + 1) / 4)
      .priority(static_cast<int32_t>(below(3)))
      .retries(static_cast<uint32_t>(below(3)))
      .delay(milliseconds{static_cast<int64_t>(below(2) * 700)})
      .at_once(static_cast<uint32_t>(below(3)))
      .surge(static_cast<uint32_t>(below(3)))
      .min_healthy(milliseconds{static_cast<int64_t>(below(2) * 9'000)});
    if (below(4) == 0)
      x.replace_after(milliseconds{static_cast<int64_t>(below(60'000))});
    if (below(4) == 0)
      x.checked();
    if (below(4) == 0)
      x.no_rollback();
    if (below(2) == 0)
      x.service();
    else if (below(4) == 0)
      x.on_every_node();
    else if (below(4) == 0)
      x.schedule("* * * * *", below(2) == 0 ? "UTC" : "Europe/Paris",
                 static_cast<overlap_rule>(below(3)));
    if (below(4) == 0)
      x.requires_label("zone", {below(2) == 0 ? "a" : "!b"});
    if (below(5) == 0)
      x.label_of("app", "p");
    if (below(6) == 0)
      x.away_from("app", "p");
    if (below(8) == 0)
      x.near("app", "p");
    if (below(8) == 0)
      x.spread_by("zone");
    if (below(6) == 0) {
      auto min = static_cast<uint32_t>(below(3));
      // Where a job says how many at most, the least is said as well.
      auto bounded = min > 0 && below(2) == 0;
      x.tasks(static_cast<uint32_t>(below(5) + 1))
        .gang(below(2) == 0 ? "" : "g" + std::to_string(below(2)), min,
              bounded ? min + static_cast<uint32_t>(below(3)) : 0);
    }
    if (below(12) == 0)
      x.exclusive();
    if (below(3) == 0)
      x.timeout(milliseconds{1'000 + static_cast<int64_t>(below(60'000))});
    if (below(6) == 0)
      x.port("p", 80).port("q", 81, below(2) == 0 ? 0 : 8'080);
    if (below(8) == 0)
      x.gpu(below(2) == 0 ? 500 : 1'000);
    if (below(6) == 0)
      x.after(job(),
              below(2) == 0 ? job_outcome::succeeded : job_outcome::finished);
    if (below(12) == 0)
      x.strategy(below(2) == 0 ? "spread" : "nobody");
    return x;
  }

  void submit() {
    submit_jobs x;
    x.specs.push_back(a_spec());
    if (below(3) == 0)
      x.key = "key-" + std::to_string(below(20));
    ask(x);
  }

  void join() {
    auto name = node();
    // Machines only grow: one that shrinks may hold more than it has.
    auto x = a_node(name).cpu(4).gpus(1);
    auto& at = size_[name];
    at = std::max(at, below(4));
    x.cpu(2 + static_cast<double>(at));
    if (below(2) == 0)
      x.label_of("zone", below(2) == 0 ? "a" : "b");
    join_node command{x, {}};
    if (below(4) != 0)
      command.inventory = inventory_of(name);
    ask(command);
  }

  /// What the machine may know: some of what it should, and older things.
  std::vector<task_report> inventory_of(const std::string& name) {
    std::vector<task_report> result;
    for (auto& x : c.core.work_for(name))
      if (below(2) == 0)
        result.push_back(a_report{x, task_state::running});
    if (auto* node = c.core.find_node(name))
      for (auto& [allocation, place] : node->allocations)
        if (below(3) != 0)
          result.push_back(
            a_report{c.item_of({place.job->name, place.index}), a_state()});
    if (!c.work.empty() && below(3) == 0)
      result.push_back(a_report{any_work().item, a_state()});
    return result;
  }

  void change_a_node() {
    auto name = node();
    switch (below(9)) {
    case 0:
      ask(cordon_node{name, below(2) == 0});
      break;
    case 1:
      ask(change_node{name, {{"zone", below(2) == 0 ? "a" : ""}}, {}, {}});
      break;
    case 2:
      ask(change_node{name, {}, 1.0 + static_cast<double>(below(2)), 1.5});
      break;
    case 3:
      ask(change_node_health{name, node_state::unhealthy});
      break;
    case 4:
      ask(change_node_health{name, node_state::ready});
      break;
    case 5:
      if (below(2) == 0)
        ask(remove_node{name, "bye"});
      break;
    case 6:
      ask(drain_node{name,
                     milliseconds{static_cast<int64_t>(below(3) * 20'000)}});
      break;
    case 7:
      ask(rollback_job{job()});
      break;
    case 8:
      if (below(4) == 0)
        change_orders();
      break;
    }
  }

  void change_orders() {
    constexpr std::array orders{"priority", "fifo", "sjf", "fair"};
    change_settings x{below(2) == 0 ? "binpack" : "spread",
                      orders[below(orders.size())]};
    if (below(2) == 0)
      x.fair_by = below(2) == 0 ? "app" : "";
    if (below(3) == 0)
      x.concurrency.emplace();
    if (x.concurrency && below(2) == 0)
      x.concurrency->emplace("app=p", static_cast<uint32_t>(below(6)));
    ask(x);
  }

  const runtime::node_work& any_work() {
    // Mostly of late.
    auto most = std::min<size_t>(c.work.size(), below(10) == 0 ? 5'000 : 60);
    return c.work[c.work.size() - 1 - below(most)];
  }

  task_state a_state() {
    constexpr std::array<task_state, 9> all{
      task_state::starting, task_state::running, task_state::running,
      task_state::running,  task_state::failed,  task_state::succeeded,
      task_state::stopped,  task_state::lost,    task_state::pending};
    return all[below(all.size())];
  }

  void report() {
    if (c.work.empty())
      return;
    auto& work = any_work();
    auto asked = work.item.kind == work_kind::reserve && below(8) != 0;
    auto x = a_report{work.item, asked ? task_state::placed : a_state()};
    constexpr std::array<reason, 5> why{reason::none, reason::exit_code,
                                        reason::timed_out, reason::port_in_use,
                                        reason::out_of_memory};
    x.why(why[below(why.size())]);
    if (below(2) == 0)
      x.exit_code(static_cast<int32_t>(below(3)));
    if (below(5) == 0)
      x.message(below(2) == 0 ? "text" : "not \xFF utf-8");
    // From its machine, twice now and then, or from a wrong one.
    auto from = below(20) == 0 ? node() : work.node;
    std::vector<task_report> all{x};
    if (below(4) == 0)
      all.push_back(x);
    ask(take_reports{from, all});
  }

  void propose() {
    if (below(6) == 0) {
      late_.reset();
      c.core.abandon();
    }
    if (late_) {
      c.core.commit(*std::exchange(late_, {}), c.now);
      c.pass(milliseconds{0});
      return;
    }
    auto wrong = answers_ == random_answers::wrong_at_times;
    auto most = static_cast<uint32_t>(below(2) == 0 ? 5 : 500);
    auto batch = c.core.next_batch(wrong ? most : batch_tasks_max);
    if (!batch)
      return;
    auto proposal = c.propose(*batch);
    // Wrong places, with which its refusals are wrong as well.
    if (wrong && below(8) == 0)
      for (auto& run : proposal.runs) {
        run.why_not_more = {};
        for (auto& row : run.nodes)
          row = static_cast<uint32_t>(below(12));
      }
    if (wrong && below(8) == 0)
      for (auto& run : proposal.runs)
        run.nodes.resize(run.nodes.size() * 2, 0);
    if (below(3) == 0) {
      // It arrives after other things have happened.
      late_ = std::move(proposal);
      return;
    }
    c.core.commit(proposal, c.now);
    c.pass(milliseconds{0});
  }

  /// As in a controller.
  static constexpr uint32_t batch_tasks_max = 1'024;

  std::mt19937_64 engine_;
  random_answers answers_;
  std::map<std::string, size_t> size_;
  std::optional<runtime::placement::proposal> late_;
};

} // namespace troupe
