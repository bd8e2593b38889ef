#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "messages/expected.hpp"

#include "runtime/http/mailbox.hpp"
#include "runtime/http/parser.hpp"
#include "runtime/http/rules.hpp"
#include "runtime/http/server.hpp"

namespace troupe::runtime::http {

class connection;

using time_point = std::chrono::steady_clock::time_point;

/// What the thread of a server runs: it accepts, hands commands to connections,
/// and looks after all deadlines with one timer. Owns the connections. Only
/// `open_connections` and `mailbox` may be used from other threads.
class loop {
public:
  using tcp = boost::asio::ip::tcp;

  loop(server_options options, server::handler handle);
  ~loop();

  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;

  /// Binds and listens. Errors: text for the user.
  [[nodiscard]] expected<void, std::string> listen();

  /// Serves until `shut_down`.
  void run();

  /// Closes everything, from any thread.
  void shut_down();

  [[nodiscard]] tcp::endpoint endpoint() const { return endpoint_; }
  [[nodiscard]] std::size_t open_connections() const { return open_; }

  // -- for connections -------------------------------------------------------

  [[nodiscard]] const server_options& options() const { return options_; }
  [[nodiscard]] const parser_options& parsing() const { return parsing_; }
  [[nodiscard]] const rules& judge() const { return rules_; }
  [[nodiscard]] const std::shared_ptr<http::mailbox>& box() const {
    return mailbox_;
  }
  /// Who hears of answers; null if nobody does.
  [[nodiscard]] const std::shared_ptr<const answer_listener>& listener() const {
    return listener_;
  }
  void handle(exchange x);
  void forget(std::uint64_t connection);

private:
  void accept();
  void welcome(tcp::socket socket);
  void arm_sweep();
  void sweep();
  void drain();
  void obey(command& x);
  void close_all();

  const server_options options_;
  const parser_options parsing_;
  const rules rules_;
  const server::handler handler_;
  const std::shared_ptr<const answer_listener> listener_;

  boost::asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  boost::asio::steady_timer timer_{context_};
  std::chrono::milliseconds sweep_interval_;
  tcp::endpoint endpoint_;

  std::shared_ptr<http::mailbox> mailbox_;
  std::vector<command> commands_;
  std::unordered_map<std::uint64_t, std::shared_ptr<connection>> connections_;
  std::uint64_t next_connection_ = 1;
  std::atomic<std::size_t> open_ = 0;
  bool accepting_ = false;
};

} // namespace troupe::runtime::http
