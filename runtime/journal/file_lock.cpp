#include "runtime/journal/file_lock.hpp"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "runtime/journal/disk.hpp"
#include "runtime/journal/refusals.hpp"

namespace troupe::runtime {

namespace {

/// "pid 12 on host", for whoever finds the lock taken.
std::string own_name() {
  auto host = std::array<char, 256>{};
  gethostname(host.data(), host.size() - 1);
  return "pid " + std::to_string(getpid()) + " on " + host.data();
}

std::string holder_name(int fd) {
  auto text = std::array<char, 512>{};
  auto got = pread(fd, text.data(), text.size(), 0);
  if (got <= 0)
    return "another process";
  auto name = std::string{text.data(), static_cast<std::size_t>(got)};
  return name.substr(0, name.find('\n'));
}

} // namespace

expected<file_lock, journal_error>
file_lock::take(const std::filesystem::path& journal_path) {
  auto path = journal_path.string() + ".lock";
  auto lock = file_lock{open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (lock.fd_ < 0)
    return unexpected{
      refuse_errno(journal_path, "cannot create " + path, errno)};
  if (flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return unexpected{
        refuse(journal_ec::in_use, journal_path.string(),
               "is in use by " + holder_name(lock.fd_)
                 + "; stop that controller, or give this one its own path")};
    return unexpected{refuse_errno(journal_path, "cannot lock " + path, errno)};
  }
  auto name = own_name() + "\n";
  auto size = static_cast<ssize_t>(name.size());
  // The name is for people: on a full disk the lock holds without it.
  if (ftruncate(lock.fd_, 0) == 0
      && pwrite(lock.fd_, name.data(), name.size(), 0) != size)
    std::ignore = ftruncate(lock.fd_, 0);
  return lock;
}

expected<file_lock, journal_error>
file_lock::keep_free(const std::filesystem::path& journal_path) {
  auto path = journal_path.string() + ".lock";
  auto lock = file_lock{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (lock.fd_ >= 0 && flock(lock.fd_, LOCK_SH | LOCK_NB) != 0
      && errno == EWOULDBLOCK)
    return unexpected{refuse(journal_ec::in_use, journal_path.string(),
                             "is in use by " + holder_name(lock.fd_)
                               + "; stop that controller, or ask it instead")};
  return lock;
}

file_lock::file_lock(int fd) : fd_{fd} {}

file_lock::file_lock(file_lock&& other) noexcept
  : fd_{std::exchange(other.fd_, -1)} {}

file_lock::~file_lock() {
  if (fd_ >= 0)
    close(fd_);
}

} // namespace troupe::runtime
