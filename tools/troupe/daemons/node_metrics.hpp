#pragma once

#include <memory>
#include <string>

#include "messages/expected.hpp"

#include "runtime/http/server.hpp"
#include "runtime/metrics/node_meters.hpp"

#include "config/options.hpp"

namespace troupe::tools {

/// Serves what a monitoring system asks of a machine where `options` say.
/// Errors: a sentence for the operator.
[[nodiscard]] expected<std::unique_ptr<runtime::http::server>, std::string>
serve_node_metrics(const config::daemon_options& options,
                   std::shared_ptr<const runtime::node_meters> meters);

} // namespace troupe::tools
