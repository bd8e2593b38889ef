#include "tools/troupe/progress_line.hpp"

#include <cstdio>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/troupe/show.hpp"
#include "tools/troupe/table.hpp"

namespace troupe::tools {

namespace {

size_t width_of_stderr() {
  winsize size{};
  auto known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0;
  return known && size.ws_col > 1 ? size.ws_col : size_t{80};
}

} // namespace

progress_line::progress_line() : on_{stderr_is_terminal()} {}

void progress_line::show(const std::string& text) {
  if (!on_ || text == shown_)
    return;
  shown_ = text;
  // The last column stays free: some terminals go on to the next line there.
  fmt::print(stderr, "\r\x1b[K{}", cut(inert(text), width_of_stderr() - 1));
  std::fflush(stderr);
}

void progress_line::clear() {
  if (on_ && !shown_.empty())
    fmt::print(stderr, "\r\x1b[K");
  shown_.clear();
}

} // namespace troupe::tools
