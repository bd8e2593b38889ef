#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>

#include "actors/clock.hpp"

namespace troupe::test {

/// The answer to `virtual_world::ask`, once there is one.
template <class Result>
struct answer {
  std::optional<Result> value;
  caf::error failure;
  [[nodiscard]] bool is_there() const { return value || failure; }
};

/// Something for a fake to do.
struct errand {
  std::function<void()> run;
};

/// An actor system in one thread, with a clock that only moves when told to.
///
/// One message is delivered at a time. Which actor hears next is a function of
/// the seed; with seed 0, the one that has waited longest. The wall clock follows
/// the virtual one, from the same moment in every world. What is said is noted
/// as it is delivered, one line for each message: `journal -> scheduler:
/// appended(3)`. Ticks, measurements, heartbeats and what an actor says to itself
/// are not noted.
class virtual_world {
public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit virtual_world(uint64_t seed = 0);
  virtual_world(const virtual_world&) = delete;
  virtual_world& operator=(const virtual_world&) = delete;
  ~virtual_world();

  /// Ends every actor. Called first by the end of whatever they refer to.
  void end();

  [[nodiscard]] caf::actor_system& system() { return system_; }
  [[nodiscard]] time_point now();
  /// The same of the wall clock.
  [[nodiscard]] timestamp wall() { return wall_clock::read(now()); }

  /// Delivers one message. Returns false if nobody has anything to hear now.
  bool step();
  /// Delivers everything, while time stands still.
  void settle();
  /// Lets time pass, and delivers what is due on the way.
  void pass(std::chrono::nanoseconds x);
  /// Goes on, for `limit` at most, until `done`. Returns whether it is.
  [[nodiscard]] bool
  pass_until(const std::function<bool()>& done, std::chrono::nanoseconds limit);
  /// The same until a line with `part` is noted; its message is delivered.
  [[nodiscard]] bool
  pass_until_said(std::string_view part, std::chrono::nanoseconds limit);

  /// Names an actor in the transcript.
  template <class Handle>
  void name(const Handle& who, std::string as) {
    names_[caf::actor_cast<caf::actor_addr>(who).id()] = std::move(as);
  }

  /// An actor of a test, named `as`, that stands in for a role. What `make`'s
  /// behavior does not handle is dropped, or refused if it is a request.
  template <class Handle>
  [[nodiscard]] Handle
  fake(std::string as,
       std::function<caf::behavior(caf::event_based_actor*)> make = nothing) {
    auto result = caf::actor_cast<Handle>(spawn_fake(std::move(make)));
    name(result, std::move(as));
    return result;
  }

  /// Lets a fake run `what` when it is heard next: answers that were promised can
  /// only be given by who promised them.
  template <class Handle>
  void let(const Handle& fake, std::function<void()> what) {
    caf::anon_send(caf::actor_cast<caf::actor>(fake), errand{std::move(what)});
  }

  /// Asks `whom` as `client`. Nothing is delivered yet.
  template <class Result, class Handle, class Message>
  [[nodiscard]] std::shared_ptr<const answer<Result>>
  ask(const Handle& whom, Message x) {
    auto result = std::make_shared<answer<Result>>();
    auto client = system_.spawn([=](caf::event_based_actor* self) {
      self->request(whom, caf::infinite, x)
        .then([result](Result& y) { result->value = std::move(y); },
              [result](caf::error& y) { result->failure = std::move(y); });
    });
    name(client, "client");
    return result;
  }

  /// Ends `who` at once, as an exception in a handler would: what it has not
  /// heard yet is lost, and what it does when it is told to stop is left out.
  template <class Handle>
  void fail(const Handle& who) {
    fail_actor(caf::actor_cast<caf::actor>(who));
  }

  /// Ends `who`, and whoever is linked to it.
  template <class Handle>
  void kill(const Handle& who) {
    caf::anon_send_exit(who, caf::exit_reason::kill);
  }

  /// Actors of a type, such as `task`, that have heard something and live, oldest
  /// first.
  [[nodiscard]] std::vector<caf::actor> living(std::string_view type) const;

  /// Becomes true with the end of `who`.
  template <class Handle>
  [[nodiscard]] std::shared_ptr<const bool> end_of(const Handle& who) {
    auto result = std::make_shared<bool>(false);
    who->attach_functor([result](const caf::error&) { *result = true; });
    return result;
  }

  /// Notes what a test does, between what is said.
  void note(const std::string& what) { lines_.push_back("-- " + what); }
  /// What was said since `forget_transcript`, in order.
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  [[nodiscard]] std::string transcript() const;
  void forget_transcript() { lines_.clear(); }
  /// Lines that hold `part`.
  [[nodiscard]] size_t count_said(std::string_view part) const;

private:
  struct config : caf::actor_system_config {
    config();
  };

  static void fail_actor(const caf::actor& who);
  static caf::behavior nothing(caf::event_based_actor* self);
  caf::actor
  spawn_fake(std::function<caf::behavior(caf::event_based_actor*)> make);
  [[nodiscard]] std::string name_of(const caf::abstract_actor& x) const;
  void note(caf::scheduled_actor& receiver);
  /// Moves the clock to the next timer, at most to `end`. Returns false there.
  bool advance(time_point end);

  config config_;
  std::mt19937_64 chance_;
  bool shuffled_;
  std::map<caf::actor_id, std::string> names_;
  std::vector<std::string> lines_;
  std::set<caf::actor_addr> seen_;
  caf::actor_system system_;
  caf::scheduler::test_coordinator& scheduler_;
};

} // namespace troupe::test

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::test::errand)
