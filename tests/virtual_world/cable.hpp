#pragma once

#include <array>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include <caf/actor_cast.hpp>
#include <caf/actor_proxy.hpp>
#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/mailbox_element.hpp>

namespace troupe::test {

class cable;

/// The process at an end of a cable.
enum class cable_end : uint8_t { controller, machine };

/// An actor as it is seen from the other end of a cable.
class wire : public caf::actor_proxy {
public:
  wire(caf::actor_config& config, cable* owner, caf::strong_actor_ptr target,
       cable_end at)
    : caf::actor_proxy(config), owner_(owner), target_(std::move(target)),
      at_(at) {}

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override;
  void kill_proxy(caf::execution_unit* context, caf::error reason) override;
  const char* name() const override { return "wire"; }
  [[nodiscard]] const caf::strong_actor_ptr& target() const { return target_; }

private:
  cable* owner_;
  caf::strong_actor_ptr target_;
  /// Where the target lives.
  cable_end at_;
};

/// The network between two processes that a test keeps in one actor system. Like
/// CAF's own, it loses what is under way when it is cut, tells neither end at
/// first, and never brings a dead connection's handles back to life.
class cable {
public:
  explicit cable(caf::actor_system& system) : system_(system) {}
  cable(const cable&) = delete;
  cable& operator=(const cable&) = delete;
  ~cable();

  /// `x`, which lives at the end `at`, as the other end sees it. What goes
  /// through by it brings its sender, and a session that it holds, through as
  /// well.
  template <class Handle>
  [[nodiscard]] Handle
  through(const Handle& x, cable_end at = cable_end::machine) {
    return caf::actor_cast<Handle>(
      wire_to(caf::actor_cast<caf::strong_actor_ptr>(x), at));
  }

  /// Loses all that is said from now on. Nobody is told.
  void cut() { cut_ = {true, true}; }
  /// The same for what is said to one end only.
  void cut_to(cable_end end) { cut_[static_cast<size_t>(end)] = true; }
  /// Lets nothing arrive before `mend`, and then everything in its order.
  void stall() { stalled_ = true; }
  /// Tells both ends that the connection is lost. It stays so until `mend`.
  void snap();
  /// Lets everything through again, and new connections.
  void mend();
  /// Whether no new connection can be made.
  [[nodiscard]] bool is_cut() const { return cut_[0] || cut_[1] || stalled_; }

private:
  friend class wire;
  [[nodiscard]] caf::strong_actor_ptr
  wire_to(const caf::strong_actor_ptr& x, cable_end at);
  void end_wire(caf::actor_id id, const caf::error& why);
  void deliver(const caf::strong_actor_ptr& target, cable_end at,
               caf::mailbox_element_ptr what);

  caf::actor_system& system_;
  /// [end] Whether what is said to it is lost.
  std::array<bool, 2> cut_{};
  bool stalled_ = false;
  /// What was said since it stalled, with whom it was said to.
  std::vector<std::pair<caf::strong_actor_ptr, caf::mailbox_element_ptr>> held_;
  /// Whose end the other end has not yet been told.
  std::vector<std::pair<caf::actor_id, caf::error>> ended_;
  std::map<caf::actor_id, caf::strong_actor_ptr> wires_;
  /// Outlived by the functors that watch the ends of targets.
  std::shared_ptr<cable*> alive_ = std::make_shared<cable*>(this);
};

} // namespace troupe::test
