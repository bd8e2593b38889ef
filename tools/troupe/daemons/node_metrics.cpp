#include "tools/troupe/daemons/node_metrics.hpp"

#include "runtime/http/exchange.hpp"
#include "runtime/metrics/text.hpp"

#include "config/options.hpp"

namespace troupe::tools {

expected<std::unique_ptr<runtime::http::server>, std::string>
serve_node_metrics(const std::string& address,
                   std::shared_ptr<const runtime::node_meters> meters) {
  auto read = config::read_host_port("metrics", address);
  if (!read)
    return make_unexpected(read.error());
  runtime::http::server_options wanted;
  wanted.host = read->host;
  wanted.port = read->port;
  wanted.connections_max = 64;
  return runtime::http::server::start(
    wanted, [meters](const runtime::http::exchange& x) {
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
