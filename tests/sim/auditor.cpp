#include "tests/sim/auditor.hpp"

#include <algorithm>

#include "runtime/recovery.hpp"

#include "actors/clock.hpp"

#include "tests/virtual_world/text.hpp"

namespace troupe::sim {

namespace {

/// As a line of the history names it.
std::string text_of(const real_run& x) {
  return to_string(x.item.task) + " attempt " + std::to_string(x.item.attempt)
         + " as " + std::to_string(x.item.allocation.value) + " on "
         + x.machine;
}

} // namespace

auditor::auditor(const runtime::journal& journal, const truth& world,
                 std::function<time_point()> now)
  : journal_(journal), truth_(world), now_(std::move(now)) {
  // nop
}

void auditor::expect(bool holds, const std::string& what) {
  if (!holds)
    breaches_.push_back(what);
}

std::vector<std::string> auditor::breaches() const {
  auto result = breaches_;
  result.insert(result.end(), ledger_.breaches.begin(), ledger_.breaches.end());
  return result;
}

// -- facts -------------------------------------------------------------------

void auditor::look() {
  if (journal_.version() == ledger_.version())
    return;
  if (journal_.version() < ledger_.version())
    return expect(false, "the journal lacks facts that it had");
  auto read = journal_.read(
    ledger_.version() + 1, [&](uint64_t version, std::string_view line) {
      auto x = read_line(version, line);
      expect(x.has_value(), "the journal holds what is no fact");
      if (!x)
        return false;
      // The attempt that it ends is not the present one any more afterwards.
      if (auto* ended = std::get_if<task_ended>(&x->what))
        check_ended(*ended);
      ledger_.take(*x);
      if (auto* started = std::get_if<task_started>(&x->what))
        check_started(*started);
      follower_.apply(*x);
      return true;
    });
  expect(read.has_value(), "the journal cannot be read");
  ledger_.check_gangs();
}

void auditor::check_started(const task_started& x) {
  auto* task = ledger_.find_task(x.task);
  if (task == nullptr)
    return;
  expect(truth_.last_of({task->allocation, task->attempt}) != nullptr,
         to_string(x.task) + " has started, and nothing ran");
}

void auditor::check_ended(const task_ended& x) {
  auto* task = ledger_.find_task(x.task);
  if (task == nullptr || !holds_capacity(task->state))
    return;
  auto who = to_string(x.task) + " attempt " + std::to_string(x.attempt) + ": ";
  auto& nodes = ledger_.nodes();
  auto node = nodes.find(x.node);
  auto silent
    = node == nodes.end() || node->second.state == node_state::unhealthy;
  auto runs = truth_.of(task->allocation);
  auto alive = std::any_of(runs.begin(), runs.end(), [&](auto* y) {
    return y->alive(now_()) && (!x.restarts || y->item.attempt == x.attempt);
  });
  expect(!alive || silent,
         who
           + (x.restarts ? "it runs, and is said to have ended"
                         : "it runs, and its capacity is free"));
  auto* last = truth_.last_of({task->allocation, x.attempt});
  auto known = last != nullptr && !alive && last->known;
  if (x.exit_code)
    expect(known && last->exit_code == *x.exit_code,
           who + "its exit code is not the one that it had");
  if (x.why == reason::unhealthy)
    expect(last != nullptr && last->sick <= now_(),
           who + "it was well, and is said to be unhealthy");
  if (x.state == task_state::succeeded)
    expect(known && last->exit_code == 0, who + "it did not succeed");
  // Its machine knew how it ended, and there was nobody who could not be asked.
  auto lost = x.state == task_state::lost
              || (x.why == reason::node_lost && !x.exit_code);
  expect(!lost || silent || !known || alive,
         who + "it is lost, though its machine knew how it ended");
}

// -- what really runs --------------------------------------------------------

void auditor::see_begin(const real_run& x) {
  look();
  auto who = text_of(x) + ": ";
  auto* place = ledger_.find(x.item.allocation);
  expect(place != nullptr, who + "it runs before its place is durable");
  if (place == nullptr)
    return;
  expect(place->task == x.item.task && place->attempt <= x.item.attempt
           && place->node == x.machine,
         who + "it runs elsewhere than where it was placed");
  expect(!place->ended || place->given_up,
         who + "it begins after it has ended");
  check_restarts(x);
  for (auto* other : truth_.alive(now_())) {
    if (other == &x || other->item.task != x.item.task)
      continue;
    auto* earlier = ledger_.find(other->item.allocation);
    expect(earlier != place
             && ((earlier != nullptr && earlier->given_up) || place->given_up),
           who + "it begins while it runs as " + text_of(*other));
  }
  check_room(x);
}

/// Each attempt runs once, and a machine begins the next no earlier and no more
/// often than the job allows. Its window is longer than a scenario.
void auditor::check_restarts(const real_run& x) {
  auto who = text_of(x) + ": ";
  auto runs = truth_.of(x.item.allocation);
  auto& rule = x.item.spec->restart;
  expect(runs.size() <= rule.attempts + 1,
         who + "it was started more often than it may be");
  for (auto* earlier : runs)
    if (earlier != &x) {
      expect(earlier->item.attempt < x.item.attempt,
             who + "it was started a second time");
      expect(earlier->ends + rule.delay <= x.began,
             who + "it began before its delay was over");
    }
}

void auditor::check_room(const real_run& x) {
  auto node = ledger_.nodes().find(x.machine);
  if (node == ledger_.nodes().end())
    return;
  resources used;
  std::set<uint16_t> ports;
  for (auto* y : truth_.alive(now_())) {
    if (y->machine != x.machine)
      continue;
    used += y->item.spec->request;
    for (auto& port : y->item.ports)
      expect(ports.insert(port.host).second, text_of(x) + ": port "
                                               + std::to_string(port.host)
                                               + " is taken by two");
  }
  expect(fits(used, node->second.profile.capacity),
         text_of(x) + ": more runs there than there is room for");
}

// -- what users are told -----------------------------------------------------

void auditor::hear_answer(const command& what, const outcome& told) {
  look();
  auto text = test::text_of(what) + ": ";
  expect(told.version <= journal_.version(),
         text + "it was answered before it was durable");
  for (auto& x : told.jobs)
    expect(ledger_.accepted_version(x.name) >= x.version,
           text + "it was answered and is not in the journal");
  auto* submission = std::get_if<submit_jobs>(&what);
  if (submission == nullptr || submission->key.empty())
    return;
  std::vector<std::string> names;
  for (auto& x : told.jobs)
    names.push_back(x.name);
  expect(ledger_.jobs_of_key(submission->key) == names,
         text + "its key has made other jobs than it was told of");
  auto [at, is_new] = answers_.try_emplace(submission->key, told.jobs);
  expect(is_new || at->second == told.jobs,
         text + "its key was answered differently before");
}

void auditor::hear_view(version_number version) {
  expect(version <= journal_.version(), "a view shows what is not durable");
}

// -- comparing ---------------------------------------------------------------

void auditor::compare(const runtime::cluster& live) {
  look();
  if (auto wrong = live.check_invariants(); !wrong.empty())
    expect(false, "the scheduler's cluster is not sound: " + wrong);
  if (live.version() == follower_.version())
    expect(live.digest() == follower_.digest(),
           "the scheduler's cluster is not what its facts add up to");
}

void auditor::recover() {
  look();
  auto read = runtime::recover(journal_);
  expect(read.has_value(), "the journal cannot be recovered");
  if (!read)
    return;
  expect(read->state->version() == follower_.version()
           && read->state->digest() == follower_.digest(),
         "what the journal and its snapshot add up to is not what was");
}

// -- the end -----------------------------------------------------------------

std::vector<std::string>
auditor::unfinished(const std::vector<std::string>& machines) const {
  std::vector<std::string> result;
  auto unless = [&](bool holds, const std::string& what) {
    if (!holds)
      result.push_back(what);
  };
  for (auto& name : machines) {
    auto at = ledger_.nodes().find(name);
    unless(at != ledger_.nodes().end() && at->second.state == node_state::ready,
           "node " + name + " is not ready");
  }
  for (auto* x : truth_.alive(now_())) {
    auto* task = ledger_.find_task(x->item.task);
    unless(task != nullptr && holds_capacity(task->state)
             && task->allocation == x->item.allocation && !task->stopping,
           text_of(*x) + " runs, and nobody wants it");
    // Whoever is to fall sick is waited for, or most would be well until then.
    unless(x->sick == real_run::never,
           text_of(*x) + " is sick, and nobody ends it");
  }
  for (auto& [name, owner] : ledger_.jobs())
    for (auto& node : machines)
      unless(!lacks_member(owner, node), name + " has no task on " + node);
  for (auto& [name, owner] : ledger_.jobs())
    for (uint32_t i = 0; i < owner.count; ++i) {
      auto found = owner.tasks.find(i);
      auto state = found == owner.tasks.end() ? task_state::pending
                                              : found->second.state;
      auto who = name + '.' + std::to_string(i);
      if (!owner.wants(i) || is_final(state))
        continue;
      auto runs = state == task_state::running
                  && !truth_.of(found->second.allocation).empty()
                  && !found->second.stopping;
      auto waits = state == task_state::pending && may_wait(owner, i);
      unless(runs || waits, who
                              + (state == task_state::pending
                                   ? " waits, and there is room for it"
                                   : " is neither running nor final"));
    }
  return result;
}

/// Whether a system job has no task on `name`, where it should.
bool auditor::lacks_member(const ledger::job& owner,
                           const std::string& name) const {
  auto at = ledger_.nodes().find(name);
  if (!owner.is_system() || owner.stopped || at == ledger_.nodes().end())
    return false;
  auto& node = at->second;
  auto& rules = owner.spec->requirements;
  auto member = owner.members.find(name);
  return node.state == node_state::ready && !node.cordoned
         && std::all_of(rules.begin(), rules.end(),
                        [&](auto& x) { return satisfies(node.labels, x); })
         && (member == owner.members.end() || !owner.wants(member->second));
}

/// Whether `owner` has a reason not to have a place for a member that waits.
bool auditor::may_wait(const ledger::job& owner, uint32_t index) const {
  auto& x = owner.member(index);
  auto now = wall_clock::read(now_());
  if (x.kept)
    return false;
  if (x.not_before > now)
    return true;
  if (owner.spec->cache && ledger_.runs_cached())
    return true;
  if (!owner.awaited.empty())
    return std::none_of(
      owner.awaited.begin(), owner.awaited.end(),
      [&](const std::string& name) { return ledger_.is_met(owner, name); });
  if (owner.asleep)
    return now.ms / 60'000 == owner.ticked_at.ms / 60'000;
  if (owner.is_system()) {
    auto& name = owner.present.at(index);
    auto& node = ledger_.nodes().at(name);
    return node.state != node_state::ready || node.cordoned || node.quarantined
           || !suits(*owner.spec, node, ledger_.room_on(name));
  }
  if (may_stand_back(owner))
    return true;
  auto gang = ledger_.gangs().find(gang_named_by(*owner.spec));
  if (gang == ledger_.gangs().end())
    return !fits_somewhere(owner);
  if (gang->second.at != ledger::gang::phase::running)
    return !fits_as_whole(gang->second);
  auto all = ledger_.members_of(gang->second);
  return all.able + all.done >= all.max || !fits_somewhere(owner);
}

/// By brute force, each where it fits first: whether all whom a gang needs could
/// have places now.
bool auditor::fits_as_whole(const ledger::gang& gang) const {
  auto all = ledger_.members_of(gang);
  std::map<std::string, ledger::room> rooms;
  for (auto& [name, node] : ledger_.nodes())
    if (node.state == node_state::ready && !node.cordoned && !node.quarantined)
      rooms.emplace(name, ledger_.room_on(name, all.priority));
  auto found = all.done;
  auto take_place = [&](const job_spec& spec) {
    for (auto& [name, room] : rooms) {
      if (!suits(spec, ledger_.nodes().at(name), room))
        continue;
      room.free -= spec.request;
      for (auto& port : spec.ports)
        room.ports.insert(port.host);
      ++found;
      return;
    }
  };
  for (auto& name : gang.jobs) {
    auto& owner = ledger_.jobs().at(name);
    if (owner.stopped || !owner.awaited.empty() || owner.asleep)
      continue;
    for (uint32_t i = 0; i < owner.wanted(); ++i) {
      auto& x = owner.member(i);
      if (x.state == task_state::pending
          && x.not_before <= wall_clock::read(now_()))
        take_place(*owner.spec);
    }
  }
  return all.all >= all.min && found >= all.min && found > all.done;
}

/// Whether a task of `spec` could go to `node`, if `room` is left there.
bool auditor::suits(const job_spec& spec, const ledger::node& node,
                    const ledger::room& room) {
  return fits(spec.request, room.free) && can_run(node, spec)
         && std::all_of(spec.requirements.begin(), spec.requirements.end(),
                        [&](auto& x) { return satisfies(node.labels, x); })
         && std::none_of(spec.ports.begin(), spec.ports.end(), [&](auto& x) {
              return x.host != 0 && room.ports.contains(x.host);
            });
}

/// Whether places may be kept for another job that waits, until those have ended
/// who have said how long they run.
bool auditor::may_stand_back(const ledger::job& owner) const {
  auto said = false;
  auto other_waits = false;
  for (auto& [name, job] : ledger_.jobs()) {
    other_waits = other_waits || (&job != &owner && job.waits());
    for (auto& [index, x] : job.tasks)
      said = said
             || (holds_capacity(x.state)
                 && std::max(x.spec->timeout, x.spec->expected_runtime).count()
                      > 0);
  }
  return said && other_waits;
}

/// By brute force: whether a task of `owner` could go to any node now, or there
/// is somebody who must make room for it.
bool auditor::fits_somewhere(const ledger::job& owner) const {
  auto& spec = *owner.spec;
  for (auto& [name, node] : ledger_.nodes()) {
    if (node.state != node_state::ready || node.cordoned || node.quarantined)
      continue;
    if (suits(spec, node, ledger_.room_on(name, spec.priority)))
      return true;
  }
  return false;
}

} // namespace troupe::sim
