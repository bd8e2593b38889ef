// The one file that sees Beast's WebSocket, which takes long to compile.

#include "runtime/http/web_socket.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>

namespace troupe::runtime::http {

namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;
using beast::error_code;
using std::chrono::steady_clock;

constexpr auto text_bytes_max = std::size_t{64} * 1024;
constexpr auto texts_per_second_max = 100;

/// Whether a list such as `keep-alive, Upgrade` has `word`.
bool has_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    auto end = std::min(list.find(','), list.size());
    auto item = list.substr(0, end);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t'))
      item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t'))
      item.remove_suffix(1);
    if (same_name(item, word))
      return true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return false;
}

} // namespace

// Found by Beast.

void beast_close_socket(transport& x) {
  x.close();
}

// Like this, the end of a connection does not wait until its client has said
// goodbye, too.

void teardown(beast::role_type, transport& x, error_code& ec) {
  x.end_output(ec);
  ec = {};
}

template <class Handler>
void async_teardown(beast::role_type role, transport& x, Handler&& done) {
  auto ec = error_code{};
  teardown(role, x, ec);
  boost::asio::post(x.get_executor(),
                    beast::bind_handler(std::forward<Handler>(done), ec));
}

namespace {

class beast_socket final : public web_socket,
                           public std::enable_shared_from_this<beast_socket> {
public:
  beast_socket(transport client, std::shared_ptr<stream_state> stream,
               const deadlines& limits, std::function<void()> on_end)
    : stream_(std::move(stream)), on_end_(std::move(on_end)),
      write_limit_(limits.write), socket_(std::move(client)) {
    auto times
      = websocket::stream_base::timeout::suggested(beast::role_type::server);
    times.handshake_timeout = limits.header;
    // A client that is silent for half of it is asked by a ping.
    times.idle_timeout = limits.idle;
    times.keep_alive_pings = true;
    socket_.set_option(times);
    socket_.read_message_max(text_bytes_max);
    socket_.text(true);
  }

  void start(std::string_view key) {
    // What the parser has read, as far as it matters for the consent.
    using field = beast::http::field;
    auto request = beast::http::request<beast::http::empty_body>{
      beast::http::verb::get, "/", 11};
    request.set(field::host, "localhost");
    request.set(field::upgrade, "websocket");
    request.set(field::connection, "Upgrade");
    request.set(field::sec_websocket_version, "13");
    request.set(field::sec_websocket_key,
                beast::string_view{key.data(), key.size()});
    socket_.async_accept(request,
                         [self = shared_from_this()](const error_code& ec) {
                           if (ec)
                             return self->end();
                           self->open_ = true;
                           self->read();
                           self->write();
                         });
  }

  void obey(command& x) override {
    switch (x.what) {
    case command::kind::chunk:
      out_.push_back(std::move(x.bytes));
      return write();
    case command::kind::end:
      ended_ = true;
      return write();
    case command::kind::abandon:
      return end();
    case command::kind::reply:
    case command::kind::begin:
    case command::kind::upgrade:
      return;
    }
  }

  void sweep(time_point now) override {
    if (now >= write_deadline_)
      end();
  }

  void cut() override {
    on_end_ = nullptr;
    socket_.next_layer().close();
  }

private:
  void read() {
    socket_.async_read(
      in_, [self = shared_from_this()](const error_code& ec, std::size_t) {
        if (ec || !self->socket_.got_text() || !self->may_speak())
          return self->end();
        auto text = beast::buffers_to_string(self->in_.data());
        self->in_.consume(self->in_.size());
        self->stream_->heard(std::move(text));
        self->read();
      });
  }

  /// Whether this text is not one too many in this second.
  bool may_speak() {
    auto now = steady_clock::now();
    if (now - second_ >= std::chrono::seconds{1}) {
      second_ = now;
      texts_ = 0;
    }
    return ++texts_ <= texts_per_second_max;
  }

  void write() {
    if (!open_ || writing_ || !on_end_)
      return;
    if (out_.empty())
      return ended_ ? close() : void();
    writing_ = true;
    write_deadline_ = steady_clock::now() + write_limit_;
    socket_.async_write(
      boost::asio::buffer(out_.front()),
      [self = shared_from_this()](const error_code& ec, std::size_t) {
        self->writing_ = false;
        self->write_deadline_ = time_point::max();
        if (ec)
          return self->end();
        auto size = self->out_.front().size();
        self->out_.pop_front();
        self->stream_->sent(size);
        self->write();
      });
  }

  /// Says goodbye; the read under way ends it.
  void close() {
    open_ = false;
    socket_.async_close(
      websocket::close_code::going_away,
      [self = shared_from_this()](const error_code&) { self->end(); });
  }

  void end() {
    auto on_end = std::exchange(on_end_, nullptr);
    if (on_end)
      on_end();
  }

  const std::shared_ptr<stream_state> stream_;
  std::function<void()> on_end_;
  const std::chrono::milliseconds write_limit_;
  websocket::stream<transport, false> socket_;
  beast::flat_buffer in_;
  // Bounded by `stream_state`.
  std::deque<std::string> out_;
  bool open_ = false;
  bool writing_ = false;
  bool ended_ = false;
  time_point write_deadline_ = time_point::max();
  time_point second_{};
  int texts_ = 0;
};

} // namespace

std::optional<std::string> web_socket_key(const request& x) {
  auto upgrade = x.header("Upgrade");
  auto connection = x.header("Connection");
  auto version = x.header("Sec-WebSocket-Version");
  auto key = x.header("Sec-WebSocket-Key");
  // 16 random bytes as base64.
  if (x.method != method::get || x.version_minor < 1 || !upgrade || !connection
      || !key || key->size() != 24 || version != "13"
      || !has_word(*upgrade, "websocket") || !has_word(*connection, "Upgrade"))
    return std::nullopt;
  return std::string{*key};
}

std::shared_ptr<web_socket>
web_socket::accept(transport client, std::string_view key,
                   std::shared_ptr<stream_state> stream,
                   const deadlines& limits, std::function<void()> on_end) {
  auto result = std::make_shared<beast_socket>(
    std::move(client), std::move(stream), limits, std::move(on_end));
  result->start(key);
  return result;
}

} // namespace troupe::runtime::http
