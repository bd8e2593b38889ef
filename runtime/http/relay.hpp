#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "runtime/http/client.hpp"
#include "runtime/http/exchange.hpp"

namespace troupe::runtime::http {

/// Passes requests on to another server and its replies back, streams among them.
/// May be used from all threads.
///
/// Who may ask, and for which host, is for whoever calls this to check: the other
/// server sees a client that names it correctly, and the same `Authorization`.
class relay {
public:
  /// A request with this header has been passed on already.
  static constexpr auto mark = "X-Troupe-Relayed";

  /// @param ca_file  PEM file of the authorities to trust for https.
  explicit relay(std::string ca_file);
  relay(const relay&) = delete;
  relay& operator=(const relay&) = delete;

  /// Cuts what is open.
  ~relay();

  /// @param url  of the other server: `http://HOST:PORT`.
  /// 502 or 503 if there is no reply.
  void pass(const exchange& x, const std::string& url);

  /// Cuts what is open, because the other server no longer counts.
  void cut_all();

private:
  struct passage;

  std::string ca_file_;
  std::mutex mutex_;
  std::set<uint64_t> open_;
  client client_; // Last: its thread uses what is above.
};

/// The path and query of `x`, encoded again.
[[nodiscard]] std::string target_of(const request& x);

} // namespace troupe::runtime::http
