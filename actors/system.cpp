#include "actors/system.hpp"

#include <caf/io/middleman.hpp>
#include <caf/openssl/manager.hpp>

#include "messages/interfaces.hpp"

#include "actors/session.hpp"
#include "actors/shims.hpp"

namespace troupe {

system_config::system_config(const system_options& options) {
  link_shims();
  load<caf::io::middleman>();
  if (options.tls.complete()) {
    load<caf::openssl::manager>();
    keep_certificates(options.tls);
    openssl_cafile = options.tls.ca;
    openssl_certificate = options.tls.certificate;
    openssl_key = options.tls.key;
  }
  add_message_types<caf::id_block::troupe_atoms>();
  add_message_types<caf::id_block::troupe>();
  if (options.agents)
    add_session_factory(*this, options.agents);
  set("scheduler.policy",
      options.stealing ? caf::atom("stealing") : caf::atom("sharing"));
  set("scheduler.max-threads", options.threads);
  set("scheduler.max-throughput", size_t{300});
  set("middleman.workers", size_t{0});
  set("middleman.heartbeat-interval", caf::timespan{std::chrono::seconds{1}});
  set("middleman.connection-timeout",
      caf::timespan{options.connection_timeout});
}

} // namespace troupe
