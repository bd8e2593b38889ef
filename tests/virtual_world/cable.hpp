#pragma once

#include <map>
#include <memory>

#include <caf/actor_cast.hpp>
#include <caf/actor_proxy.hpp>
#include <caf/actor_system.hpp>

namespace troupe::test {

class cable;

/// An actor as it is seen from the other end of a cable.
class wire : public caf::actor_proxy {
public:
  wire(caf::actor_config& config, cable* owner, caf::strong_actor_ptr target)
    : caf::actor_proxy(config), owner_(owner), target_(std::move(target)) {}

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override;
  void kill_proxy(caf::execution_unit* context, caf::error reason) override;
  const char* name() const { return "wire"; }
  [[nodiscard]] const caf::strong_actor_ptr& target() const { return target_; }

private:
  cable* owner_;
  caf::strong_actor_ptr target_;
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

  /// `x`, as the other end sees it. What goes through by it brings its sender,
  /// and a session that it holds, through as well.
  template <class Handle>
  [[nodiscard]] Handle through(const Handle& x) {
    return caf::actor_cast<Handle>(
      wire_to(caf::actor_cast<caf::strong_actor_ptr>(x)));
  }

  /// Loses all that is said from now on. Nobody is told.
  void cut() { cut_ = true; }
  /// Tells both ends that the connection is lost. It stays so until `mend`.
  void snap();
  /// Lets new connections through.
  void mend() { cut_ = false; }
  [[nodiscard]] bool is_cut() const { return cut_; }

private:
  friend class wire;
  [[nodiscard]] caf::strong_actor_ptr wire_to(const caf::strong_actor_ptr& x);
  void
  deliver(const caf::strong_actor_ptr& target, caf::mailbox_element_ptr what);

  caf::actor_system& system_;
  bool cut_ = false;
  std::map<caf::actor_id, caf::strong_actor_ptr> wires_;
  /// Outlived by the functors that watch the ends of targets.
  std::shared_ptr<cable*> alive_ = std::make_shared<cable*>(this);
};

} // namespace troupe::test
