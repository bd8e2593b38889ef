#include "runtime/node.hpp"

#include "messages/contract.hpp"

namespace troupe::runtime {

node::node(node_options options, time_point now)
  : options_(options), last_beat_(now) {
  // nop
}

std::optional<node_state> node::beat(time_point now) {
  TROUPE_ASSERT(now >= last_beat_);
  if (state_ == node_state::removed)
    return std::nullopt;
  last_beat_ = now;
  return move_to(node_state::ready);
}

std::optional<node_state> node::tick(time_point now) {
  TROUPE_ASSERT(now >= last_beat_);
  auto silence = now - last_beat_;
  if (state_ == node_state::removed
      || silence > options_.unhealthy_after + options_.removed_after)
    return move_to(node_state::removed);
  if (silence > options_.unhealthy_after)
    return move_to(node_state::unhealthy);
  return std::nullopt;
}

std::optional<node_state> node::move_to(node_state next) {
  if (state_ == next)
    return std::nullopt;
  state_ = next;
  return next;
}

} // namespace troupe::runtime
