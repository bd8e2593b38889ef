#include "tests/virtual_world/world.hpp"

#include <algorithm>

#include <caf/all.hpp>

#include "messages/interfaces.hpp"

#include "tests/virtual_world/cable.hpp"
#include "tests/virtual_world/text.hpp"

namespace troupe::test {

namespace {

using std::chrono::nanoseconds;

/// Lines that are kept: a test that says more has gone wild.
constexpr size_t lines_max = 1'000'000;

/// The wall clock's time when every virtual world begins: some day of 2027.
constexpr int64_t beginning_ms = 1'800'000'000'000;

timestamp read_wall(std::chrono::steady_clock::time_point now) {
  using std::chrono::milliseconds;
  return {
    beginning_ms
    + std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count()};
}

/// Puts the wall clock of virtual worlds in place, once for the program.
[[maybe_unused]] const auto wall_is_virtual
  = (wall_clock::read = read_wall, true);

} // namespace

virtual_world::config::config() {
  add_message_types<caf::id_block::troupe_atoms>();
  add_message_types<caf::id_block::troupe>();
  set("scheduler.policy", caf::atom("testing"));
}

virtual_world::virtual_world(uint64_t seed)
  : chance_(seed), shuffled_(seed != 0), system_(config_),
    scheduler_(
      dynamic_cast<caf::scheduler::test_coordinator&>(system_.scheduler())) {
  // nop
}

virtual_world::~virtual_world() {
  end();
}

void virtual_world::end() {
  // Actors that know each other keep each other alive, and one that wakes itself
  // keeps the system busy for ever.
  for (auto ended = false; !ended;) {
    ended = true;
    for (auto& x : std::exchange(seen_, {}))
      if (auto p = caf::actor_cast<caf::strong_actor_ptr>(x)) {
        ended = false;
        kill(caf::actor_cast<caf::actor>(p));
      }
    scheduler_.clock().cancel_all();
    settle();
    // Those that this ended are seen once more, and gone.
    std::erase_if(seen_, [](auto& x) {
      return caf::actor_cast<caf::strong_actor_ptr>(x) == nullptr;
    });
  }
}

virtual_world::time_point virtual_world::now() {
  return scheduler_.clock().now();
}

void virtual_world::fail_actor(const caf::actor& who) {
  auto* x = dynamic_cast<caf::scheduled_actor*>(
    caf::actor_cast<caf::abstract_actor*>(who));
  if (x == nullptr || x->getf(caf::abstract_actor::is_terminated_flag))
    return;
  auto why = caf::make_error(caf::sec::runtime_error, "a test made it fail");
  x->quit(why);
  // Otherwise it would end with the next message that it heard, which it would
  // still answer.
  x->on_exit();
  x->cleanup(std::move(why), nullptr);
}

std::vector<caf::actor> virtual_world::living(std::string_view type) const {
  std::vector<caf::actor> result;
  for (auto& x : seen_)
    if (auto p = caf::actor_cast<caf::strong_actor_ptr>(x))
      if (auto* local = dynamic_cast<caf::local_actor*>(p->get());
          local != nullptr && local->name() == type
          && !static_cast<caf::monitorable_actor*>(local)->getf(
            caf::abstract_actor::is_terminated_flag))
        result.push_back(caf::actor_cast<caf::actor>(p));
  return result;
}

// -- delivering --------------------------------------------------------------

bool virtual_world::step() {
  auto& jobs = scheduler_.jobs;
  if (jobs.empty())
    return false;
  if (shuffled_)
    std::swap(jobs.front(), jobs[chance_() % jobs.size()]);
  if (auto* actor = dynamic_cast<caf::scheduled_actor*>(jobs.front())) {
    seen_.insert(actor->address());
    note(*actor);
  }
  return scheduler_.try_run_once();
}

void virtual_world::settle() {
  while (step()) {
    // Until nobody has anything to hear.
  }
}

bool virtual_world::advance(time_point end) {
  auto& timers = scheduler_.clock().schedule();
  if (timers.empty() || timers.begin()->first > end) {
    if (now() < end)
      scheduler_.advance_time(end - now());
    return false;
  }
  scheduler_.advance_time(
    std::max(nanoseconds{timers.begin()->first - now()}, nanoseconds{0}));
  return true;
}

void virtual_world::pass(nanoseconds x) {
  auto end = now() + x;
  do
    settle();
  while (advance(end));
  settle();
}

bool virtual_world::pass_until(const std::function<bool()>& done,
                               nanoseconds limit) {
  auto end = now() + limit;
  while (!done())
    if (!step() && !advance(end))
      return done();
  return true;
}

bool virtual_world::pass_until_said(std::string_view part, nanoseconds limit) {
  auto before = count_said(part);
  auto known = lines_.size();
  return pass_until(
    [&] {
      auto found = lines_.size() > known
                   && lines_.back().find(part) != std::string::npos
                   && count_said(part) > before;
      known = lines_.size();
      return found;
    },
    limit);
}

// -- noting ------------------------------------------------------------------

std::string virtual_world::name_of(const caf::abstract_actor& x) const {
  if (auto* far = dynamic_cast<const wire*>(&x);
      far != nullptr && far->target())
    return name_of(*caf::actor_cast<caf::abstract_actor*>(far->target()));
  if (auto at = names_.find(x.id()); at != names_.end())
    return at->second;
  if (auto* local = dynamic_cast<const caf::local_actor*>(&x))
    return local->name();
  return "somebody";
}

void virtual_world::note(caf::scheduled_actor& receiver) {
  auto* element = receiver.peek_at_next_mailbox_element();
  if (element == nullptr || lines_.size() >= lines_max)
    return;
  auto text = text_of(element->content());
  if (!text)
    return;
  std::string sender = "nobody";
  if (element->sender) {
    auto& from = *caf::actor_cast<caf::abstract_actor*>(element->sender);
    if (&from == &receiver)
      return;
    sender = name_of(from);
  }
  lines_.push_back(sender + " -> " + name_of(receiver) + ": " + *text);
}

std::string virtual_world::transcript() const {
  std::string result;
  for (auto& x : lines_)
    result += x + '\n';
  return result;
}

size_t virtual_world::count_said(std::string_view part) const {
  return static_cast<size_t>(
    std::count_if(lines_.begin(), lines_.end(), [&](const std::string& x) {
      return x.find(part) != std::string::npos;
    }));
}

// -- fakes -------------------------------------------------------------------

caf::behavior virtual_world::nothing(caf::event_based_actor*) {
  return {[](atom::flush) {
    // A behavior must have something that it hears.
  }};
}

caf::actor virtual_world::spawn_fake(
  std::function<caf::behavior(caf::event_based_actor*)> make) {
  return system_.spawn([make](caf::event_based_actor* self) {
    // CAF's own `drop` answers with an error, which would end who spoke.
    self->set_default_handler(
      [](caf::scheduled_actor* x,
         caf::message_view& y) -> caf::result<caf::message> {
        if (y.content().match_elements<errand>())
          y.content().get_as<errand>(0).run();
        if (x->current_mailbox_element()->mid.is_request())
          return caf::sec::unexpected_message;
        return caf::delegated<caf::message>{};
      });
    return make(self);
  });
}

} // namespace troupe::test
