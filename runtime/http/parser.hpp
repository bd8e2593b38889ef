#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "runtime/http/message.hpp"

namespace troupe::runtime::http {

struct parser_options {
  /// Request line and headers together, in bytes; then 431, or 414 if the line
  /// alone is longer.
  std::size_t header_bytes_max = 32 * 1024;
  /// Beyond: 431.
  std::size_t headers_max = 100;
  /// Beyond: 413.
  std::size_t body_bytes_max = 16 * 1024 * 1024;
};

/// Makes requests from bytes, the same ones however the bytes are cut. Beast
/// does the parsing. Refused here, because Beast lets it pass: folded headers,
/// a `Content-Length` that is repeated or not plain digits, any
/// `Transfer-Encoding` but `chunked`, endless headers in small pieces, endless
/// chunk extensions. Trailers are checked and dropped.
///
///   head -> body -> done      [put]
///   head -> done              [put]   no body
///   head, body -> failed      [put]
///   done -> head              [reset]
///
/// Source: RFC 9112.
class parser {
public:
  enum class stage : std::uint8_t { head, body, done, failed };

  explicit parser(const parser_options& options);
  ~parser();

  /// Takes bytes from the front of `bytes` and returns how many; what is left
  /// must come again, together with what follows. Returns early at the end of
  /// the head, so that it can be judged before the body comes.
  [[nodiscard]] std::size_t put(std::string_view bytes);

  [[nodiscard]] stage where() const;

  /// The request, to be moved out of when done. Head only in stage `body`.
  [[nodiscard]] http::request& message();

  /// Why it failed. REQUIRES: where() == stage::failed.
  [[nodiscard]] const refusal& failure() const;

  /// Whether the client wants to send another request after this one.
  [[nodiscard]] bool keep_alive() const;

  [[nodiscard]] bool has_body() const;

  /// Begins the next request.
  void reset();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::runtime::http
