#include "tests/virtual_world/cable.hpp"

#include <caf/all.hpp>

#include "messages/interfaces.hpp"

namespace troupe::test {

void wire::enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) {
  if (owner_ != nullptr && target_)
    owner_->deliver(target_, at_, std::move(what));
}

void wire::kill_proxy(caf::execution_unit* context, caf::error reason) {
  owner_ = nullptr;
  target_ = nullptr;
  cleanup(std::move(reason), context);
}

cable::~cable() {
  snap();
}

void cable::snap() {
  cut();
  stalled_ = false;
  held_.clear();
  ended_.clear();
  for (auto& [id, x] : std::exchange(wires_, {}))
    static_cast<wire*>(x->get())->kill_proxy(
      nullptr, caf::exit_reason::remote_link_unreachable);
}

void cable::mend() {
  cut_ = {};
  stalled_ = false;
  for (auto& [target, what] : std::exchange(held_, {}))
    target->get()->enqueue(std::move(what), nullptr);
  for (auto& [id, why] : std::exchange(ended_, {}))
    end_wire(id, why);
}

void cable::end_wire(caf::actor_id id, const caf::error& why) {
  auto at = wires_.find(id);
  if (at == wires_.end())
    return;
  auto dead = at->second;
  wires_.erase(at);
  static_cast<wire*>(dead->get())->kill_proxy(nullptr, why);
}

caf::strong_actor_ptr
cable::wire_to(const caf::strong_actor_ptr& x, cable_end at) {
  if (!x || dynamic_cast<wire*>(x->get()) != nullptr)
    return x;
  auto id = x->id();
  if (auto known = wires_.find(id); known != wires_.end())
    return known->second;
  caf::actor_config config;
  auto result = caf::make_actor<wire, caf::strong_actor_ptr>(
    system_.next_actor_id(), system_.node(), &system_, config, this, x, at);
  wires_.emplace(id, result);
  // The end of an actor is told to the other end: when a stall is over, and never
  // if the cable is cut.
  x->get()->attach_functor(
    [id, weak = std::weak_ptr<cable*>(alive_)](const caf::error& why) {
      auto owner = weak.lock();
      if (!owner)
        return;
      if ((*owner)->is_cut())
        (*owner)->ended_.emplace_back(id, why);
      else
        (*owner)->end_wire(id, why);
    });
  return result;
}

void cable::deliver(const caf::strong_actor_ptr& target, cable_end at,
                    caf::mailbox_element_ptr what) {
  if (cut_[static_cast<size_t>(at)])
    return;
  auto other
    = at == cable_end::machine ? cable_end::controller : cable_end::machine;
  auto sender = wire_to(what->sender, other);
  auto id = what->mid;
  auto message = what->move_content_to_message();
  if (message.size() == 1 && message.match_element<attach_session>(0)) {
    auto x = message.get_as<attach_session>(0);
    x.session = through(x.session, other);
    message = caf::make_message(std::move(x));
  }
  auto element
    = caf::make_mailbox_element(std::move(sender), id, {}, std::move(message));
  if (stalled_)
    held_.emplace_back(target, std::move(element));
  else
    target->get()->enqueue(std::move(element), nullptr);
}

} // namespace troupe::test
