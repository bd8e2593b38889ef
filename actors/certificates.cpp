#include "actors/certificates.hpp"

#include <array>
#include <map>
#include <mutex>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "runtime/log.hpp"

namespace troupe {

namespace {

namespace log = runtime::log;

unexpected<std::string>
useless(const std::string& what, const std::string& file) {
  ERR_clear_error();
  return make_unexpected("TLS: " + what + " in " + file
                         + ": it must be there, readable and PEM");
}

/// What changes when a file is written or replaced.
using file_mark = std::array<int64_t, 4>;

file_mark mark_of(const std::string& file) {
  struct stat found {};
  if (stat(file.c_str(), &found) != 0)
    return {};
  return {static_cast<int64_t>(found.st_ino), found.st_size,
          found.st_mtim.tv_sec, found.st_mtim.tv_nsec};
}

struct kept {
  tls_files files;
  tls_context good;
  /// Of the files when they were last read, of use or not.
  std::array<file_mark, 3> marks{};
};

std::mutex mutex;
/// By the name of the file with the certificate.
std::map<std::string, kept> all;

void refresh(kept& x) {
  std::array<file_mark, 3> marks{
    mark_of(x.files.ca), mark_of(x.files.certificate), mark_of(x.files.key)};
  if (x.good && marks == x.marks)
    return;
  auto found = read_certificates(x.files);
  x.marks = marks;
  if (found)
    x.good = std::move(*found);
  else
    log::warn("{}; the certificates from before remain in use", found.error());
}

} // namespace

expected<tls_context, std::string> read_certificates(const tls_files& x) {
  tls_context result{SSL_CTX_new(TLS_method()), &SSL_CTX_free};
  // Nobody is there to type one.
  SSL_CTX_set_default_passwd_cb(result.get(),
                                [](char*, int, int, void*) { return 0; });
  if (SSL_CTX_load_verify_locations(result.get(), x.ca.c_str(), nullptr) != 1)
    return useless("no certificate of an authority", x.ca);
  // The key first: a certificate that does not fit lets go of it, while a key
  // that does not fit is reported like one that cannot be read.
  if (SSL_CTX_use_PrivateKey_file(result.get(), x.key.c_str(), SSL_FILETYPE_PEM)
      != 1)
    return useless("no private key without a passphrase", x.key);
  if (SSL_CTX_use_certificate_chain_file(result.get(), x.certificate.c_str())
      != 1)
    return useless("no certificate", x.certificate);
  if (SSL_CTX_check_private_key(result.get()) != 1) {
    ERR_clear_error();
    return make_unexpected("TLS: the key " + x.key
                           + " does not belong to the certificate "
                           + x.certificate);
  }
  return result;
}

expected<void, std::string> check(const tls_files& x) {
  if (x.ca.empty() && x.certificate.empty() && x.key.empty())
    return {};
  if (!x.complete())
    return make_unexpected(
      "TLS needs --tls-ca, --tls-cert and --tls-key, all three (TROUPE_TLS_CA, "
      "TROUPE_TLS_CERT and TROUPE_TLS_KEY count as well)");
  if (auto found = read_certificates(x); !found)
    return make_unexpected(found.error());
  return {};
}

bool names_hosts(const tls_context& x) {
  return X509_get_ext_by_NID(SSL_CTX_get0_certificate(x.get()),
                             NID_subject_alt_name, -1)
         >= 0;
}

void keep_certificates(const tls_files& x) {
  std::lock_guard guard{mutex};
  auto& mine = all[x.certificate];
  if (mine.files != x)
    mine = {x, nullptr, {}};
  refresh(mine);
}

tls_context kept_certificates(const std::string& certificate) {
  std::lock_guard guard{mutex};
  auto at = all.find(certificate);
  if (at == all.end())
    return nullptr;
  refresh(at->second);
  return at->second.good;
}

} // namespace troupe
