#include <chrono>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/troupe/figures.hpp"
#include "tools/troupe/show.hpp"

namespace troupe::tools {

bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}

bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

screen screen_of_stdout() {
  screen result;
  auto now = std::chrono::system_clock::now().time_since_epoch();
  result.now.ms
    = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  if (!stdout_is_terminal())
    return result;
  auto* term = std::getenv("TERM");
  auto* no_color = std::getenv("NO_COLOR");
  result.l.colour = (no_color == nullptr || *no_color == '\0')
                    && term != nullptr && std::string_view{term} != "dumb";
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
    result.l.width = size.ws_col;
  return result;
}

tone tone_of_state(std::string_view state) {
  for (auto x : {"running", "ready", "succeeded", "healthy", "cached"})
    if (state == x)
      return tone::good;
  for (auto x : {"failed", "lost", "unhealthy", "removed", "broken"})
    if (state == x)
      return tone::bad;
  for (auto x : {"pending", "placed", "starting", "degraded", "waiting",
                 "reserving", "cordoned", "draining", "drained", "unknown"})
    if (state == x)
      return tone::waiting;
  return tone::plain;
}

std::string tasks_text(const json_value& job) {
  auto& counts = field(job, "tasks");
  std::string_view wanted
    = text(job, "kind") == "batch" ? "succeeded" : "running";
  // Those that have the result of another have succeeded.
  auto done = whole(counts, wanted)
              + (wanted == "succeeded" ? whole(counts, "cached") : 0);
  auto result = fmt::format("{}/{} {}", done, whole(job, "count"), wanted);
  for (auto& [state, count] : members(counts))
    if (state != wanted && whole(counts, state) > 0)
      result += fmt::format(", {} {}", whole(counts, state),
                            std::string_view{state});
  return result;
}

std::string reason_text(const json_value& x) {
  auto reason = text(x, "reason");
  auto message = text(x, "message");
  if (reason == "none")
    reason.clear();
  if (reason.empty() || message.empty())
    return reason + message;
  return reason + ": " + message;
}

std::string age_of(const json_value& x, std::string_view key, timestamp now) {
  auto then = moment(x, key);
  return then ? age_text(now - *then) : "";
}

std::string pairs_text(const json_value& object) {
  std::string result;
  for (auto& [key, value] : members(object)) {
    auto right = plain(value);
    result += (result.empty() ? "" : ", ") + std::string{key}
              + (right.empty() ? "" : '=' + right);
  }
  return result;
}

} // namespace troupe::tools
