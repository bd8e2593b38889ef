#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace troupe::tools {

/// One message of an event stream.
struct sse_message {
  /// As last given, by this message or one before.
  std::string id{};
  std::string event{};
  std::string data{};
  bool operator==(const sse_message&) const = default;
};

/// Reads an event stream that comes in pieces.
/// Source: HTML Living Standard, sec. 9.2.6.
class sse_reader {
public:
  /// Takes the next piece and calls `on_message` for each that it completes. A
  /// line longer than 16 MiB is cut there.
  void feed(std::string_view piece,
            const std::function<void(const sse_message&)>& on_message);

  /// The last id; what is asked for after a break is what follows it.
  [[nodiscard]] const std::string& last_id() const { return next_.id; }

  /// Forgets a message that was cut by a break.
  void reset();

private:
  void take_line(std::string_view line,
                 const std::function<void(const sse_message&)>& on_message);

  std::string line_;
  bool after_return_ = false;
  bool has_data_ = false;
  sse_message next_;
};

} // namespace troupe::tools
