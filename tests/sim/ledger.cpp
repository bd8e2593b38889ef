#include "tests/sim/ledger.hpp"

#include <algorithm>

#include "tests/virtual_world/text.hpp"

namespace troupe::sim {

bool satisfies(const label_set& labels, const label_requirement& x) {
  auto at = std::find_if(labels.begin(), labels.end(),
                         [&](const label& y) { return y.name == x.name; });
  return std::any_of(
    x.values.begin(), x.values.end(), [&](const std::string& wanted) {
      if (wanted == "*")
        return at != labels.end();
      if (wanted.starts_with('!'))
        return at == labels.end() || at->value != wanted.substr(1);
      return at != labels.end() && at->value == wanted;
    });
}

void ledger::take(const event& x) {
  auto before = breaches.size();
  expect(x.version == version_ + 1, "versions have a gap");
  expect(x.time >= now_, "time goes backwards");
  version_ = x.version;
  now_ = x.time;
  if (!std::holds_alternative<task_preempted>(x.what)
      && !std::holds_alternative<place_held>(x.what))
    expect(victims_.empty(), "somebody is preempted for nobody");
  std::visit([this](const auto& y) { on(y); }, x.what);
  for (auto i = before; i < breaches.size(); ++i)
    breaches[i] += ": " + test::text_of(x);
}

void ledger::expect(bool holds, const std::string& what) {
  if (!holds)
    breaches.push_back(what);
}

const ledger::job* ledger::find_job(const std::string& name) const {
  auto at = jobs_.find(name);
  return at == jobs_.end() ? nullptr : &at->second;
}

const ledger::task* ledger::find_task(const task_ref& x) const {
  auto* owner = find_job(x.job);
  if (owner == nullptr)
    return nullptr;
  auto at = owner->tasks.find(x.index);
  return at == owner->tasks.end() ? nullptr : &at->second;
}

const ledger::allocation* ledger::find(allocation_id x) const {
  auto at = allocations_.find(x);
  return at == allocations_.end() ? nullptr : &at->second;
}

std::vector<std::string> ledger::jobs_of_key(const std::string& key) const {
  auto at = keys_.find(key);
  return at == keys_.end() ? std::vector<std::string>{} : at->second;
}

uint32_t ledger::accepted_version(const std::string& name) const {
  auto at = accepted_.find(name);
  return at == accepted_.end() ? 0 : at->second;
}

ledger::task* ledger::task_called(const task_ref& x) {
  auto owner = jobs_.find(x.job);
  if (owner == jobs_.end()) {
    expect(false, "it is about a job that is not there");
    return nullptr;
  }
  return &owner->second.tasks[x.index];
}

// -- room --------------------------------------------------------------------

int32_t ledger::priority_of(const job& owner, const task& x) {
  return x.spec ? std::max(owner.spec->priority, x.spec->priority)
                : owner.spec->priority;
}

ledger::room ledger::room_on(const std::string& name, int32_t priority) const {
  room result{nodes_.at(name).profile.capacity, {}};
  std::set<allocation_id> leaving;
  auto take = [&](const resources& what, const std::vector<port_binding>& at) {
    result.free -= what;
    for (auto& port : at)
      result.ports.insert(port.host);
  };
  for (auto& [job_name, owner] : jobs_)
    for (auto& [index, x] : owner.tasks)
      if (x.kept && x.kept->node == name) {
        take(owner.spec->request, x.kept->ports);
        leaving.insert(x.kept->awaits.begin(), x.kept->awaits.end());
      }
  for (auto& [job_name, owner] : jobs_)
    for (auto& [index, x] : owner.tasks)
      if (holds_capacity(x.state) && x.node == name
          && !leaving.contains(x.allocation)
          && priority_of(owner, x) >= priority)
        take(x.spec->request, x.ports);
  return result;
}

void ledger::check_room(const std::string& name) {
  auto& capacity = nodes_.at(name).profile.capacity;
  resources held;
  std::set<uint16_t> ports;
  for (auto& [job_name, owner] : jobs_)
    for (auto& [index, x] : owner.tasks)
      if (holds_capacity(x.state) && x.node == name) {
        held += x.spec->request;
        for (auto& port : x.ports)
          expect(ports.insert(port.host).second,
                 "port " + std::to_string(port.host) + " of " + name
                   + " is held twice");
      }
  expect(fits(held, capacity),
         "more is reserved on " + name + " than there is");
  expect(fits({}, room_on(name).free),
         "more is kept on " + name + " than there is");
}

/// Whoever is given a place that was kept: all others have left it.
void ledger::check_kept(const task& x, const std::string& node) {
  if (!x.kept)
    return;
  expect(x.kept->node == node, "it is placed elsewhere than it was kept for");
  for (auto id : x.kept->awaits)
    expect(allocations_.at(id).ended,
           "it gets a place that somebody has not left");
  for (auto& victim : x.kept->victims)
    expect(!is_owed_a_wait(victim),
           to_string(victim) + " does not wait, and its place is given away");
}

bool ledger::is_owed_a_wait(const task_ref& x) const {
  auto* owner = find_job(x.job);
  auto* y = find_task(x);
  return owner != nullptr && y != nullptr && !owner->stopped
         && x.index < owner->wanted() && y->state == task_state::stopped
         && y->why == reason::preempted;
}

void ledger::drop_kept_on(const std::string& node) {
  for (auto& [job_name, owner] : jobs_)
    for (auto& [index, x] : owner.tasks)
      if (x.kept && x.kept->node == node)
        x.kept.reset();
}

// -- jobs --------------------------------------------------------------------

void ledger::on(const job_submitted& x) {
  auto& owner = jobs_[x.job];
  for (auto& [index, y] : owner.tasks)
    expect(!holds_capacity(y.state), "it takes the place of a living job");
  owner = {};
  owner.spec = x.spec;
  owner.count = x.spec->count;
  auto& most = accepted_[x.job];
  most = std::max(most, 1U);
  if (!x.key.empty())
    keys_[x.key].push_back(x.job);
}

void ledger::on(const job_updated& x) {
  auto at = jobs_.find(x.job);
  if (at == jobs_.end())
    return expect(false, "it updates a job that is not there");
  auto& owner = at->second;
  expect(x.job_version == owner.version || x.job_version == owner.version + 1,
         "job versions have a gap");
  if (x.job_version != owner.version)
    for (auto& [index, y] : owner.tasks)
      y.kept.reset();
  owner.spec = x.spec;
  owner.version = x.job_version;
  owner.count = x.spec->count;
  owner.stopped = false;
  let_go(owner, owner.wanted());
  auto& most = accepted_[x.job];
  most = std::max(most, x.job_version);
  if (!x.key.empty())
    keys_[x.key].push_back(x.job);
}

void ledger::on(const job_scaled& x) {
  auto at = jobs_.find(x.job);
  if (at == jobs_.end())
    return expect(false, "it scales a job that is not there");
  at->second.count = x.count;
  let_go(at->second, at->second.wanted());
}

void ledger::on(const job_surged& x) {
  auto at = jobs_.find(x.job);
  if (at == jobs_.end())
    return expect(false, "it surges a job that is not there");
  at->second.extra = x.extra;
  let_go(at->second, at->second.wanted());
}

void ledger::let_go(job& owner, uint32_t first) {
  for (auto& [index, y] : owner.tasks)
    if (index >= first && !holds_capacity(y.state)) {
      y.forgotten = true;
      y.kept.reset();
      if (y.state == task_state::pending)
        y.state = task_state::stopped;
    }
}

void ledger::on(const job_stopped& x) {
  auto at = jobs_.find(x.job);
  if (at == jobs_.end())
    return expect(false, "it stops a job that is not there");
  auto& owner = at->second;
  owner.stopped = true;
  for (uint32_t i = 0; i < owner.wanted(); ++i)
    owner.tasks.try_emplace(i);
  let_go(owner, 0);
}

void ledger::on(const job_forgotten& x) {
  auto at = jobs_.find(x.job);
  if (at == jobs_.end())
    return expect(false, "it forgets a job that is not there");
  for (auto& [index, y] : at->second.tasks)
    expect(!holds_capacity(y.state), "it forgets a living job");
  jobs_.erase(at);
}

// -- tasks -------------------------------------------------------------------

void ledger::on(const task_placed& x) {
  auto* y = task_called(x.task);
  auto at = nodes_.find(x.node);
  if (y == nullptr)
    return;
  if (at == nodes_.end())
    return expect(false, "it is placed on a node that is not there");
  auto& owner = jobs_.at(x.task.job);
  expect(!owner.stopped, "a stopped job is placed");
  expect(x.task.index < owner.wanted(), "a task beyond the count is placed");
  expect(y->state == task_state::pending
           || (y->forgotten && !holds_capacity(y->state)),
         "a task is placed that does not wait");
  expect(y->not_before <= now_, "it is placed before its delay is over");
  expect(x.attempt == y->attempt + 1 || (y->forgotten && x.attempt == 1),
         "attempts are not counted one by one");
  expect(at->second.state == node_state::ready && !at->second.cordoned,
         "it is placed on a node that takes no work");
  for (auto& rule : owner.spec->requirements)
    expect(satisfies(at->second.labels, rule),
           "it is placed where the labels forbid it");
  check_kept(*y, x.node);
  y->kept.reset();
  y->state = task_state::placed;
  y->attempt = x.attempt;
  y->allocation = {version_};
  y->node = x.node;
  y->spec = owner.spec;
  y->ports = x.ports;
  y->stopping = false;
  y->restart = false;
  y->forgotten = false;
  if (x.attempt == 1)
    y->failures = 0;
  allocations_[y->allocation] = {x.task, x.attempt, x.node, owner.spec};
  check_room(x.node);
}

void ledger::on(const task_starting& x) {
  auto* y = task_called(x.task);
  if (y == nullptr)
    return;
  expect(y->state == task_state::placed || y->state == task_state::starting,
         "a task starts that was not placed");
  expect(y->node == x.node, "another node says so");
  y->state = task_state::starting;
}

void ledger::on(const task_started& x) {
  auto* y = task_called(x.task);
  if (y == nullptr)
    return;
  expect(y->state == task_state::placed || y->state == task_state::starting,
         "a task has started that was not starting");
  expect(y->node == x.node, "another node says so");
  y->state = task_state::running;
}

void ledger::on(const task_stopping& x) {
  auto* y = task_called(x.task);
  if (y == nullptr)
    return;
  expect(holds_capacity(y->state), "a task is stopped that is nowhere");
  y->stopping = true;
  y->restart = x.restart;
}

void ledger::on(const task_ended& x) {
  auto* y = task_called(x.task);
  if (y == nullptr)
    return;
  expect(is_final(x.state) || x.state == task_state::lost,
         "it has ended as what is no end");
  y->kept.reset();
  if (holds_capacity(y->state)) {
    expect(x.attempt == y->attempt && x.node == y->node,
           "another attempt has ended than the present one");
    auto& mine = allocations_.at(y->allocation);
    if (x.restarts) {
      expect(++mine.restarts <= mine.spec->restart.attempts,
             "it is started again more often than it may be");
      ++y->attempt;
      y->state = task_state::starting;
      return;
    }
    mine.ended = true;
    auto at = nodes_.find(x.node);
    mine.given_up
      = at != nodes_.end() && at->second.state == node_state::unhealthy;
  } else {
    expect((y->state == task_state::pending || y->forgotten)
             && x.state == task_state::stopped,
           "a task has ended that was nowhere");
  }
  auto service = jobs_.at(x.task.job).spec->kind == job_kind::service;
  if (x.state == task_state::failed && !service)
    ++y->failures;
  y->why = x.why;
  y->given_up = x.state == task_state::lost;
  // One that was given up holds nothing any more.
  y->state = x.state == task_state::lost ? task_state::failed : x.state;
  y->not_before = {};
  auto& owner = jobs_.at(x.task.job);
  if (x.task.index >= owner.wanted() || owner.stopped)
    y->forgotten = true;
}

void ledger::on(const task_requeued& x) {
  auto* y = task_called(x.task);
  if (y == nullptr)
    return;
  auto& owner = jobs_.at(x.task.job);
  expect(!owner.stopped, "a task of a stopped job waits again");
  expect(is_final(y->state) || y->forgotten,
         "a task waits again that has not ended");
  // Nobody asked for it: then it is one of the retries that it has.
  if (y->state == task_state::failed && !y->given_up && x.why != reason::none
      && x.why == y->why && owner.spec->kind == job_kind::batch)
    expect(y->failures <= owner.spec->retries || !y->spec
             || y->spec != owner.spec,
           "a task is tried more often than it may");
  y->state = task_state::pending;
  y->not_before = x.not_before;
  y->kept.reset();
}

// -- places that are kept ------------------------------------------------------

void ledger::on(const task_preempted& x) {
  auto* y = task_called(x.task);
  auto* by = find_job(x.by.job);
  if (y == nullptr || by == nullptr)
    return;
  expect(holds_capacity(y->state) && y->node == x.node,
         "a task is preempted that is nowhere");
  expect(priority_of(jobs_.at(x.task.job), *y) < by->spec->priority,
         "it counts no less than whom it makes room for");
  y->stopping = true;
  y->restart = true;
  victims_.insert(x.task);
}

void ledger::on(const place_held& x) {
  auto* y = task_called(x.task);
  auto at = nodes_.find(x.node);
  if (y == nullptr || at == nodes_.end())
    return expect(y == nullptr, "a place is kept on a node that is not there");
  expect(y->state == task_state::pending || y->forgotten,
         "a place is kept for a task that does not wait");
  expect(at->second.state == node_state::ready && !at->second.cordoned,
         "a place is kept on a node that takes no work");
  y->kept
    = {x.node, x.ports, {x.awaits.begin(), x.awaits.end()}, x.victims, x.until};
  for (auto& victim : x.victims)
    expect(victims_.erase(victim) == 1,
           to_string(victim) + " is called a victim and was not preempted");
  expect(victims_.empty(), "somebody is preempted for nobody");
  for (auto& victim : x.victims) {
    // Were he spared, would it fit?
    auto* spared = task_called(victim);
    auto without = room_on(x.node);
    without.free -= spared->spec->request;
    auto same_port = [&](const port_binding& p) {
      return std::any_of(x.ports.begin(), x.ports.end(),
                         [&](auto& q) { return q.host == p.host; });
    };
    expect(
      !fits({}, without.free)
        || std::any_of(spared->ports.begin(), spared->ports.end(), same_port),
      to_string(victim) + " is preempted in vain");
  }
  check_room(x.node);
}

void ledger::on(const place_released& x) {
  auto* y = task_called(x.task);
  if (y == nullptr)
    return;
  expect(y->kept.has_value(), "a place is given up that was not kept");
  expect(!y->kept || y->kept->until <= now_,
         "a place is given up before its time");
  y->kept.reset();
}

// -- nodes -------------------------------------------------------------------

void ledger::on(const node_joined& x) {
  auto& y = nodes_[x.node];
  y.profile = x.profile;
  y.labels = x.profile.labels;
  y.state = node_state::ready;
}

void ledger::on(const node_unhealthy& x) {
  auto at = nodes_.find(x.node);
  if (at == nodes_.end() || at->second.state != node_state::ready)
    return expect(false, "a node is unhealthy that was not ready");
  at->second.state = node_state::unhealthy;
  drop_kept_on(x.node);
}

void ledger::on(const node_ready& x) {
  auto at = nodes_.find(x.node);
  if (at == nodes_.end())
    return expect(false, "a node is ready that is not there");
  at->second.state = node_state::ready;
}

void ledger::on(const node_removed& x) {
  for (auto& [job_name, owner] : jobs_)
    for (auto& [index, y] : owner.tasks)
      expect(!holds_capacity(y.state) || y.node != x.node,
             "a node is removed that has tasks");
  drop_kept_on(x.node);
  expect(nodes_.erase(x.node) == 1, "a node is removed that is not there");
}

void ledger::on(const node_cordoned& x) {
  auto at = nodes_.find(x.node);
  if (at == nodes_.end())
    return expect(false, "a node is cordoned that is not there");
  at->second.cordoned = x.cordoned;
  if (x.cordoned)
    drop_kept_on(x.node);
}

void ledger::on(const node_draining& x) {
  auto at = nodes_.find(x.node);
  if (at == nodes_.end())
    return expect(false, "a node is drained that is not there");
  at->second.cordoned = true;
  drop_kept_on(x.node);
}

void ledger::on(const node_quarantined& x) {
  auto at = nodes_.find(x.node);
  if (at == nodes_.end())
    return expect(false, "a node is quarantined that is not there");
  at->second.quarantined = x.quarantined;
}

void ledger::on(const leader_elected&) {
  expect(version_ > term_, "terms do not rise");
  term_ = version_;
}

} // namespace troupe::sim
