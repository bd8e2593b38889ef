#include "runtime/http/connection.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/buffer.hpp>

#include "messages/contract.hpp"

#include "runtime/http/exchange.hpp"
#include "runtime/http/target.hpp"

namespace troupe::runtime::http {

namespace {

using boost::system::error_code;
using tcp = boost::asio::ip::tcp;

// Enough for most heads; grows for the others. Thousands may wait for news.
constexpr auto buffer_bytes = std::size_t{2 * 1024};
// For bodies; larger reads gain nothing.
constexpr auto buffer_bytes_max = std::size_t{64 * 1024};

std::string to_text(const tcp::endpoint& x) {
  auto address = x.address().to_string();
  if (x.address().is_v6())
    address = "[" + address + "]";
  return address + ":" + std::to_string(x.port());
}

/// The address of this end as it would stand in `Host`.
std::string host_of(tcp::endpoint x) {
  auto address = x.address();
  // An IPv4 client of a socket for both kinds.
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    address = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped,
                                               address.to_v6());
  auto name = parse_authority(to_text({address, x.port()}));
  return name ? name->host : std::string{};
}

} // namespace

connection::connection(loop& owner, transport client, std::uint64_t number)
  : owner_(owner), client_(std::move(client)), number_(number),
    parser_(owner.parsing()) {
  auto ec = error_code{};
  // Fails only if the client is gone already, which the first read will tell.
  client_.set_no_delay();
  remote_ = to_text(client_.socket().remote_endpoint(ec));
  local_ = host_of(client_.socket().local_endpoint(ec));
}

void connection::start() {
  in_.resize(buffer_bytes);
  if (client_.is_tls())
    greet();
  else
    on_greeted();
}

void connection::turn_away() {
  turned_away_ = true;
  start();
}

void connection::greet() {
  phase_ = phase::greeting;
  set_deadline(owner_.options().deadlines.handshake);
  client_.async_greet([self = shared_from_this()](const error_code& ec) {
    if (self->phase_ == phase::closed)
      return;
    if (ec)
      self->close();
    else if (!self->client_.is_tls())
      self->refuse({400, "this port speaks HTTPS: use an address that begins "
                         "with https://"});
    else
      self->on_greeted();
  });
}

void connection::on_greeted() {
  if (turned_away_)
    return refuse({503, "too many connections"}, {{"Retry-After", "1"}});
  phase_ = phase::head;
  set_deadline(owner_.options().deadlines.header);
  read();
}

// -- reading -----------------------------------------------------------------

std::string_view connection::unread() const {
  return {in_.data() + in_begin_, in_end_ - in_begin_};
}

/// REQUIRES: no read is under way, since it writes to the buffer.
void connection::make_room() {
  TROUPE_ASSERT(!reading_);
  if (in_begin_ == in_end_) {
    in_begin_ = in_end_ = 0;
    // A client that filled the buffer has a large body for us; one that waits
    // for a reply may keep us for long and shall be cheap.
    if (phase_ == phase::body && filled_)
      in_.resize(buffer_bytes_max);
    else if (phase_ != phase::body && in_.size() > buffer_bytes)
      in_ = std::vector<char>(buffer_bytes);
  }
  if (in_end_ < in_.size())
    return;
  if (in_begin_ > 0) {
    std::copy(in_.begin() + static_cast<std::ptrdiff_t>(in_begin_),
              in_.begin() + static_cast<std::ptrdiff_t>(in_end_), in_.begin());
    in_end_ -= std::exchange(in_begin_, 0);
    return;
  }
  // The parser needs more than fits: it has limits of its own. What comes
  // ahead of its turn has to wait.
  if (phase_ == phase::head || phase_ == phase::body)
    in_.resize(in_.size() * 2);
}

void connection::read() {
  if (reading_ || input_ended_ || phase_ == phase::closed)
    return;
  if (phase_ == phase::lingering)
    in_begin_ = in_end_ = 0;
  make_room();
  if (in_end_ == in_.size())
    return;
  reading_ = true;
  client_.async_read_some(
    boost::asio::buffer(in_.data() + in_end_, in_.size() - in_end_),
    [self = shared_from_this()](const error_code& ec, std::size_t size) {
      self->reading_ = false;
      if (self->phase_ == phase::closed)
        return;
      if (!ec)
        self->on_read(size);
      else if (ec == boost::asio::error::eof)
        self->on_input_end();
      else
        self->close();
    });
}

void connection::on_read(std::size_t size) {
  in_end_ += size;
  filled_ = in_end_ == in_.size();
  if (phase_ == phase::head || phase_ == phase::body)
    advance();
  else
    read();
}

void connection::on_input_end() {
  input_ended_ = true;
  switch (phase_) {
  case phase::greeting:
  case phase::head:
  case phase::body:
  case phase::streaming:
  case phase::upgraded:
  case phase::lingering:
    close();
    break;
  // A client may end its input and still wait for the reply, but not for long.
  case phase::handling:
    set_deadline(owner_.options().deadlines.gone);
    break;
  case phase::replying:
  case phase::closed:
    break;
  }
}

void connection::advance() {
  while (phase_ == phase::head || phase_ == phase::body) {
    if (!begun_ && in_begin_ < in_end_) {
      begun_ = true;
      set_deadline(owner_.options().deadlines.header);
    }
    auto taken = parser_.put(unread());
    in_begin_ += taken;
    switch (parser_.where()) {
    case parser::stage::failed:
      return refuse(parser_.failure());
    case parser::stage::done:
      if (judge_head())
        dispatch();
      return;
    case parser::stage::body:
      if (!judge_head())
        return;
      break;
    case parser::stage::head:
      break;
    }
    if (taken > 0 && in_begin_ < in_end_)
      continue;
    if (input_ended_)
      return close();
    return read();
  }
}

/// Returns whether the request may go on. Acts on its head the first time.
bool connection::judge_head() {
  if (std::exchange(judged_, true))
    return true;
  const auto& head = parser_.message();
  if (auto no = owner_.judge().check(head, parser_.has_body(), local_)) {
    refuse(*no);
    return false;
  }
  if (parser_.where() != parser::stage::body)
    return true;
  phase_ = phase::body;
  set_deadline(owner_.options().deadlines.body);
  // Only if the client still waits for it. RFC 9110, section 10.1.1.
  if (head.header("Expect") && head.version_minor > 0 && in_begin_ == in_end_)
    send("HTTP/1.1 100 Continue\r\n\r\n");
  return true;
}

void connection::dispatch() {
  phase_ = phase::handling;
  deadline_ = time_point::max();
  if (input_ended_)
    set_deadline(owner_.options().deadlines.gone);
  keep_alive_ = parser_.keep_alive();
  reply_done_ = false;
  auto message = std::move(parser_.message());
  message.remote = remote_;
  // What follows may not be HTTP.
  if (!web_socket_key(message))
    read();
  owner_.handle(exchange{std::move(message),
                         {.box = owner_.box(),
                          .connection = number_,
                          .keep_alive = keep_alive_,
                          .stream_bytes_max = owner_.options().stream_bytes_max,
                          .listener = owner_.listener()}});
}

void connection::next_request() {
  phase_ = phase::head;
  stream_.reset();
  parser_.reset();
  begun_ = judged_ = false;
  set_deadline(owner_.options().deadlines.idle);
  advance();
}

// -- writing -----------------------------------------------------------------

void connection::refuse(const refusal& x, name_values headers) {
  auto reply = problem(x.status, x.detail);
  reply.headers = std::move(headers);
  auto bytes = make_head(reply, {});
  if (parser_.message().method != method::head)
    bytes += reply.body;
  phase_ = phase::replying;
  deadline_ = time_point::max();
  keep_alive_ = false;
  reply_done_ = true;
  send(std::move(bytes));
  if (auto& told = owner_.listener(); told && *told)
    (*told)(nullptr, x.status, {});
}

void connection::obey(command& x) {
  if (phase_ == phase::upgraded) {
    if (stream_ == x.stream)
      web_socket_->obey(x);
    return;
  }
  switch (x.what) {
  case command::kind::upgrade:
    return upgrade(x);
  case command::kind::reply:
    phase_ = phase::replying;
    deadline_ = time_point::max();
    reply_done_ = true;
    return send(std::move(x.bytes));
  case command::kind::begin:
    return begin_stream(x);
  case command::kind::chunk:
    if (stream_ == x.stream)
      send(std::move(x.bytes));
    return;
  case command::kind::end:
    if (stream_ != x.stream)
      return;
    phase_ = phase::replying;
    reply_done_ = true;
    return x.bytes.empty() ? on_drained() : send(std::move(x.bytes));
  case command::kind::abandon:
    if (stream_ == x.stream)
      close();
    return;
  }
}

void connection::begin_stream(command& x) {
  stream_ = std::move(x.stream);
  if (input_ended_)
    return close();
  phase_ = phase::streaming;
  // Without chunks the end of the connection is the end of the reply.
  if (parser_.message().version_minor == 0)
    keep_alive_ = false;
  send(std::move(x.bytes));
}

void connection::upgrade(command& x) {
  stream_ = std::move(x.stream);
  // No client may speak before it has seen our consent.
  if (input_ended_ || reading_ || in_begin_ != in_end_)
    return close();
  phase_ = phase::upgraded;
  web_socket_ = web_socket::accept(
    std::move(client_), x.bytes, stream_, owner_.options().deadlines,
    [self = shared_from_this()] { self->close(); });
}

void connection::send(std::string bytes) {
  if (out_.empty())
    out_ = std::move(bytes);
  else
    out_ += bytes;
  if (!write_under_way_)
    write();
}

void connection::write() {
  if (written_ == writing_.size()) {
    writing_.clear();
    written_ = 0;
    std::swap(writing_, out_);
    // What a large reply took is given back.
    if (out_.capacity() > buffer_bytes_max)
      out_ = {};
  }
  if (writing_.empty())
    return on_drained();
  write_under_way_ = true;
  write_deadline_
    = std::chrono::steady_clock::now() + owner_.options().deadlines.write;
  client_.async_write_some(
    boost::asio::buffer(writing_.data() + written_, writing_.size() - written_),
    [self = shared_from_this()](const error_code& ec, std::size_t size) {
      self->write_under_way_ = false;
      self->write_deadline_ = time_point::max();
      if (self->phase_ == phase::closed)
        return;
      if (ec)
        self->close();
      else
        self->on_written(size);
    });
}

void connection::on_written(std::size_t size) {
  written_ += size;
  if (stream_)
    stream_->sent(size);
  write();
}

/// Goes on to the next request if this reply is complete and was sent.
void connection::on_drained() {
  if (phase_ != phase::replying || !reply_done_ || write_under_way_)
    return;
  if (keep_alive_)
    next_request();
  else
    linger();
}

/// Closes our side and reads until the client has closed its own: a close with
/// unread input would reset the connection, and with it the reply under way.
void connection::linger() {
  phase_ = phase::lingering;
  stream_.reset();
  auto ec = error_code{};
  client_.end_output(ec);
  if (ec || input_ended_)
    return close();
  set_deadline(owner_.options().deadlines.linger);
  read();
}

// -- ending ------------------------------------------------------------------

void connection::set_deadline(std::chrono::milliseconds after) {
  deadline_ = std::chrono::steady_clock::now() + after;
}

void connection::sweep(time_point now) {
  if (web_socket_)
    return web_socket_->sweep(now);
  if (now >= write_deadline_)
    return close();
  if (now < deadline_)
    return;
  switch (phase_) {
  case phase::head:
    if (begun_)
      refuse({408, "the headers took too long"});
    else
      close();
    break;
  case phase::body:
    refuse({408, "the body took too long"});
    break;
  case phase::greeting:
  case phase::handling:
  case phase::replying:
  case phase::streaming:
  case phase::upgraded:
  case phase::lingering:
    close();
    break;
  case phase::closed:
    break;
  }
}

void connection::close() {
  if (std::exchange(phase_, phase::closed) == phase::closed)
    return;
  auto self = shared_from_this();
  client_.close();
  if (auto socket = std::exchange(web_socket_, nullptr))
    socket->cut();
  if (auto stream = std::exchange(stream_, nullptr))
    stream->close();
  owner_.forget(number_);
}

} // namespace troupe::runtime::http
