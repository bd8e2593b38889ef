#include "runtime/drivers/process/rotating_log.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>

namespace troupe::runtime::process {

rotating_log::rotating_log(std::string path, log_limits limits)
  : path_{std::move(path)}, limits_{limits} {
  limits_.bytes_per_file = std::max<int64_t>(limits_.bytes_per_file, 1);
  limits_.files_per_stream = std::max(limits_.files_per_stream, 1);
}

void rotating_log::write(std::string_view bytes) {
  while (!bytes.empty()) {
    if (size_ >= limits_.bytes_per_file)
      rotate();
    if (!fd_)
      open();
    auto room = static_cast<size_t>(limits_.bytes_per_file - size_);
    auto n = ::write(fd_.get(), bytes.data(), std::min(room, bytes.size()));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return;
    size_ += n;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

// Nobody writes to a file after it was renamed; readers rely on that.
void rotating_log::rotate() {
  fd_.reset();
  size_ = 0;
  auto oldest = limits_.files_per_stream - 1;
  if (oldest == 0)
    ::unlink(path_.c_str());
  for (auto age = oldest; age > 0; --age)
    std::rename(rotated_name(path_, age - 1).c_str(),
                rotated_name(path_, age).c_str());
}

void rotating_log::open() {
  fd_.reset(
    ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

std::string rotated_name(const std::string& path, int age) {
  return age == 0 ? path : path + "." + std::to_string(age);
}

} // namespace troupe::runtime::process
