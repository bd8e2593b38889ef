#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/expected.hpp"

#include "tools/troupe/command_line.hpp"
#include "tools/troupe/exit_code.hpp"
#include "tools/troupe/fields.hpp"
#include "tools/troupe/url.hpp"

namespace troupe::tools {

/// Where the controller is, and who asks.
struct connection {
  std::string address = "http://127.0.0.1:4640";
  /// Sent as a bearer token; empty for none.
  std::string token{};
  /// PEM file of the authorities to trust for https; empty: the system's.
  std::string authority{};
};

/// What the environment says: `TROUPE_ADDRESS`, `TROUPE_TOKEN`, `TROUPE_TLS_CA`.
[[nodiscard]] connection connection_of_environment();

/// Declares `--address`, `--token` and `--tls-ca`.
void declare(command_line& line, connection& x);

struct rest_request {
  std::string method = "GET";
  url target;
  /// Sent as JSON, unless it is empty.
  std::string body{};
  std::string accept = "application/json";
  /// Lines such as `Idempotency-Key: x`.
  std::vector<std::string> headers{};
  /// For the whole exchange. 0: none, for streams.
  std::chrono::milliseconds timeout{60'000};
};

struct rest_reply {
  int status = 0;
  std::string body{};
};

/// One of several streams that are read at once.
struct rest_stream {
  rest_request request;
  /// Takes the pieces of a 2xx body. False ends this stream.
  std::function<bool(std::string_view)> on_data;
};

/// Asks the controller, one question at a time, and waits for its answer.
///
/// Errors of all functions: `unreachable` if there is no complete answer; the
/// code that belongs to the status, with the controller's own sentences, for
/// answers other than 2xx.
class rest {
public:
  explicit rest(connection x) : connection_{std::move(x)} {}

  [[nodiscard]] expected<rest_reply, failure> send(const rest_request& x) const;

  /// Answers the body as JSON; null if it is empty.
  [[nodiscard]] expected<json_value, failure> get(const url& target) const;
  [[nodiscard]] expected<json_value, failure>
  call(std::string_view method, const url& target,
       const json_value& body = {}) const;
  [[nodiscard]] expected<json_value, failure>
  call_with(const rest_request& x) const;

  /// Reads streams until all have ended, from one thread.
  /// @returns [stream], same order: why it broke, or nothing if it ended.
  [[nodiscard]] std::vector<std::optional<failure>>
  read(std::vector<rest_stream> streams) const;

private:
  connection connection_;
};

/// What an answer other than 2xx means: a problem as RFC 9457 has it becomes
/// sentences, one a line, with their pointers.
[[nodiscard]] failure failure_of(const rest_reply& x);

/// What it means that there is no answer. `why` is a clause.
[[nodiscard]] failure
no_answer(const std::string& address, std::string_view why);

} // namespace troupe::tools
