#include "tests/sim/simulation.hpp"

#include <algorithm>
#include <atomic>

#include <caf/all.hpp>
#include <unistd.h>

#include "messages/json.hpp"

#include "runtime/recovery.hpp"

#include "tests/virtual_world/text.hpp"

namespace troupe::sim {

namespace {

using namespace std::chrono_literals;

/// Facts after which the scheduler's cluster is compared with them.
constexpr version_number compare_every = 25;
/// How long a user waits for an answer before asking again.
constexpr auto answer_patience = 5s;
/// After all is healed: how long it may take until all is well. Longer than any
/// silence, delay and run of a scenario.
constexpr auto rest_max = 400s;
/// Steps of one seed: more means that somebody talks without end.
constexpr size_t steps_max = 400'000;

/// A folder of its own for each simulation of this process.
std::filesystem::path new_folder() {
  static std::atomic<uint64_t> count = 0;
  return std::filesystem::temp_directory_path()
         / ("troupe-sim-" + std::to_string(getpid()) + '-'
            + std::to_string(++count));
}

/// FNV-1a, a line at a time.
void mix(uint64_t& to, std::string_view x) {
  for (auto c : x)
    to = (to ^ static_cast<unsigned char>(c)) * 1'099'511'628'211U;
  to = (to ^ '\n') * 1'099'511'628'211U;
}

/// JOURNAL that answers before it writes.
journal_actor hasty_journal(caf::event_based_actor* parent,
                            std::shared_ptr<runtime::journal> core) {
  auto actor
    = parent->spawn([core](caf::event_based_actor* self) -> caf::behavior {
        self->set_default_handler(caf::drop);
        return {
          [core](load_cluster) {
            return loaded_cluster{runtime::recover(*core)->state, "simulated"};
          },
          [core, self](const append_events& x) {
            std::vector<std::string> lines;
            for (auto& y : *x.batch.events)
              lines.push_back(write_line(y));
            self->delayed_send(self, 100ms, test::errand{[core, lines] {
                                 static_cast<void>(
                                   core->append(core->version(), lines));
                               }});
            return appended{x.batch.events->back().version, {}};
          },
          [](test::errand& x) { x.run(); },
        };
      });
  return caf::actor_cast<journal_actor>(actor);
}

/// Whether something runs on a node that had been given up there.
bool has_strays(const runtime::cluster& x) {
  return std::any_of(x.nodes().begin(), x.nodes().end(),
                     [](auto& node) { return !node.second.strays.empty(); });
}

} // namespace

/// What a user asks, until it is answered.
struct simulation::request {
  command what;
  /// How often it is sent once more after it was answered.
  uint32_t again = 0;
  std::shared_ptr<const test::answer<command_answer>> answer;
  bool heard = false;
  bool is_repeated = false;
};

simulation::simulation(scenario plan, mutant planted)
  : plan_(std::move(plan)), mutant_(planted),
    disk_(std::make_shared<disk>(planted)), stores_(new_folder()) {
  test::house_options options;
  // 0 is first come, first served.
  options.seed = plan_.seed;
  options.journal = disk_;
  options.strategies = {plan_.strategy};
  if (plan_.strategy != "binpack")
    options.strategies.emplace_back("binpack");
  options.journaling.snapshot_after = plan_.snapshot_after;
  options.journaling.tick_interval = 5s;
  if (mutant_ == mutant::answers_before_append)
    options.make_journal = hasty_journal;
  house_ = std::make_unique<test::house>(std::move(options));
  auditor_ = std::make_unique<auditor>(*disk_, truth_,
                                       [this] { return house_->world.now(); });
  truth_.on_begin = [this](const real_run& x) { auditor_->see_begin(x); };
}

simulation::~simulation() {
  // The house may still do what it was about to, and nobody looks any more.
  truth_.on_begin = nullptr;
  house_ = nullptr;
  std::error_code ignored;
  std::filesystem::remove_all(stores_, ignored);
}

// -- time --------------------------------------------------------------------

void simulation::note(const std::string& what) {
  house_->world.note(what);
}

void simulation::later(milliseconds pause, std::function<void()> what) {
  agenda_.emplace(house_->world.now() + pause, std::move(what));
}

void simulation::look() {
  ++steps_;
  auditor_->look();
  for (auto& x : open_)
    if (x->answer && x->answer->is_there() && !x->heard)
      hear(x);
  std::erase_if(open_, [](auto& x) { return x->heard; });
  auto* live = house_->cluster();
  auto is_due = disk_->version() >= compared_ + compare_every;
  if (is_due)
    compared_ = disk_->version();
  // What no fact tells of lasts only a moment.
  if (live != nullptr && (is_due || has_strays(*live)))
    auditor_->compare(*live);
}

bool simulation::step() {
  if (!house_->world.step())
    return false;
  look();
  return true;
}

void simulation::pass_to(time_point end) {
  while (auditor_->breaches().empty() && steps_ < steps_max) {
    auto next = agenda_.empty() ? end : std::min(end, agenda_.begin()->first);
    static_cast<void>(house_->world.pass_until(
      [&] {
        look();
        // Who talks without end may leave no time to pass.
        return house_->world.now() >= next || steps_ >= steps_max
               || !auditor_->is_well();
      },
      next - house_->world.now()));
    // The controller's supervisor has given up: somebody starts it anew.
    if (!house_->has_controller() && !controller_due_)
      lose_controller(1s);
    if (agenda_.empty() || agenda_.begin()->first > end)
      return;
    auto what = std::move(agenda_.begin()->second);
    agenda_.erase(agenda_.begin());
    what();
  }
}

// -- switching on --------------------------------------------------------------

void simulation::start_controller() {
  controller_due_ = false;
  disk_->open();
  note("the controller starts");
  house_->start_controller();
}

void simulation::switch_on(const machine_plan& plan) {
  if (house_->has_machine(plan.name))
    return;
  auto& engine = engines_.at(plan.name);
  test::machine_options options;
  options.name = plan.name;
  options.capacity = plan.capacity;
  options.labels = plan.labels;
  options.seed = plan_.seed;
  if (mutant_ != mutant::forgets_accepted)
    options.store = stores_ / plan.name;
  options.make_driver = [x = engine.get()](caf::event_based_actor* self) {
    return spawn_driver(self, *x);
  };
  note(plan.name + " is switched on");
  house_->start_machine(std::move(options));
}

// -- users -------------------------------------------------------------------

void simulation::happen(const ask& x) {
  auto request = std::make_shared<simulation::request>();
  request->what = x.what;
  request->again = x.times - 1;
  open_.push_back(request);
  send(request);
}

void simulation::send(const std::shared_ptr<request>& x) {
  if (x->heard)
    return;
  auto what = x->what;
  if (auto* y = std::get_if<submit_jobs>(&what);
      y != nullptr && mutant_ == mutant::ignores_keys && x->is_repeated)
    y->key = {};
  if (house_->has_controller() && house_->scheduler())
    x->answer = house_->world.ask<command_answer>(house_->scheduler(),
                                                  run_command{std::move(what)});
  // Without a key nobody can tell whether it was heard: it is asked once.
  auto* submission = std::get_if<submit_jobs>(&x->what);
  if (submission != nullptr && submission->key.empty() && x->answer)
    return;
  later(answer_patience, [this, x, asked = x->answer] {
    if (x->answer == asked && !x->heard)
      send(x);
  });
}

void simulation::hear(const std::shared_ptr<request>& x) {
  if (!x->answer->value) {
    // Who answers was killed: asked again when patience has run out.
    x->answer = nullptr;
    return;
  }
  if (!x->answer->value->refused)
    auditor_->hear_answer(x->what, x->answer->value->done);
  x->heard = true;
  if (x->again == 0)
    return;
  auto once_more = std::make_shared<request>(*x);
  --once_more->again;
  once_more->is_repeated = true;
  once_more->heard = false;
  once_more->answer = nullptr;
  later(100ms, [this, once_more] {
    open_.push_back(once_more);
    send(once_more);
  });
}

// -- faults ------------------------------------------------------------------

void simulation::happen(const break_cable& x) {
  if (!house_->has_machine(x.machine))
    return;
  auto& link = house_->at(x.machine).link;
  switch (x.how) {
  case cable_fault::cut:
    link.cut();
    break;
  case cable_fault::to_machine:
    link.cut_to(test::cable_end::machine);
    break;
  case cable_fault::to_controller:
    link.cut_to(test::cable_end::controller);
    break;
  case cable_fault::stall:
    link.stall();
    break;
  }
  auto mine = ++cable_faults_[x.machine];
  later(x.lasts, [this, x, mine] {
    if (cable_faults_[x.machine] != mine)
      return;
    auto& y = house_->at(x.machine).link;
    if (x.how != cable_fault::stall || x.noticed)
      y.snap();
    y.mend();
    note("cable of " + x.machine + " mended");
  });
}

void simulation::lose_controller(milliseconds lasts) {
  controller_due_ = true;
  house_->kill_controller();
  look();
  later(lasts, [this] { start_controller(); });
}

void simulation::happen(const kill_controller& x) {
  if (!house_->has_controller() || controller_due_)
    return;
  if (!x.in_append)
    return lose_controller(x.lasts);
  // The journal's actor is in the middle of its handler: its answer is lost with
  // it if nothing else is delivered first.
  auto struck = std::make_shared<bool>(false);
  disk_->after_append = [struck] { *struck = true; };
  auto end = house_->world.now() + 5s;
  while (!*struck && house_->world.now() < end && auditor_->breaches().empty())
    if (!step())
      pass_to(house_->world.now() + 10ms);
  disk_->after_append = nullptr;
  if (house_->has_controller() && !controller_due_)
    lose_controller(x.lasts);
}

void simulation::happen(const kill_machine& x) {
  if (!house_->has_machine(x.machine))
    return;
  auto& engine = *engines_.at(x.machine);
  if (x.how == machine_fault::switched_off) {
    static_cast<void>(house_->world.ask<all_tasks_ended>(
      house_->at(x.machine).agent, end_all_tasks{}));
    // It is given some time for that, and then ended all the same.
    pass_to(house_->world.now() + 2s);
    if (!house_->has_machine(x.machine))
      return;
  }
  house_->kill_machine(x.machine);
  if (x.how == machine_fault::power_cut)
    engine.lose_power(house_->world.now());
  else
    engine.lose_process();
  look();
  auto plan = std::find_if(plan_.machines.begin(), plan_.machines.end(),
                           [&](auto& y) { return y.name == x.machine; });
  later(x.lasts, [this, plan] { switch_on(*plan); });
}

void simulation::happen(const kill_actor& x) {
  auto fail = [this](const auto& who) {
    if (who)
      house_->world.fail(who);
  };
  if (!x.machine.empty()) {
    if (!house_->has_machine(x.machine))
      return;
    auto& y = house_->at(x.machine);
    if (x.role == "agent")
      fail(y.agent);
    else if (x.role == "driver")
      fail(y.driver);
    else
      fail(y.join);
    if (x.role == "driver")
      engines_.at(x.machine)->lose_process();
  } else if (x.role == "node" || x.role == "task") {
    if (auto all = house_->world.living(x.role); !all.empty())
      fail(all[plan_.seed % all.size()]);
  } else if (house_->has_controller()) {
    if (x.role == "journal")
      fail(house_->journal());
    else if (x.role == "watch")
      fail(house_->watch());
    else if (x.role == "scheduler")
      fail(house_->scheduler());
    else if (x.role == "policy")
      fail(house_->policy());
    else
      fail(house_->nodes());
  }
}

void simulation::happen(const spoil_disk& x) {
  disk_->spoil(x.how);
  if (x.how == disk_fault::full)
    later(x.lasts, [this] {
      note("the disk has space again");
      disk_->free();
    });
}

void simulation::happen(const hang_driver& x) {
  engines_.at(x.machine)->hangs_until = house_->world.now() + x.lasts;
}

// -- the two phases ----------------------------------------------------------

void simulation::heal() {
  note("all is healed");
  healing_ = true;
  disk_->free();
  for (auto& x : plan_.machines) {
    engines_.at(x.name)->hangs_until = {};
    switch_on(x);
    auto& link = house_->at(x.name).link;
    ++cable_faults_[x.name];
    if (link.is_cut()) {
      link.snap();
      link.mend();
    }
    command what = cordon_node{x.name, false};
    happen(ask{std::move(what)});
  }
}

void simulation::come_to_rest() {
  std::vector<std::string> machines;
  for (auto& x : plan_.machines)
    machines.push_back(x.name);
  auto end = house_->world.now() + rest_max;
  // Nobody need be well all at once: a service that fails again and again never
  // is. Each must have been so once.
  std::optional<std::set<std::string>> open;
  while (house_->world.now() < end && auditor_->breaches().empty()) {
    pass_to(house_->world.now() + 5s);
    auto now = auditor_->unfinished(machines);
    std::set<std::string> still;
    for (auto& x : now)
      if (!open || open->contains(x))
        still.insert(x);
    open = std::move(still);
    if (open->empty() && agenda_.empty() && open_.empty())
      return;
  }
  if (open && auditor_->breaches().empty())
    for (auto& x : *open)
      auditor_->complain("not well in the end: " + x);
}

verdict simulation::run() {
  for (auto& x : plan_.machines) {
    engines_.emplace(x.name,
                     std::make_unique<engine>(x.name, plan_.habits,
                                              plan_.seed * 31 + engines_.size(),
                                              truth_, mutant_));
    agenda_.emplace(house_->world.now() + x.joins_at,
                    [this, &x] { switch_on(x); });
  }
  start_controller();
  auto begin = house_->world.now();
  for (auto& x : plan_.moments)
    agenda_.emplace(begin + x.at, [this, &x] {
      for (uint32_t i = 0; i < x.deliveries && step(); ++i) {
        // Until it happens.
      }
      note(text_of(x.what));
      std::visit([this](auto& y) { happen(y); }, x.what);
    });
  pass_to(begin + plan_.length);
  if (auditor_->breaches().empty()) {
    heal();
    come_to_rest();
  }
  if (auditor_->breaches().empty()) {
    if (auto* live = house_->cluster())
      auditor_->compare(*live);
    auditor_->recover();
  }
  verdict result;
  result.breaches = auditor_->breaches();
  if (steps_ >= steps_max)
    result.breaches.emplace_back("somebody talks without end");
  result.digest = digest();
  result.facts = disk_->version();
  result.runs = truth_.size();
  result.virtual_time
    = std::chrono::duration_cast<milliseconds>(house_->world.now() - begin);
  if (!result.breaches.empty())
    result.history
      = house_->world.transcript() + "\nfacts:\n" + house_->story();
  return result;
}

uint64_t simulation::digest() const {
  uint64_t result = 14'695'981'039'346'656'037U;
  for (auto& x : house_->world.lines())
    mix(result, x);
  static_cast<void>(
    disk_->read(disk_->oldest_version(), [&](uint64_t, std::string_view x) {
      mix(result, x);
      return true;
    }));
  return result;
}

verdict run_seed(uint64_t seed, mutant planted) {
  simulation x{draw_scenario(seed), planted};
  return x.run();
}

} // namespace troupe::sim
