#include "tests/flow/house.hpp"

#include <caf/all.hpp>

#include "messages/contract.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/journal/memory.hpp"
#include "runtime/log.hpp"
#include "runtime/recovery.hpp"

#include "actors/agent.hpp"
#include "actors/drivers/simulated.hpp"
#include "actors/join.hpp"
#include "actors/journal.hpp"
#include "actors/nodes.hpp"
#include "actors/policy.hpp"
#include "actors/scheduler.hpp"
#include "actors/watch.hpp"

#include "tests/virtual_world/text.hpp"

namespace troupe::test {

house::house(uint64_t seed)
  : world(seed), journal_core_(std::make_shared<runtime::memory_journal>()),
    agents_(std::make_shared<agent_directory>()) {
  spdlog::set_level(spdlog::level::off);
}

house::~house() {
  world.end();
  // The directory holds agents, and cables what goes through them.
  for (auto& [name, x] : machines_)
    agents_->remove(name);
}

// -- the controller ----------------------------------------------------------

void house::start_controller() {
  auto& system = world.system();
  journal_
    = system.spawn(troupe::journal, journal_actor_options{}, journal_core_);
  watch_ = system.spawn(troupe::watch, watch_options{}, journal_);
  scheduler_
    = system.spawn(troupe::scheduler, scheduler_options{}, journal_, watch_);
  policy_ = system.spawn(troupe::policy, "binpack", scheduler_);
  node_actor_options options;
  options.cluster_id = journal_core_->cluster_id();
  options.local_agents = agents_;
  nodes_ = system.spawn(troupe::nodes, options, scheduler_);
  world.settle();
}

void house::kill_controller() {
  for (auto& [name, x] : machines_)
    x->link.snap();
  for (auto& x :
       std::vector<caf::actor>{caf::actor_cast<caf::actor>(policy_),
                               caf::actor_cast<caf::actor>(scheduler_),
                               caf::actor_cast<caf::actor>(watch_),
                               caf::actor_cast<caf::actor>(journal_)})
    world.kill(x);
  // It passes this on to its children, which `kill` would not.
  caf::anon_send_exit(nodes_, caf::exit_reason::user_shutdown);
  nodes_ = nullptr;
  policy_ = nullptr;
  scheduler_ = nullptr;
  watch_ = nullptr;
  journal_ = nullptr;
  world.settle();
  for (auto& [name, x] : machines_)
    x->link.mend();
}

// -- machines ----------------------------------------------------------------

machine& house::start_machine(const std::string& name) {
  auto& system = world.system();
  auto& result = machines_[name];
  result = std::make_unique<machine>(system);
  result->driver = system.spawn(simulated_driver);
  agent_options agent;
  agent.node = name;
  agent.drivers = {{driver_kind::simulated, result->driver}};
  result->agent = system.spawn(troupe::agent, agent, std::nullopt);
  join_options join;
  join.profile.name = name;
  join.profile.capacity = {4'000, int64_t{8} << 30, 0, {}};
  join.profile.labels = {{"machine", name}};
  join.profile.drivers = {"simulated"};
  join.local_controller = [this, name, x = result.get()]() -> nodes_actor {
    if (!nodes_ || x->link.is_cut())
      return {};
    agents_->put(name, x->link.through(x->agent));
    return x->link.through(nodes_);
  };
  result->join = system.spawn(troupe::join, join, result->agent);
  world.settle();
  return *result;
}

// -- what users do and see ---------------------------------------------------

outcome house::decide(command x) {
  auto answer
    = world.ask<command_answer>(scheduler_, run_command{std::move(x)});
  world.settle();
  TROUPE_ASSERT(answer->value && !answer->value->refused);
  return answer->value->done;
}

outcome house::submit(job_spec x) {
  return decide(
    submit_jobs{{std::make_shared<const job_spec>(std::move(x))}, {}});
}

std::vector<event> house::facts() const {
  std::vector<event> result;
  auto read = journal_core_->read(1, [&](uint64_t version, std::string_view x) {
    auto fact = read_line(version, x);
    TROUPE_ASSERT(fact);
    result.push_back(std::move(*fact));
    return true;
  });
  TROUPE_ASSERT(read);
  return result;
}

std::string house::story() const {
  std::string result;
  for (auto& x : facts())
    result += text_of(x) + '\n';
  return result;
}

task_state house::state_of(const task_ref& x) const {
  auto folded = runtime::recover(*journal_core_);
  TROUPE_ASSERT(folded);
  auto* task = folded->state->find_task(x);
  // One that was never placed has no record of its own yet.
  return task == nullptr ? task_state::pending : task->state;
}

bool house::await(const task_ref& x, task_state state,
                  std::chrono::milliseconds limit) {
  version_number seen = 0;
  auto reached = false;
  return world.pass_until(
    [&] {
      if (std::exchange(seen, journal_core_->version()) != seen)
        reached = state_of(x) == state;
      return reached;
    },
    limit);
}

std::map<std::string, size_t> house::starts() const {
  std::map<std::string, size_t> result;
  for (auto& line : world.lines())
    if (auto at = line.find("start_run("); at != std::string::npos)
      ++result[line.substr(at)];
  return result;
}

// -- jobs --------------------------------------------------------------------

job_spec batch_job(std::string name, std::chrono::milliseconds duration,
                   int32_t exit_code) {
  job_spec result;
  result.name = std::move(name);
  result.driver = driver_kind::simulated;
  result.simulate = {duration, exit_code};
  return result;
}

job_spec service_job(std::string name) {
  auto result = batch_job(std::move(name), std::chrono::milliseconds{0});
  result.kind = job_kind::service;
  return result;
}

job_spec only_on(const std::string& machine, job_spec x) {
  x.requirements.push_back({"machine", {machine}});
  return x;
}

} // namespace troupe::test
