#include "runtime/http/exchange.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <string>
#include <tuple>
#include <utility>

#include "runtime/http/mailbox.hpp"
#include "runtime/http/web_socket.hpp"

namespace troupe::runtime::http {

namespace {

/// Returns the time as in RFC 9110, section 5.6.7. One text a second per
/// thread, because formatting it costs as much as the rest of the head.
const std::string& date() {
  thread_local auto second = std::time_t{-1};
  thread_local auto text = std::string{};
  auto now = std::time(nullptr);
  if (now != second) {
    constexpr auto days
      = std::array{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr auto months
      = std::array{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    auto utc = std::tm{};
    gmtime_r(&now, &utc);
    auto rest = std::array<char, 32>{};
    auto size
      = std::strftime(rest.data(), rest.size(), " %Y %H:%M:%S GMT", &utc);
    auto day = std::to_string(utc.tm_mday);
    text = std::string{days[static_cast<std::size_t>(utc.tm_wday)]} + ", "
           + (day.size() == 1 ? "0" : "") + day + " "
           + months[static_cast<std::size_t>(utc.tm_mon)]
           + std::string{rest.data(), size};
    second = now;
  }
  return text;
}

bool is_token_char(char c) {
  constexpr auto others = std::string_view{"!#$%&'*+-.^_`|~"};
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
}

bool is_token(std::string_view x) {
  return !x.empty() && std::all_of(x.begin(), x.end(), is_token_char);
}

void append_value(std::string& out, std::string_view value) {
  for (auto c : value)
    out += (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) ? ' ' : c;
}

void append_header(std::string& out, std::string_view name,
                   std::string_view value) {
  if (!is_token(name))
    return;
  out += name;
  out += ": ";
  append_value(out, value);
  out += "\r\n";
}

/// Says how the reply is framed, which is not for handlers to say.
bool is_ours(std::string_view name) {
  constexpr auto ours = std::array<std::string_view, 4>{
    "Content-Length", "Transfer-Encoding", "Connection", "Date"};
  return std::any_of(ours.begin(), ours.end(),
                     [&](auto x) { return same_name(x, name); });
}

/// RFC 9110, section 8.6: these have no body and no length.
bool has_content(int status) {
  return status != 204 && status != 304;
}

/// An answer of another kind than a final one would confuse every client.
bool is_final(int status) {
  return status >= 200 && status <= 599;
}

} // namespace

std::string make_head(const response& x, const head_options& options) {
  auto out = std::string{};
  out.reserve(256 + (options.has_length ? x.body.size() : 0));
  out += "HTTP/1.1 ";
  out += std::to_string(x.status);
  out += ' ';
  out += reason_phrase(x.status);
  out += "\r\nDate: ";
  out += date();
  out += "\r\n";
  if (has_content(x.status)) {
    if (!x.content_type.empty())
      append_header(out, "Content-Type", x.content_type);
    if (options.has_length)
      append_header(out, "Content-Length", std::to_string(x.body.size()));
    else if (options.version_minor > 0)
      out += "Transfer-Encoding: chunked\r\n";
  }
  for (const auto& [name, value] : x.headers)
    if (!is_ours(name))
      append_header(out, name, value);
  if (!options.keep_alive)
    out += "Connection: close\r\n";
  else if (options.version_minor == 0)
    out += "Connection: keep-alive\r\n";
  out += "\r\n";
  return out;
}

struct exchange::state {
  state(http::request request, reply_to to)
    : request(std::move(request)), to(std::move(to)) {}

  state(const state&) = delete;
  state& operator=(const state&) = delete;

  ~state() { answer(problem(500, "the request was dropped unanswered")); }

  void answer(const response& x) {
    if (answered.exchange(true))
      return;
    if (is_final(x.status))
      send(x, true);
    else
      send(problem(500, "the answer had no valid status"), true);
  }

  void send(const response& x, bool has_length) {
    tell(x.status);
    auto bytes = make_head(x, {.version_minor = request.version_minor,
                               .keep_alive = to.keep_alive,
                               .has_length = has_length});
    if (request.method != method::head && has_content(x.status))
      bytes += x.body;
    to.box->put({command::kind::reply, to.connection, std::move(bytes), {}});
  }

  void tell(int status) const {
    if (to.listener && *to.listener)
      (*to.listener)(&request, status,
                     std::chrono::steady_clock::now() - began);
  }

  const http::request request;
  const reply_to to;
  const std::chrono::steady_clock::time_point began
    = std::chrono::steady_clock::now();
  std::atomic<bool> answered = false;
};

exchange::exchange(http::request request, reply_to to)
  : state_(std::make_shared<state>(std::move(request), std::move(to))) {}

const http::request& exchange::request() const {
  return state_->request;
}

void exchange::answer(const response& x) const {
  state_->answer(x);
}

void exchange::refuse(int status, std::string_view detail) const {
  state_->answer(problem(status, detail));
}

stream_writer
exchange::stream(const response& head, stream_callbacks callbacks) const {
  const auto& request = state_->request;
  const auto& to = state_->to;
  if (!is_final(head.status) || !has_content(head.status)) {
    answer(head);
    return {};
  }
  if (state_->answered.exchange(true))
    return {};
  if (request.method == method::head) {
    state_->send(head, false);
    return {};
  }
  state_->tell(head.status);
  auto chunked = request.version_minor > 0;
  auto stream
    = std::make_shared<stream_state>(to.stream_bytes_max, std::move(callbacks));
  auto bytes = make_head(head, {.version_minor = request.version_minor,
                                .keep_alive = to.keep_alive && chunked,
                                .has_length = false});
  auto loop_lives = false;
  std::ignore = stream->write(bytes.size(), [&] {
    loop_lives = to.box->put(
      {command::kind::begin, to.connection, std::move(bytes), stream});
  });
  if (!loop_lives)
    stream->close();
  auto writer = stream_writer{to.box, to.connection, stream,
                              chunked ? framing::chunked : framing::none};
  if (!head.body.empty())
    std::ignore = writer.write(head.body);
  return writer;
}

stream_writer exchange::open_socket(stream_callbacks callbacks) const {
  const auto& to = state_->to;
  auto key = web_socket_key(state_->request);
  if (!key) {
    auto reply = problem(426, "this is a WebSocket of version 13");
    reply.headers = {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}};
    answer(reply);
    return {};
  }
  if (state_->answered.exchange(true))
    return {};
  state_->tell(101);
  auto stream
    = std::make_shared<stream_state>(to.stream_bytes_max, std::move(callbacks));
  if (!to.box->put(
        {command::kind::upgrade, to.connection, std::move(*key), stream}))
    stream->close();
  return {to.box, to.connection, stream, framing::message};
}

} // namespace troupe::runtime::http
