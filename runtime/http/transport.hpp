#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include "runtime/http/server.hpp"

struct ssl_st;

namespace troupe::runtime::http {

/// The bytes to and from one client, in the clear or by TLS. A stream as Asio has
/// them: one read and one write may be under way at a time.
///
/// TLS is worked on the socket itself, without buffers of our own between the two:
/// a client that is silent costs what OpenSSL needs to know of it.
class transport {
public:
  using tcp = boost::asio::ip::tcp;
  using executor_type = tcp::socket::executor_type;
  using error_code = boost::system::error_code;

  /// Without `context`, in the clear.
  transport(tcp::socket socket, const tls_context& context);
  transport(transport&&) = default;
  /// Closes.
  ~transport();

  [[nodiscard]] executor_type get_executor() {
    return wire_->socket.get_executor();
  }
  [[nodiscard]] const tcp::socket& socket() const { return wire_->socket; }

  /// Sends what there is at once, however little.
  void set_no_delay();

  [[nodiscard]] bool is_tls() const { return wire_->tls != nullptr; }

  /// Shakes hands. A client that speaks in the clear instead gets no error but a
  /// transport that is not `is_tls()` any more, so that it can be told.
  /// `done(error_code)`. REQUIRES: is_tls().
  template <class Done>
  void async_greet(Done&& done) {
    boost::asio::async_compose<Done, void(error_code)>(greeting{wire_}, done,
                                                       wire_->socket);
  }

  template <class Buffers, class Done>
  auto async_read_some(const Buffers& to, Done&& done) {
    return boost::asio::async_compose<Done, void(error_code, std::size_t)>(
      transfer<Buffers, direction::in>{wire_, to}, done, wire_->socket);
  }

  template <class Buffers, class Done>
  auto async_write_some(const Buffers& from, Done&& done) {
    return boost::asio::async_compose<Done, void(error_code, std::size_t)>(
      transfer<Buffers, direction::out>{wire_, from}, done, wire_->socket);
  }

  /// Says that nothing more comes from here. A client that takes nothing at this
  /// moment does not hear the goodbye of TLS.
  void end_output(error_code& ec);

  /// Closes at once. What is under way is answered with an error.
  void close();

private:
  enum class direction : std::uint8_t { in, out };
  enum class need : std::uint8_t { nothing, to_read, to_write };

  /// What one try came to: done, or what the socket must be ready for.
  struct attempt {
    need before_next = need::nothing;
    error_code ec{};
    std::size_t size = 0;
  };

  struct free_tls {
    void operator()(ssl_st* x) const noexcept;
  };

  /// Lives as long as anything is under way on it: a ping of a WebSocket may be,
  /// when its owner has gone.
  struct wire {
    explicit wire(tcp::socket x) : socket(std::move(x)) {}

    [[nodiscard]] attempt try_greet();
    [[nodiscard]] attempt try_transfer(boost::asio::mutable_buffer to);
    [[nodiscard]] attempt try_transfer(boost::asio::const_buffer from);
    [[nodiscard]] attempt judge(int result);
    void say_goodbye();
    void close();

    template <class Self>
    void wait(need x, Self&& self) {
      socket.async_wait(x == need::to_read ? tcp::socket::wait_read
                                           : tcp::socket::wait_write,
                        std::forward<Self>(self));
    }

    tcp::socket socket;
    std::unique_ptr<ssl_st, free_tls> tls;
    bool heard = false;   // The first byte of the client has been looked at.
    bool greeted = false; // Both sides know the keys, and nothing broke since.
  };

  /// Nobody is called back from within the call that asked: what is done at once
  /// is `posted`.
  enum class stage : std::uint8_t { begin, trying, posted, clear };

  struct greeting {
    std::shared_ptr<wire> of;
    attempt last{};
    stage at = stage::begin;

    template <class Self>
    void operator()(Self& self, error_code ec = {}) {
      if (at == stage::posted)
        return self.complete(last.ec);
      auto on = of; // Which goes along with `self`.
      auto at_once = std::exchange(at, stage::trying) == stage::begin;
      last = ec ? attempt{need::nothing, ec} : of->try_greet();
      if (last.before_next != need::nothing)
        return on->wait(last.before_next, std::move(self));
      if (!at_once)
        return self.complete(last.ec);
      at = stage::posted;
      boost::asio::post(on->socket.get_executor(), std::move(self));
    }
  };

  template <class Buffers, direction Where>
  struct transfer {
    std::shared_ptr<wire> of;
    Buffers buffers;
    attempt last{};
    stage at = stage::begin;

    template <class Self>
    void operator()(Self& self, error_code ec = {}, std::size_t size = 0) {
      if (at == stage::posted)
        return self.complete(last.ec, last.size);
      if (at == stage::clear)
        return self.complete(ec, size);
      // These go along with `self`.
      auto on = of;
      if (at == stage::begin && !of->tls) {
        at = stage::clear;
        auto here = buffers;
        if constexpr (Where == direction::in)
          return on->socket.async_read_some(here, std::move(self));
        else
          return on->socket.async_write_some(here, std::move(self));
      }
      auto at_once = std::exchange(at, stage::trying) == stage::begin;
      last = ec ? attempt{need::nothing, ec} : of->try_transfer(first());
      if (last.before_next != need::nothing)
        return on->wait(last.before_next, std::move(self));
      if (!at_once)
        return self.complete(last.ec, last.size);
      at = stage::posted;
      boost::asio::post(on->socket.get_executor(), std::move(self));
    }

    /// The first of them that has room, or bytes.
    [[nodiscard]] auto first() const {
      using buffer = std::conditional_t<Where == direction::in,
                                        boost::asio::mutable_buffer,
                                        boost::asio::const_buffer>;
      auto end = boost::asio::buffer_sequence_end(buffers);
      for (auto x = boost::asio::buffer_sequence_begin(buffers); x != end; ++x)
        if (buffer{*x}.size() > 0)
          return buffer{*x};
      return buffer{};
    }
  };

  std::shared_ptr<wire> wire_;
};

} // namespace troupe::runtime::http
