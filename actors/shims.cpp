#include "actors/shims.hpp"

#include <cstring>
#include <random>

#include <caf/detail/get_process_id.hpp>
#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

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

extern "C" int SSL_get_error(const SSL* ssl, int result) {
  using function = int (*)(const SSL*, int);
  static auto real
    = reinterpret_cast<function>(dlsym(RTLD_NEXT, "SSL_get_error"));
  auto error = real(ssl, result);
  Dl_info caller;
  // Other libraries, such as libcurl, read the queue themselves.
  if (dladdr(__builtin_return_address(0), &caller) != 0
      && caller.dli_fname != nullptr
      && std::strstr(caller.dli_fname, "libcaf_openssl") != nullptr)
    ERR_clear_error();
  return error;
}

namespace troupe {

void link_shims() {
  // nop
}

} // namespace troupe
