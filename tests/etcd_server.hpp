#pragma once

#include <memory>
#include <string>
#include <vector>

#include <sys/types.h>

#include "runtime/journal/etcd_client.hpp"

namespace troupe::test {

/// An etcd of one member on loopback, in a temporary directory. Gone when this
/// is.
class etcd_server {
public:
  /// Returns why no etcd can be run here, or an empty text.
  [[nodiscard]] static std::string unavailable();

  /// Starts it and waits until it answers. Throws `std::runtime_error` with the
  /// end of its log if it does not within 30 s.
  /// @param flags  further ones, such as `--quota-backend-bytes=4194304`.
  explicit etcd_server(std::vector<std::string> flags = {});
  etcd_server(const etcd_server&) = delete;
  etcd_server& operator=(const etcd_server&) = delete;
  ~etcd_server();

  /// `127.0.0.1:PORT`.
  [[nodiscard]] const std::string& endpoint() const noexcept {
    return endpoint_;
  }

  /// `etcd://127.0.0.1:PORT/NAME`, where nothing is yet.
  [[nodiscard]] std::string address(const std::string& name) const;

  /// Ends it as a crash would. `start` brings it back, with what it held.
  void kill();
  void start();

  /// Makes it hang, and go on.
  void pause() const;
  void resume() const;

  /// Asks it something, with patience.
  [[nodiscard]] boost::json::object
  ask(std::string_view path, const boost::json::object& body) const;

private:
  [[nodiscard]] bool answers() const;
  [[nodiscard]] std::string log_end() const;

  std::string directory_;
  std::string endpoint_;
  std::string peer_;
  std::vector<std::string> flags_;
  pid_t pid_ = 0;
};

} // namespace troupe::test
