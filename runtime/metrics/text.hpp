#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/metrics/controller_meters.hpp"
#include "runtime/metrics/figures.hpp"
#include "runtime/metrics/node_meters.hpp"

namespace troupe::runtime {

/// What one scrape of a controller shows.
struct controller_scrape {
  const cluster_figures& figures;
  const controller_meters& meters;
  /// [actor] Messages in the mailboxes of actors of this type.
  std::map<std::string, uint64_t> mailboxes{};
  /// Of nodes that live in the same process, if there are any.
  const node_meters* nodes = nullptr;
};

/// The metrics of a controller in the text format of Prometheus, version 0.0.4.
/// Base units; never a task's name as a label.
[[nodiscard]] std::string metrics_text(const controller_scrape& x);

/// The metrics of a machine's own process, in the same format.
[[nodiscard]] std::string metrics_text(const node_meters& x);

/// Those of a controller that does not lead: few.
[[nodiscard]] std::string standby_metrics_text();

/// `Content-Type` of that text.
constexpr auto metrics_content_type
  = "text/plain; version=0.0.4; charset=utf-8";

} // namespace troupe::runtime
