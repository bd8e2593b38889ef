#include "runtime/http/transport.hpp"

#include <cerrno>

#include <boost/asio/error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace troupe::runtime::http {

namespace {

using boost::system::error_code;

// How each connection by TLS begins. RFC 8446, section 5.1.
constexpr unsigned char handshake_record = 22;

error_code broken() {
  return make_error_code(boost::system::errc::protocol_error);
}

/// A request in the clear begins with the name of a method.
bool is_letter(unsigned char x) {
  return (x >= 'A' && x <= 'Z') || (x >= 'a' && x <= 'z');
}

} // namespace

void transport::free_tls::operator()(ssl_st* x) const noexcept {
  SSL_free(x);
}

transport::transport(tcp::socket socket, const tls_context& context)
  : wire_(std::make_shared<wire>(std::move(socket))) {
  if (!context)
    return;
  auto ec = error_code{};
  wire_->socket.native_non_blocking(true, ec);
  wire_->tls.reset(SSL_new(context.get()));
  auto* tls = wire_->tls.get();
  if (tls == nullptr || SSL_set_fd(tls, wire_->socket.native_handle()) != 1) {
    close();
    return;
  }
  SSL_set_min_proto_version(tls, TLS1_2_VERSION);
  // Tokens tell who somebody is.
  SSL_set_verify(tls, SSL_VERIFY_NONE, nullptr);
  SSL_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // A write goes on from wherever its bytes are by then, and who is silent holds
  // no buffers.
  SSL_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE
                      | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                      | SSL_MODE_RELEASE_BUFFERS);
  SSL_set_accept_state(tls);
}

transport::~transport() {
  close();
}

void transport::set_no_delay() {
  auto ec = error_code{};
  wire_->socket.set_option(tcp::no_delay{true}, ec);
}

void transport::end_output(error_code& ec) {
  wire_->say_goodbye();
  wire_->socket.shutdown(tcp::socket::shutdown_send, ec);
}

void transport::close() {
  // It may have been moved from.
  if (wire_)
    wire_->close();
}

transport::attempt transport::wire::try_greet() {
  if (!socket.is_open())
    return {need::nothing, boost::asio::error::operation_aborted};
  if (!heard) {
    unsigned char first = 0;
    auto size = recv(socket.native_handle(), &first, 1, MSG_PEEK);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
      return {need::to_read};
    if (size <= 0)
      return {need::nothing, boost::asio::error::eof};
    heard = true;
    if (is_letter(first)) {
      tls.reset();
      return {};
    }
    if (first != handshake_record)
      return {need::nothing, broken()};
  }
  ERR_clear_error();
  auto result = judge(SSL_accept(tls.get()));
  greeted = result.before_next == need::nothing && !result.ec;
  return result;
}

transport::attempt
transport::wire::try_transfer(boost::asio::mutable_buffer to) {
  if (!socket.is_open())
    return {need::nothing, boost::asio::error::operation_aborted};
  if (to.size() == 0)
    return {};
  auto size = std::size_t{0};
  ERR_clear_error();
  auto result = judge(SSL_read_ex(tls.get(), to.data(), to.size(), &size));
  result.size = size;
  return result;
}

transport::attempt
transport::wire::try_transfer(boost::asio::const_buffer from) {
  if (!socket.is_open())
    return {need::nothing, boost::asio::error::operation_aborted};
  if (from.size() == 0)
    return {};
  auto size = std::size_t{0};
  ERR_clear_error();
  auto result = judge(SSL_write_ex(tls.get(), from.data(), from.size(), &size));
  result.size = size;
  return result;
}

/// What OpenSSL means by `result`. REQUIRES: it is that of the last call, and the
/// errors before it were cleared.
transport::attempt transport::wire::judge(int result) {
  if (result == 1)
    return {};
  switch (SSL_get_error(tls.get(), result)) {
  case SSL_ERROR_WANT_READ:
    return {need::to_read};
  case SSL_ERROR_WANT_WRITE:
    return {need::to_write};
  case SSL_ERROR_ZERO_RETURN:
    return {need::nothing, boost::asio::error::eof};
  default:
    // Nothing may be said on it any more, not even goodbye.
    greeted = false;
    ERR_clear_error();
    return {need::nothing, broken()};
  }
}

void transport::wire::say_goodbye() {
  if (!tls || !std::exchange(greeted, false) || !socket.is_open())
    return;
  ERR_clear_error();
  SSL_shutdown(tls.get());
  ERR_clear_error();
}

void transport::wire::close() {
  say_goodbye();
  auto ec = error_code{};
  socket.close(ec);
}

} // namespace troupe::runtime::http
