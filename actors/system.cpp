#include "actors/system.hpp"

#include <caf/io/middleman.hpp>
#include <caf/openssl/manager.hpp>
#include <openssl/ssl.h>

#include "messages/interfaces.hpp"

#include "actors/session.hpp"
#include "actors/shims.hpp"

namespace troupe {

namespace {

using context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

unexpected<std::string>
useless(const std::string& what, const std::string& file) {
  return make_unexpected("TLS: " + what + " in " + file
                         + ": it must be there, readable and PEM");
}

} // namespace

expected<void, std::string> check(const tls_files& x) {
  if (x.ca.empty() && x.certificate.empty() && x.key.empty())
    return {};
  if (!x.complete())
    return make_unexpected("TLS needs --tls-ca, --tls-cert and --tls-key, all "
                           "three");
  context tls{SSL_CTX_new(TLS_method()), &SSL_CTX_free};
  // Nobody is there to type one.
  SSL_CTX_set_default_passwd_cb(tls.get(),
                                [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_load_verify_locations(tls.get(), x.ca.c_str(), nullptr) != 1)
    return useless("no certificate of an authority", x.ca);
  // The key first: a certificate that does not fit lets go of it, while a key
  // that does not fit is reported like one that cannot be read.
  if (SSL_CTX_use_PrivateKey_file(tls.get(), x.key.c_str(), SSL_FILETYPE_PEM)
      != 1)
    return useless("no private key without a passphrase", x.key);
  if (SSL_CTX_use_certificate_chain_file(tls.get(), x.certificate.c_str()) != 1)
    return useless("no certificate", x.certificate);
  if (SSL_CTX_check_private_key(tls.get()) != 1)
    return make_unexpected("TLS: the key " + x.key
                           + " does not belong to the certificate "
                           + x.certificate);
  return {};
}

system_config::system_config(const system_options& options) {
  link_shims();
  load<caf::io::middleman>();
  if (options.tls.complete()) {
    load<caf::openssl::manager>();
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
