#include "tests/flow/house.hpp"

#include <algorithm>

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
#include "actors/supervisor.hpp"
#include "actors/watch.hpp"

#include "tests/virtual_world/text.hpp"

namespace troupe::test {

house::house(uint64_t seed) : house(house_options{.seed = seed}) {
  // nop
}

house::house(house_options options)
  : world(options.seed), options_(std::move(options)),
    journal_core_(options_.journal),
    agents_(std::make_shared<agent_directory>()) {
  if (!journal_core_)
    journal_core_ = std::make_shared<runtime::memory_journal>();
  options_.node.cluster_id = journal_core_->cluster_id();
  options_.node.local_agents = agents_;
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
  std::vector<child_spec> children;
  children.push_back(
    {"journal", [this](caf::event_based_actor* self) {
       return keep(
         journal_,
         options_.make_journal
           ? options_.make_journal(self, journal_core_)
           : self->spawn(troupe::journal, options_.journaling, journal_core_));
     }});
  children.push_back(
    {"watch", [this](caf::event_based_actor* self) {
       return keep(watch_,
                   self->spawn(troupe::watch, watch_options{}, journal_));
     }});
  children.push_back({"scheduler", [this](caf::event_based_actor* self) {
                        return keep(scheduler_,
                                    self->spawn(troupe::scheduler,
                                                options_.scheduler, journal_,
                                                watch_, decisions_actor{}));
                      }});
  for (auto& strategy : options_.strategies)
    children.push_back(
      {"policy " + strategy, [this, strategy](caf::event_based_actor* self) {
         return keep(policy_,
                     self->spawn(troupe::policy, strategy, scheduler_, 1U));
       }});
  children.push_back(
    {"nodes", [this](caf::event_based_actor* self) {
       return keep(nodes_,
                   self->spawn(troupe::nodes, options_.node, scheduler_));
     }});
  supervisor_options root{"controller", restart_strategy::rest_for_one};
  root_ = world.system().spawn(supervisor, root, std::move(children));
  *controller_lives_ = true;
  root_->attach_functor(
    [lives = controller_lives_](const caf::error&) { *lives = false; });
  world.settle();
}

void house::kill_all(const std::vector<caf::actor>& xs) {
  // As when a process is killed, none of them hears another word.
  for (auto& x : xs)
    if (x)
      world.fail(x);
  world.settle();
}

void house::kill_controller() {
  if (!root_)
    return;
  std::vector<std::string> lost;
  for (auto& [name, x] : machines_)
    if (!x->link.is_cut()) {
      x->link.snap();
      lost.push_back(name);
    }
  // Its children end with it, and NODES passes that on to its own.
  kill_all({std::exchange(root_, nullptr),
            caf::actor_cast<caf::actor>(std::exchange(policy_, nullptr)),
            caf::actor_cast<caf::actor>(std::exchange(scheduler_, nullptr)),
            caf::actor_cast<caf::actor>(std::exchange(watch_, nullptr)),
            caf::actor_cast<caf::actor>(std::exchange(journal_, nullptr))});
  nodes_ = nullptr;
  for (auto& name : lost)
    machines_.at(name)->link.mend();
}

const runtime::cluster* house::cluster() const {
  using shell = scheduler_actor::stateful_base<scheduler_state>;
  auto* x = scheduler_ ? dynamic_cast<shell*>(
              caf::actor_cast<caf::abstract_actor*>(scheduler_))
                       : nullptr;
  auto lives = x != nullptr && has_controller()
               && !x->getf(caf::abstract_actor::is_terminated_flag);
  return lives ? x->state.core.get() : nullptr;
}

// -- machines ----------------------------------------------------------------

machine& house::start_machine(const std::string& name) {
  return start_machine(machine_options{.name = name});
}

machine& house::start_machine(machine_options options) {
  auto name = options.name;
  auto& at = machines_[name];
  if (!at)
    at = std::make_unique<machine>(world.system());
  auto* x = at.get();
  x->options = std::move(options);
  std::vector<child_spec> children;
  children.push_back({"driver", [this, x](caf::event_based_actor* self) {
                        return keep(x->driver,
                                    x->options.make_driver
                                      ? x->options.make_driver(self)
                                      : self->spawn(simulated_driver));
                      }});
  children.push_back({"agent", [this, x](caf::event_based_actor* self) {
                        agent_options wanted;
                        wanted.node = x->options.name;
                        wanted.drivers = {{driver_kind::simulated, x->driver}};
                        std::optional<runtime::agent_store> store;
                        if (!x->options.store.empty())
                          store = *runtime::agent_store::open(x->options.store);
                        return keep(x->agent,
                                    self->spawn(troupe::agent, wanted, store));
                      }});
  join_options join;
  join.profile.name = name;
  join.profile.capacity = x->options.capacity;
  join.profile.labels = x->options.labels;
  join.profile.labels.push_back({"machine", name});
  std::sort(join.profile.labels.begin(), join.profile.labels.end());
  join.profile.drivers = {"simulated"};
  join.seed = x->options.seed;
  join.local_controller = [this, name, x]() -> nodes_actor {
    if (!nodes_ || x->link.is_cut())
      return {};
    agents_->put(name, x->link.through(x->agent, cable_end::machine));
    return x->link.through(nodes_, cable_end::controller);
  };
  children.push_back({"join", [this, x, join](caf::event_based_actor* self) {
                        return keep(x->join,
                                    self->spawn(troupe::join, join, x->agent));
                      }});
  supervisor_options root{"node " + name, restart_strategy::rest_for_one};
  x->root = world.system().spawn(supervisor, root, std::move(children));
  world.settle();
  return *x;
}

void house::kill_machine(const std::string& name) {
  auto& x = *machines_.at(name);
  auto was_cut = x.link.is_cut();
  x.link.snap();
  agents_->remove(name);
  kill_all({std::exchange(x.root, nullptr),
            caf::actor_cast<caf::actor>(std::exchange(x.join, nullptr)),
            caf::actor_cast<caf::actor>(std::exchange(x.agent, nullptr)),
            caf::actor_cast<caf::actor>(std::exchange(x.driver, nullptr))});
  if (!was_cut)
    x.link.mend();
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
  result.restart.attempts = 0;
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
