#include "runtime/base64.hpp"

#include <openssl/evp.h>

namespace troupe::runtime {

std::string to_base64(std::string_view bytes) {
  // OpenSSL ends its text with a NUL.
  std::string result((bytes.size() + 2) / 3 * 4 + 1, '\0');
  auto size
    = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(result.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  result.resize(static_cast<size_t>(size));
  return result;
}

std::string from_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0)
    return {};
  std::string result(text.size() / 4 * 3, '\0');
  auto size
    = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(result.data()),
                      reinterpret_cast<const unsigned char*>(text.data()),
                      static_cast<int>(text.size()));
  if (size < 0)
    return {};
  // The padding is decoded to NUL bytes.
  auto padding = static_cast<size_t>(text.ends_with("==")  ? 2
                                     : text.ends_with("=") ? 1
                                                           : 0);
  result.resize(static_cast<size_t>(size) - padding);
  return result;
}

} // namespace troupe::runtime
