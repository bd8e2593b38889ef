#pragma once

#include <chrono>
#include <memory>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/metrics/controller_meters.hpp"
#include "runtime/metrics/node_meters.hpp"

#include "actors/census.hpp"

namespace troupe {

/// SCRAPE: answers one request for metrics. With thousands of nodes that is
/// megabytes of text, which nobody else should have to wait for.
using scrape_actor = caf::typed_actor<
  // INTERNAL: asks SCHEDULER.
  caf::reacts_to<atom::tick>>;

struct scrape_options {
  std::chrono::milliseconds request_timeout{10'000};
  std::shared_ptr<const runtime::controller_meters> meters;
  /// Of nodes in this process; null if there are none.
  std::shared_ptr<const runtime::node_meters> node_meters;
};

struct scrape_state {
  static inline const char* name = "scrape";
  census alive{name};
};

scrape_actor::behavior_type
scrape(scrape_actor::stateful_pointer<scrape_state> self, http_call call,
       scrape_options options, scheduler_actor scheduler);

} // namespace troupe
