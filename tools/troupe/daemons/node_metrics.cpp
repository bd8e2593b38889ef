#include "tools/troupe/daemons/node_metrics.hpp"

#include "runtime/http/exchange.hpp"
#include "runtime/metrics/text.hpp"

namespace troupe::tools {

expected<std::unique_ptr<runtime::http::server>, std::string>
serve_node_metrics(const config::daemon_options& options,
                   std::shared_ptr<const runtime::node_meters> meters) {
  auto tls = config::tls_of(options);
  if (!tls)
    return make_unexpected(tls.error());
  auto wanted = config::read_http("metrics", options.metrics, *tls);
  if (!wanted)
    return make_unexpected(wanted.error());
  wanted->connections_max = 64;
  return runtime::http::server::start(
    *wanted, [meters](const runtime::http::exchange& x) {
      auto& path = x.request().path;
      if (path == "/metrics")
        x.answer(
          {200, runtime::metrics_content_type, runtime::metrics_text(*meters)});
      else if (path == "/healthz")
        x.answer({200, "application/json", R"({"status":"ok"})"});
      else
        x.refuse(404, "a node serves /metrics and /healthz; everything else "
                      "is the controller's");
    });
}

} // namespace troupe::tools
