#include "runtime/http/parser.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "messages/contract.hpp"

#include "runtime/http/target.hpp"

namespace troupe::runtime::http {

namespace {

namespace beast = boost::beast;
using beast::error_code;
using beast::http::error;

// A chunk header or the trailers must end within this many bytes.
constexpr auto chunk_header_bytes_max = std::size_t{16 * 1024};

// No chunked body ends in less: "0\r\n\r\n". Beast asserts it, so it never
// gets less at once while chunks are due.
constexpr auto last_chunk_bytes_min = std::size_t{5};

std::string_view view(beast::string_view x) {
  return {x.data(), x.size()};
}

std::optional<method> method_of(std::string_view x) {
  constexpr auto all
    = std::array{method::get,   method::head, method::post,   method::put,
                 method::patch, method::del,  method::options};
  for (auto m : all)
    if (to_string(m) == x)
      return m;
  return std::nullopt;
}

bool all_digits(std::string_view x) {
  return !x.empty() && std::all_of(x.begin(), x.end(), [](char c) {
    return c >= '0' && c <= '9';
  });
}

/// Returns whether the line names a version that has the right form but is not
/// ours, such as `PRI * HTTP/2.0`.
bool is_other_version(std::string_view line) {
  auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (line.size() < 9)
    return false;
  auto end = line.substr(line.size() - 9);
  return end.starts_with(" HTTP/") && digit(end[6]) && end[7] == '.'
         && digit(end[8]);
}

/// Collects what Beast finds; refuses what Beast lets pass.
class collector final : public beast::http::basic_parser<true> {
public:
  collector(const parser_options& options, request& out)
    : options_(options), out_(out) {
    eager(true);
    body_limit(options.body_bytes_max);
    // The limit that counts is kept outside: this one starts anew with each
    // call of put.
    header_limit(static_cast<std::uint32_t>(options.header_bytes_max + 1));
  }

  /// Set if it was not Beast that refused.
  std::optional<refusal> refused;

  bool has_body = false;

private:
  void refuse(int status, std::string detail, error_code& ec) {
    refused = refusal{status, std::move(detail)};
    ec = error::bad_value;
  }

  void on_request_impl(beast::http::verb, beast::string_view name,
                       beast::string_view text, int version,
                       error_code& ec) override {
    out_.version_minor = version % 10;
    auto m = method_of(view(name));
    if (view(name) == "CONNECT")
      return refuse(400, "CONNECT is for proxies", ec);
    if (!m)
      return refuse(501, "unknown method", ec);
    out_.method = *m;
    auto parts = http::parse_target(view(text));
    if (!parts)
      return refuse(400, std::move(parts.error()), ec);
    out_.path = std::move(parts->path);
    out_.segments = std::move(parts->segments);
    out_.query = std::move(parts->query);
  }

  void on_response_impl(int, beast::string_view, int, error_code&) override {
    // Never called for requests.
  }

  void on_field_impl(beast::http::field id, beast::string_view name,
                     beast::string_view value, error_code& ec) override {
    if (++headers_ > options_.headers_max)
      return refuse(431, "too many headers", ec);
    if (head_done_)
      return; // A trailer must not pass for a header.
    if (id == beast::http::field::content_length) {
      if (std::exchange(length_seen_, true) || !all_digits(view(value)))
        return refuse(400, "bad Content-Length", ec);
    }
    if (id == beast::http::field::transfer_encoding) {
      // Beast takes `chunked, identity` for a request without a body.
      if (!same_name(view(value), "chunked") || out_.version_minor == 0)
        return refuse(400, "bad Transfer-Encoding", ec);
    }
    out_.headers.emplace_back(view(name), view(value));
  }

  void on_header_impl(error_code&) override {
    head_done_ = true;
    auto length = content_length();
    has_body = chunked() || (length && *length > 0);
  }

  void on_body_init_impl(const boost::optional<std::uint64_t>& length,
                         error_code&) override {
    // What was announced is not yet memory of ours, what came is.
    if (length)
      out_.body.reserve(std::min<std::size_t>(*length, 64 * 1024));
  }

  std::size_t on_body_impl(beast::string_view bytes, error_code&) override {
    out_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }

  void on_chunk_header_impl(std::uint64_t, beast::string_view,
                            error_code&) override {
    // Extensions mean nothing here.
  }

  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes,
                                 error_code&) override {
    out_.body.append(bytes.data(), bytes.size());
    return bytes.size();
  }

  void on_finish_impl(error_code&) override {}

  const parser_options& options_;
  request& out_;
  std::size_t headers_ = 0;
  bool length_seen_ = false;
  bool head_done_ = false;
};

} // namespace

struct parser::impl {
  explicit impl(const parser_options& x) : options(x) { reset(); }

  void reset() {
    message = {};
    beast.emplace(options, message);
    stage = stage::head;
    head_bytes = line_begin = search_begin = 0;
    line_done = blank_seen = false;
  }

  void fail(int status, std::string detail) {
    failure = {status, std::move(detail)};
    stage = stage::failed;
  }

  void fail(const error_code& ec, std::string_view line) {
    if (beast->refused)
      return fail(beast->refused->status, beast->refused->detail);
    if (ec == error::body_limit)
      return fail(413, "the body is larger than "
                         + std::to_string(options.body_bytes_max) + " bytes");
    if (ec == error::bad_version && is_other_version(line))
      return fail(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    fail(400, "malformed request: " + ec.message());
  }

  /// Feeds Beast. Returns how much it took; fails if it refuses or stops short.
  std::size_t feed(std::string_view bytes, std::string_view line = {}) {
    auto ec = error_code{};
    auto taken = beast->put({bytes.data(), bytes.size()}, ec);
    if (ec && ec != error::need_more)
      fail(ec, line);
    return taken;
  }

  // -- head ------------------------------------------------------------------

  // The head is cut into lines here, because only so folded headers, bare line
  // feeds, and its whole size can be seen. Beast gets the first line as soon
  // as it is complete and the headers all at once: it reads a header twice if
  // it does not see the line after it.

  std::size_t put_head(std::string_view bytes) {
    auto taken = std::size_t{0};
    while (stage == stage::head) {
      auto rest = bytes.substr(taken);
      auto feed_end = rest.find('\n', search_begin);
      if (!fits(rest.size(), feed_end) || !starts_well(rest))
        break;
      if (feed_end == std::string_view::npos) {
        search_begin = rest.size();
        break;
      }
      taken += put_line(rest, feed_end);
    }
    return taken;
  }

  bool fits(std::size_t size, std::size_t feed_end) {
    auto end = feed_end == std::string_view::npos ? size : feed_end + 1;
    if (head_bytes + end <= options.header_bytes_max)
      return true;
    if (line_done)
      fail(431, "the headers are larger than "
                  + std::to_string(options.header_bytes_max) + " bytes");
    else
      fail(414, "the request line is too long");
    return false;
  }

  /// Spares a client that speaks something else, such as TLS, the deadline.
  bool starts_well(std::string_view rest) {
    if (line_done || rest.empty())
      return true;
    auto c = rest.front();
    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
        || (c == '\r' && !blank_seen) || c == '\n')
      return true;
    fail(400, "not an HTTP request");
    return false;
  }

  /// Looks at the line that ends at `feed_end`. Returns how much was taken.
  std::size_t put_line(std::string_view rest, std::size_t feed_end) {
    if (feed_end == line_begin || rest[feed_end - 1] != '\r') {
      fail(400, "a line must end with CR LF");
      return 0;
    }
    auto line = rest.substr(line_begin, feed_end - 1 - line_begin);
    line_begin = search_begin = feed_end + 1;
    if (!line_done)
      return put_request_line(rest.substr(0, feed_end + 1), line);
    if (line.empty())
      return put_headers(rest.substr(0, feed_end + 1));
    if (line.front() == ' ' || line.front() == '\t')
      fail(400, "folded header");
    return 0;
  }

  std::size_t put_request_line(std::string_view bytes, std::string_view line) {
    line_begin = search_begin = 0;
    head_bytes += bytes.size();
    // RFC 9112, section 2.2: one empty line before the request is forgiven.
    if (line.empty() && !std::exchange(blank_seen, true))
      return bytes.size();
    line_done = true;
    auto taken = feed(bytes, line);
    if (stage == stage::head && taken != bytes.size())
      fail(400, "malformed request line");
    return bytes.size();
  }

  std::size_t put_headers(std::string_view bytes) {
    head_bytes += bytes.size();
    auto taken = feed(bytes);
    if (stage == stage::failed)
      return bytes.size();
    if (taken != bytes.size() || !beast->is_header_done())
      fail(400, "malformed headers");
    else
      stage = beast->is_done() ? stage::done : stage::body;
    return bytes.size();
  }

  // -- body ------------------------------------------------------------------

  std::size_t put_body(std::string_view bytes) {
    if (bytes.empty()
        || (beast->chunked() && bytes.size() < last_chunk_bytes_min))
      return 0;
    auto taken = feed(bytes);
    if (stage == stage::failed)
      return taken;
    if (beast->is_done())
      stage = stage::done;
    else if (bytes.size() - taken > chunk_header_bytes_max)
      fail(400, "a chunk header or the trailers are too long");
    return taken;
  }

  parser_options options;
  request message;
  std::optional<collector> beast;
  enum stage stage = stage::head;
  refusal failure;

  // Bytes of the head that were taken. The two others count from the first
  // byte that was not.
  std::size_t head_bytes = 0;
  std::size_t line_begin = 0;
  std::size_t search_begin = 0;
  bool line_done = false;
  bool blank_seen = false;
};

parser::parser(const parser_options& options)
  : impl_(std::make_unique<impl>(options)) {}

parser::~parser() = default;

std::size_t parser::put(std::string_view bytes) {
  switch (impl_->stage) {
  case stage::head:
    return impl_->put_head(bytes);
  case stage::body:
    return impl_->put_body(bytes);
  case stage::done:
  case stage::failed:
    break;
  }
  return 0;
}

parser::stage parser::where() const {
  return impl_->stage;
}

http::request& parser::message() {
  return impl_->message;
}

const refusal& parser::failure() const {
  TROUPE_ASSERT(impl_->stage == stage::failed);
  return impl_->failure;
}

bool parser::keep_alive() const {
  return impl_->beast->is_header_done() && impl_->beast->keep_alive();
}

bool parser::has_body() const {
  return impl_->beast->has_body;
}

void parser::reset() {
  impl_->reset();
}

} // namespace troupe::runtime::http
