#include "tests/sim/ledger.hpp"

#include <algorithm>

#include "messages/json.hpp"

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

bool can_run(const ledger::node& x, const job_spec& spec) {
  return std::find(x.troubled.begin(), x.troubled.end(),
                   json::name_of(spec.driver))
         == x.troubled.end();
}

std::string gang_named_by(const job_spec& x) {
  if (x.gang)
    return x.gang->name.empty() ? x.name : x.gang->name;
  for (auto& y : x.labels)
    if (y.name == "pod-group")
      return y.value;
  return {};
}

void ledger::take(const event& x) {
  auto before = breaches.size();
  expect(x.version == version_ + 1, "versions have a gap");
  expect(x.time >= now_, "time goes backwards");
  version_ = x.version;
  now_ = x.time;
  if (!std::holds_alternative<task_preempted>(x.what)
      && !std::holds_alternative<place_held>(x.what)
      && !std::holds_alternative<gang_reserved>(x.what))
    expect(victims_.empty(), "somebody is preempted for nobody");
  std::visit([this](const auto& y) { on(y); }, x.what);
  settle_gangs();
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
  auto& known = owner->second.known;
  known = std::max(known, x.index + 1);
  return &owner->second.tasks[x.index];
}

// -- room --------------------------------------------------------------------

int32_t ledger::priority_of(const job& owner, const task& x) const {
  auto result = owner.spec->priority;
  if (x.spec)
    result = std::max(result, x.spec->priority);
  if (auto at = gangs_.find(gang_named_by(*owner.spec)); at != gangs_.end())
    for (auto& name : at->second.jobs)
      result = std::max(result, jobs_.at(name).spec->priority);
  return result;
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
  return owner != nullptr && y != nullptr && owner->wants(x.index)
         && y->state == task_state::stopped && y->why == reason::preempted;
}

/// A reservation is given up as a whole.
void ledger::drop_kept(task& x, const std::string& gang_name) {
  if (!x.kept)
    return;
  auto of_gang = x.kept->gang;
  x.kept.reset();
  auto at = gangs_.find(gang_name);
  if (of_gang && at != gangs_.end() && at->second.at == gang::phase::reserving)
    release(gang_name);
}

void ledger::drop_kept_on(const std::string& node) {
  for (auto& [job_name, owner] : jobs_)
    for (auto& [index, x] : owner.tasks)
      if (x.kept && x.kept->node == node)
        drop_kept(x, gang_named_by(*owner.spec));
}

void ledger::trim(job& owner) {
  while (owner.known > owner.wanted()
         && is_final(owner.member(owner.known - 1).state))
    owner.tasks.erase(--owner.known);
}

// -- members -------------------------------------------------------------------

const ledger::task& ledger::job::member(uint32_t index) const {
  static const task fresh;
  auto at = tasks.find(index);
  return at == tasks.end() ? fresh : at->second;
}

uint32_t ledger::job::live() const {
  return static_cast<uint32_t>(
    std::count_if(tasks.begin(), tasks.end(),
                  [](auto& x) { return holds_capacity(x.second.state); }));
}

bool ledger::job::waits() const {
  for (uint32_t i = 0; i < wanted(); ++i)
    if (member(i).state == task_state::pending)
      return !stopped;
  return false;
}

bool ledger::job::over() const {
  return live() == 0 && !waits()
         && (stopped || (spec->kind == job_kind::batch && !spec->schedule));
}

static bool has_done_its_work(task_state x) {
  return x == task_state::succeeded || x == task_state::cached;
}

bool ledger::is_met(const job& owner, const std::string& awaited) const {
  auto* other = find_job(awaited);
  if (other == nullptr || !other->over())
    return false;
  auto finished = std::any_of(
    owner.spec->after.begin(), owner.spec->after.end(), [&](auto& x) {
      return x.job == awaited && x.outcome == job_outcome::finished;
    });
  for (uint32_t i = 0; i < other->count && !finished; ++i)
    if (other->stopped || !has_done_its_work(other->member(i).state))
      return false;
  return true;
}

// -- gangs -----------------------------------------------------------------------

ledger::members ledger::members_of(const gang& x) const {
  members result;
  uint32_t min = 0;
  uint32_t max = 0;
  for (auto& name : x.jobs) {
    auto& owner = jobs_.at(name);
    result.priority = std::max(result.priority, owner.spec->priority);
    auto live = owner.live();
    if (owner.stopped && live == 0)
      continue;
    result.all += owner.stopped ? 0 : owner.wanted();
    result.live += live;
    if (owner.spec->gang) {
      min = std::max(min, owner.spec->gang->min);
      max = std::max(max, owner.spec->gang->max);
    }
    for (auto& [index, y] : owner.tasks) {
      result.done += y.state == task_state::succeeded ? 1 : 0;
      auto kept = y.kept && y.kept->gang && x.at != gang::phase::waiting;
      if (kept || (holds_capacity(y.state) && !y.stopping))
        ++result.able;
    }
  }
  result.min = min > 0 ? min : result.all;
  result.max = max > 0 ? max : result.all;
  return result;
}

void ledger::enter_gang(const std::string& name, job& owner) {
  if (name.empty())
    return;
  auto& x = gangs_[name];
  x.jobs.insert(owner.spec->name);
  if (owner.live() == 0)
    return;
  // It ran before it was a gang, and goes on.
  if (x.at == gang::phase::reserving)
    release(name);
  if (x.at == gang::phase::waiting) {
    auto all = members_of(x);
    x.at = gang::phase::running;
    x.needs = std::min(all.min, all.done + all.able);
  }
}

void ledger::leave_gang(const std::string& name, job& owner) {
  auto at = gangs_.find(name);
  if (at == gangs_.end())
    return;
  at->second.jobs.erase(owner.spec->name);
  if (at->second.jobs.empty())
    gangs_.erase(at);
}

void ledger::release(const std::string& name) {
  auto& x = gangs_.at(name);
  x.at = gang::phase::waiting;
  for (auto& job_name : x.jobs)
    for (auto& [index, y] : jobs_.at(job_name).tasks)
      if (y.kept && y.kept->gang)
        y.kept.reset();
}

/// Those of which nobody is left start again together, unless as many as are
/// needed have succeeded.
void ledger::settle_gangs() {
  for (auto& [name, x] : gangs_)
    if (x.at == gang::phase::running || x.at == gang::phase::broken)
      if (auto all = members_of(x);
          all.live == 0 && all.able == 0 && all.done < all.min)
        x.at = gang::phase::waiting;
}

void ledger::check_gangs() {
  for (auto& [name, x] : gangs_) {
    auto all = members_of(x);
    if (x.at == gang::phase::running)
      // Those that are stopped one and all do not run on.
      expect(all.able == 0 || all.able + all.done >= std::min(x.needs, all.all),
             "gang " + name + " runs with " + std::to_string(all.able)
               + " members, " + std::to_string(all.done)
               + " have succeeded, and it needs " + std::to_string(x.needs));
    else if (x.at == gang::phase::broken)
      expect(all.able == 0,
             "gang " + name + " has too few members, and some may go on");
    else
      expect(all.live == 0, "gang " + name + " runs before it is committed");
  }
}

void ledger::on(const gang_reserved& x) {
  auto of = gangs_.find(x.gang);
  if (of == gangs_.end())
    return expect(false, "a gang is reserved that is not there");
  expect(of->second.at == gang::phase::waiting,
         "a gang is reserved that does not wait");
  std::set<std::string> nodes;
  for (auto& place : x.places) {
    auto* y = task_called(place.task);
    auto at = nodes_.find(place.node);
    if (y == nullptr || at == nodes_.end())
      return expect(false, "it reserves what is not there");
    expect(of->second.jobs.contains(place.task.job),
           "it reserves for another gang");
    expect(y->state == task_state::pending && !y->kept,
           "it reserves for a member that does not wait");
    expect(jobs_.at(place.task.job).awaited.empty(),
           "it reserves for a member that awaits another job");
    expect(at->second.state == node_state::ready && !at->second.cordoned,
           "it reserves on a node that takes no work");
    kept_place kept{place.node, place.ports, {}, {}, x.until, true};
    for (auto id : x.awaits)
      if (auto* other = find(id); other != nullptr && other->node == place.node)
        kept.awaits.insert(id);
    y->kept = std::move(kept);
    nodes.insert(place.node);
  }
  of->second.at = gang::phase::reserving;
  for (auto& victim : x.victims)
    expect(victims_.erase(victim) == 1,
           to_string(victim) + " is called a victim and was not preempted");
  expect(victims_.empty(), "somebody is preempted for nobody");
  auto all = members_of(of->second);
  expect(all.able + all.done >= all.min, "it reserves too few places");
  for (auto& name : nodes)
    check_room(name);
}

void ledger::on(const gang_committed& x) {
  auto of = gangs_.find(x.gang);
  if (of == gangs_.end() || of->second.at != gang::phase::reserving)
    return expect(false, "a gang is committed that was not reserved");
  auto all = members_of(of->second);
  expect(all.able + all.done >= all.min,
         "it is committed with too few members");
  of->second.at = gang::phase::running;
  uint32_t said = 0;
  for (auto& name : of->second.jobs)
    if (auto& spec = *jobs_.at(name).spec; spec.gang)
      said = std::max(said, spec.gang->min);
  of->second.needs = said > 0 ? said : all.done + all.able;
}

void ledger::on(const gang_released& x) {
  if (auto of = gangs_.find(x.gang);
      of != gangs_.end() && of->second.at == gang::phase::reserving)
    release(x.gang);
}

void ledger::on(const gang_broken& x) {
  auto of = gangs_.find(x.gang);
  if (of == gangs_.end() || of->second.at != gang::phase::running)
    return expect(false, "a gang breaks that does not run");
  auto all = members_of(of->second);
  expect(all.able + all.done < of->second.needs,
         "a gang breaks that has all whom it needs");
  of->second.at = gang::phase::broken;
}

// -- schedules -------------------------------------------------------------------

void ledger::take_schedule(job& owner, const job_spec* before,
                           bool was_stopped) {
  if (!owner.spec->schedule) {
    owner.asleep = false;
    owner.queued_at = {};
    return;
  }
  auto had_one = before != nullptr && before->schedule.has_value();
  auto runs = owner.live() > 0;
  if (had_one)
    runs = !owner.asleep && (runs || owner.waits());
  runs = runs && !was_stopped;
  if (!had_one || before->schedule->cron != owner.spec->schedule->cron) {
    owner.ticked_at = now_;
    owner.queued_at = {};
  }
  owner.asleep = !runs;
}

void ledger::on(const job_ticked& x) {
  auto at = jobs_.find(x.job);
  if (at == jobs_.end() || !at->second.spec->schedule)
    return expect(false, "a job ticks that has no schedule");
  auto& owner = at->second;
  expect(!owner.stopped, "a stopped job ticks");
  expect(x.at <= now_, "it ticks before its time");
  if (x.outcome == tick_outcome::started && owner.queued_at
      && x.at == owner.queued_at) {
    expect(owner.live() == 0, "a run begins before the one before has ended");
  } else {
    // Every minute: the only schedule that scenarios have.
    auto minute = [](timestamp y) { return y.ms / 60'000; };
    expect(minute(x.at) == minute(owner.ticked_at) + x.count,
           "a tick is told twice, or is left out");
    owner.ticked_at = x.at;
  }
  if (x.outcome == tick_outcome::started)
    expect(owner.live() == 0, "a run begins while another is under way");
  if (x.outcome == tick_outcome::queued)
    owner.queued_at = x.at;
  if (x.outcome != tick_outcome::started && x.outcome != tick_outcome::replaced)
    return;
  owner.queued_at = {};
  owner.asleep = false;
  for (auto& [index, y] : owner.tasks) {
    if (index >= owner.count)
      continue;
    y.failures = 0;
    if (holds_capacity(y.state))
      continue;
    drop_kept(y, gang_named_by(*owner.spec));
    y.state = task_state::pending;
    y.not_before = {};
  }
}

void ledger::on(const job_dependency_met& x) {
  auto at = jobs_.find(x.job);
  if (at == jobs_.end() || !at->second.awaited.contains(x.awaited))
    return expect(false, "it awaits nobody of that name");
  expect(is_met(at->second, x.awaited), "what it awaits has not ended so");
  at->second.awaited.erase(x.awaited);
}

// -- jobs --------------------------------------------------------------------

void ledger::on(const job_submitted& x) {
  auto& owner = jobs_[x.job];
  for (auto& [index, y] : owner.tasks)
    expect(!holds_capacity(y.state), "it takes the place of a living job");
  if (owner.spec)
    leave_gang(gang_named_by(*owner.spec), owner);
  owner = {};
  owner.spec = x.spec;
  owner.count = owner.is_system() ? 0 : x.spec->count;
  for (auto& y : x.spec->after)
    owner.awaited.insert(y.job);
  take_schedule(owner, nullptr, false);
  enter_gang(gang_named_by(*x.spec), owner);
  owner.version = x.job_version;
  auto& most = accepted_[x.job];
  most = std::max(most, x.job_version);
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
  if (x.job_version != owner.version && !x.keeps_tasks)
    for (auto& [index, y] : owner.tasks)
      drop_kept(y, gang_named_by(*owner.spec));
  auto before = owner.spec;
  auto was_stopped = owner.stopped;
  std::set<std::string> awaited;
  for (auto& y : x.spec->after)
    if (owner.awaited.contains(y.job)
        || std::find(before->after.begin(), before->after.end(), y)
             == before->after.end())
      awaited.insert(y.job);
  owner.awaited = std::move(awaited);
  if (gang_named_by(*before) != gang_named_by(*x.spec))
    leave_gang(gang_named_by(*before), owner);
  owner.spec = x.spec;
  owner.version = x.job_version;
  owner.stopped = false;
  take_schedule(owner, before.get(), was_stopped);
  if (!owner.is_system())
    owner.count = x.spec->count;
  let_go(owner, owner.wanted());
  trim(owner);
  if (gang_named_by(*before) != gang_named_by(*x.spec))
    enter_gang(gang_named_by(*x.spec), owner);
  auto& most = accepted_[x.job];
  most = std::max(most, x.job_version);
  if (!x.key.empty())
    keys_[x.key].push_back(x.job);
}

void ledger::on(const job_scaled& x) {
  auto at = jobs_.find(x.job);
  if (at == jobs_.end())
    return expect(false, "it scales a job that is not there");
  auto& owner = at->second;
  if (owner.spec->schedule && owner.live() == 0
      && (owner.asleep || !owner.waits()))
    owner.asleep = true;
  owner.count = x.count;
  let_go(owner, owner.wanted());
  trim(owner);
}

void ledger::on(const job_surged& x) {
  auto at = jobs_.find(x.job);
  if (at == jobs_.end())
    return expect(false, "it surges a job that is not there");
  at->second.extra = x.extra;
  let_go(at->second, at->second.wanted());
  trim(at->second);
}

void ledger::let_go(job& owner, uint32_t first) {
  for (auto& [index, y] : owner.tasks)
    if (index >= first && !holds_capacity(y.state)) {
      y.forgotten = true;
      drop_kept(y, gang_named_by(*owner.spec));
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
  owner.awaited.clear();
  owner.queued_at = {};
  for (uint32_t i = 0; i < owner.known; ++i)
    owner.tasks.try_emplace(i);
  let_go(owner, 0);
}

void ledger::on(const job_forgotten& x) {
  auto at = jobs_.find(x.job);
  if (at == jobs_.end())
    return expect(false, "it forgets a job that is not there");
  for (auto& [index, y] : at->second.tasks)
    expect(!holds_capacity(y.state), "it forgets a living job");
  leave_gang(gang_named_by(*at->second.spec), at->second);
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
  expect(owner.awaited.empty(), "it is placed before what it awaits has ended");
  expect(!owner.asleep, "it is placed before its next tick");
  if (auto of = gangs_.find(gang_named_by(*owner.spec)); of != gangs_.end())
    expect(of->second.at == gang::phase::running,
           "a member is placed before its gang is committed");
  expect(owner.wants(x.task.index), "a task is placed that is not to exist");
  if (owner.is_system())
    expect(owner.present.at(x.task.index) == x.node,
           "it is placed elsewhere than on the node that it is for");
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
  expect(can_run(at->second, *owner.spec),
         "it is placed where its driver does not work");
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
  drop_kept(*y, gang_named_by(*jobs_.at(x.task.job).spec));
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
    if (x.state == task_state::succeeded && !y->stopping)
      mine.succeeded_at = now_;
    auto at = nodes_.find(x.node);
    mine.given_up
      = at != nodes_.end() && at->second.state == node_state::unhealthy;
  } else {
    expect((y->state == task_state::pending || y->forgotten)
             && x.state == task_state::stopped,
           "a task has ended that was nowhere");
  }
  auto service = jobs_.at(x.task.job).spec->kind != job_kind::batch;
  if (x.state == task_state::failed && !service)
    ++y->failures;
  y->why = x.why;
  y->given_up = x.state == task_state::lost;
  // One that was given up holds nothing any more.
  y->state = x.state == task_state::lost ? task_state::failed : x.state;
  y->not_before = {};
  auto& owner = jobs_.at(x.task.job);
  if (!owner.wants(x.task.index))
    y->forgotten = true;
  trim(owner);
}

void ledger::on(const task_requeued& x) {
  auto* y = task_called(x.task);
  if (y == nullptr)
    return;
  auto& owner = jobs_.at(x.task.job);
  expect(owner.wants(x.task.index), "a task waits again that is not to exist");
  // One that waits for a tick may be asked to run before.
  expect(is_final(y->state) || y->forgotten || owner.asleep,
         "a task waits again that has not ended");
  // Nobody asked for it: then it is one of the retries that it has.
  if (y->state == task_state::failed && !y->given_up && x.why != reason::none
      && x.why == y->why && owner.spec->kind == job_kind::batch)
    expect(y->failures <= owner.spec->retries || !y->spec
             || y->spec != owner.spec,
           "a task is tried more often than it may");
  y->state = task_state::pending;
  y->not_before = x.not_before;
  drop_kept(*y, gang_named_by(*owner.spec));
  owner.asleep = false;
}

// -- members that belong to nodes ------------------------------------------------

void ledger::on(const task_bound& x) {
  auto* y = task_called(x.task);
  auto at = nodes_.find(x.node);
  if (y == nullptr || at == nodes_.end())
    return expect(false, "it belongs to what is not there");
  auto& owner = jobs_.at(x.task.job);
  expect(at->second.state == node_state::ready, "its node is not there now");
  for (auto& rule : owner.spec->requirements)
    expect(satisfies(at->second.labels, rule),
           "its node has not what it requires");
  auto before = owner.members.try_emplace(x.node, x.task.index).first;
  expect(before->second == x.task.index, "its node has another one");
  expect(owner.present.emplace(x.task.index, x.node).second,
         "it belongs to another node");
  owner.count = std::max(owner.count, x.task.index + 1);
  if (holds_capacity(y->state))
    return;
  y->failures = 0;
  y->state = task_state::pending;
  y->not_before = {};
}

void ledger::on(const task_unbound& x) {
  if (task_called(x.task) == nullptr)
    return;
  auto& owner = jobs_.at(x.task.job);
  expect(owner.present.erase(x.task.index) == 1, "it belongs to no node");
  suspend(owner, x.task.index);
}

void ledger::suspend(job& owner, uint32_t index) {
  auto& y = owner.tasks[index];
  y.forgotten = true;
  if (y.state == task_state::pending || y.given_up)
    y.state = task_state::stopped;
}

void ledger::forget_members(const std::string& node) {
  for (auto& [name, owner] : jobs_) {
    auto at = owner.members.find(node);
    if (at == owner.members.end())
      continue;
    owner.present.erase(at->second);
    suspend(owner, at->second);
    owner.members.erase(at);
    owner.count = 0;
    for (auto& [other, index] : owner.members)
      owner.count = std::max(owner.count, index + 1);
    trim(owner);
  }
}

// -- results of others ----------------------------------------------------------

bool ledger::runs_cached() const {
  return std::any_of(jobs_.begin(), jobs_.end(), [](auto& x) {
    return x.second.spec->cache && x.second.live() > 0;
  });
}

void ledger::on(const cache_hit& x) {
  auto* y = task_called(x.task);
  if (y == nullptr)
    return;
  auto& owner = jobs_.at(x.task.job);
  auto& rule = owner.spec->cache;
  expect(owner.wants(x.task.index) && owner.awaited.empty() && !owner.asleep,
         "a task gets a result that is not to run");
  expect(y->state == task_state::pending || y->forgotten,
         "a task gets a result that does not wait");
  auto* ran = find(x.result.allocation);
  if (!rule || ran == nullptr)
    return expect(false, "a task gets a result that nobody asked for or made");
  expect(ran->task == x.result.task && ran->succeeded_at.has_value(),
         "a task gets the result of one that has not succeeded");
  expect(ran->spec->simulate == owner.spec->simulate
           && ran->spec->command == owner.spec->command,
         "a task gets the result of one that did something else");
  if (ran->succeeded_at)
    expect(now_ - *ran->succeeded_at <= rule->ttl || x.joined,
           "a task gets a result that is too old");
  drop_kept(*y, gang_named_by(*owner.spec));
  y->state = task_state::cached;
  y->why = reason::none;
  y->forgotten = false;
  trim(owner);
}

// -- places that are kept ------------------------------------------------------

void ledger::on(const task_preempted& x) {
  auto* y = task_called(x.task);
  auto* by = find_job(x.by.job);
  if (y == nullptr || by == nullptr)
    return;
  expect(holds_capacity(y->state) && y->node == x.node,
         "a task is preempted that is nowhere");
  expect(priority_of(jobs_.at(x.task.job), *y) < priority_of(*by, {}),
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
  auto gang = gangs_.find(gang_named_by(*jobs_.at(x.task.job).spec));
  auto whole = gang == gangs_.end() || gang->second.at == gang::phase::running;
  // It is no good to a task that could not be run there.
  auto works = !y->kept || !nodes_.contains(y->kept->node)
               || can_run(nodes_.at(y->kept->node), *jobs_.at(x.task.job).spec);
  expect(!whole || !works || !y->kept || y->kept->until <= now_,
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
  forget_members(x.node);
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

void ledger::on(const node_troubled& x) {
  auto at = nodes_.find(x.node);
  if (at == nodes_.end())
    return expect(false, "a node has troubles that is not there");
  at->second.troubled = x.drivers;
}

void ledger::on(const leader_elected&) {
  expect(version_ > term_, "terms do not rise");
  term_ = version_;
}

} // namespace troupe::sim
