#include "actors/decisions.hpp"

#include "runtime/log.hpp"

namespace troupe {

namespace log = runtime::log;

decisions_kept decisions_state::keep(const runtime::decision_batch& x) {
  auto now = self->clock().now();
  // What comes meanwhile is given up. Then all of it is asked for again.
  if (retry_at && now < *retry_at)
    return {};
  if (std::exchange(retry_at, std::nullopt) && !x.whole)
    return {true, {}};
  auto bytes = file->keep(x);
  if (!bytes) {
    log::warn("decisions are not kept for after a restart: {}", bytes.error());
    retry_at = now + options.retry;
    return {};
  }
  return {file->is_long(), milliseconds{*bytes / options.bytes_per_ms}};
}

decisions_actor::behavior_type decisions_state::make_behavior() {
  return {[this](const keep_decisions& x) { return keep(*x.batch); }};
}

decisions_actor::behavior_type
decisions(decisions_actor::stateful_pointer<decisions_state> self,
          decisions_options options) {
  auto& state = self->state;
  state.options = std::move(options);
  state.file.emplace(state.options.file, state.options.cluster_id);
  return state.make_behavior();
}

} // namespace troupe
