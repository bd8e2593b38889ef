#pragma once

#include <string>
#include <vector>

#include "messages/view.hpp"

namespace troupe::runtime {

/// The controller's metrics in the text format of Prometheus, version 0.0.4. Base
/// units; never a task's name as a label.
[[nodiscard]] std::string
metrics_text(const cluster_view& cluster, const std::vector<node_view>& nodes);

/// The metrics of a machine's own process, in the same format.
[[nodiscard]] std::string node_metrics_text();

/// `Content-Type` of that text.
constexpr auto metrics_content_type
  = "text/plain; version=0.0.4; charset=utf-8";

} // namespace troupe::runtime
