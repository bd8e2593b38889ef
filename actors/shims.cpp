#include "actors/shims.hpp"

#include <cstring>
#include <random>

#include <caf/detail/get_process_id.hpp>
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "actors/certificates.hpp"

namespace caf::detail {

unsigned get_process_id() {
  static const auto id = [] {
    std::random_device chance;
    auto result = chance();
    while (result == 0)
      result = chance();
    return result;
  }();
  return id;
}

} // namespace caf::detail

namespace {

/// Other libraries, such as libcurl, are to get what they ask for.
bool is_of(const char* library, void* caller) {
  Dl_info found;
  return dladdr(caller, &found) != 0 && found.dli_fname != nullptr
         && std::strstr(found.dli_fname, library) != nullptr;
}

bool is_caf(void* caller) {
  return is_of("libcaf_openssl", caller);
}

/// How often a connection that nobody answers is tried once more before it is
/// given up: after one second, so that it takes three.
constexpr int repeated_tries = 1;

/// The function of this name that was there before ours.
template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

/// What CAF is given for the connection that this thread prepares: certificate,
/// key and authority, in this order, must be of one mind.
thread_local troupe::tls_context given;

} // namespace

extern "C" {

int connect(int socket, const sockaddr* to, socklen_t size) {
  static auto next = real<int(int, const sockaddr*, socklen_t)>("connect");
  // Of no use for what is no TCP: then it fails, and nothing is lost.
  if (is_of("libcaf_io", __builtin_return_address(0)))
    setsockopt(socket, IPPROTO_TCP, TCP_SYNCNT, &repeated_tries,
               sizeof(repeated_tries));
  return next(socket, to, size);
}

int SSL_get_error(const SSL* ssl, int result) {
  static auto next = real<int(const SSL*, int)>("SSL_get_error");
  auto error = next(ssl, result);
  if (is_caf(__builtin_return_address(0)))
    ERR_clear_error();
  return error;
}

int SSL_CTX_use_certificate_chain_file(SSL_CTX* to, const char* file) {
  static auto next
    = real<int(SSL_CTX*, const char*)>("SSL_CTX_use_certificate_chain_file");
  given = is_caf(__builtin_return_address(0)) ? troupe::kept_certificates(file)
                                              : nullptr;
  if (!given)
    return next(to, file);
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(given.get(), &chain);
  return SSL_CTX_use_cert_and_key(to, SSL_CTX_get0_certificate(given.get()),
                                  SSL_CTX_get0_privatekey(given.get()), chain,
                                  1);
}

int SSL_CTX_use_PrivateKey_file(SSL_CTX* to, const char* file, int type) {
  static auto next
    = real<int(SSL_CTX*, const char*, int)>("SSL_CTX_use_PrivateKey_file");
  // It came with the certificate.
  if (given && is_caf(__builtin_return_address(0)))
    return 1;
  return next(to, file, type);
}

int SSL_CTX_load_verify_locations(SSL_CTX* to, const char* file,
                                  const char* folder) {
  static auto next = real<int(SSL_CTX*, const char*, const char*)>(
    "SSL_CTX_load_verify_locations");
  if (!given || !is_caf(__builtin_return_address(0)))
    return next(to, file, folder);
  SSL_CTX_set1_cert_store(to, SSL_CTX_get_cert_store(given.get()));
  given = nullptr;
  return 1;
}

} // extern "C"

namespace troupe {

void link_shims() {
  // nop
}

} // namespace troupe
