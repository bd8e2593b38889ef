#include "runtime/drivers/process/log_cursor.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/drivers/process/rotating_log.hpp"

namespace troupe::runtime::process {

namespace {

// More files than a stream may reasonably have: a bound for the search.
constexpr auto age_max = 64;

struct log_file {
  unique_fd fd;
  int64_t size = 0;
};

unique_fd open_log(const std::string& path) {
  return unique_fd{
    ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool is_at(const unique_fd& fd, const std::string& path) {
  struct stat mine, there;
  return ::fstat(fd.get(), &mine) == 0 && ::lstat(path.c_str(), &there) == 0
         && same_file(mine, there);
}

/// How often the open file was rotated; nothing if it was dropped.
std::optional<int> age_of(const unique_fd& fd, const std::string& path) {
  for (auto age = 0; age < age_max; ++age)
    if (is_at(fd, rotated_name(path, age)))
      return age;
  return std::nullopt;
}

/// All files of the stream, oldest first.
std::vector<log_file> open_all(const std::string& path) {
  auto oldest = 0;
  while (oldest + 1 < age_max
         && ::access(rotated_name(path, oldest + 1).c_str(), F_OK) == 0)
    ++oldest;
  auto result = std::vector<log_file>{};
  for (auto age = oldest; age >= 0; --age) {
    auto fd = open_log(rotated_name(path, age));
    struct stat status;
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode))
      continue;
    // A rotation in between shows one file twice.
    if (!result.empty()) {
      struct stat last;
      if (::fstat(result.back().fd.get(), &last) == 0
          && same_file(last, status))
        continue;
    }
    result.push_back({std::move(fd), status.st_size});
  }
  return result;
}

/// Bytes from the end of `file` at which its last `lines` lines begin. `lines`
/// becomes less by those found. The line end at the very end counts for the
/// line before it.
int64_t bytes_of_lines(const log_file& file, int64_t& lines, bool is_newest) {
  auto position = file.size;
  char buffer[64 * 1024];
  while (position > 0) {
    auto size = std::min<int64_t>(position, sizeof(buffer));
    auto n = ::pread(file.fd.get(), buffer, static_cast<size_t>(size),
                     position - size);
    if (n != size)
      break;
    for (auto i = n - 1; i >= 0; --i) {
      auto at = position - size + i;
      if (buffer[i] != '\n' || (is_newest && at == file.size - 1))
        continue;
      if (--lines == 0)
        return file.size - at - 1;
    }
    position -= size;
  }
  return file.size;
}

} // namespace

log_cursor::log_cursor(const run_dir& dir, log_stream stream, log_start start)
  : dir_{dir}, path_{dir.log(stream)} {
  go_to(start);
}

void log_cursor::go_to(log_start start) {
  auto files = open_all(path_);
  if (files.empty())
    return;
  auto all = int64_t{0};
  for (auto& file : files)
    all += file.size;
  auto wanted = all;
  if (start.tail_bytes >= 0)
    wanted = std::min(wanted, start.tail_bytes);
  if (start.tail_lines == 0)
    wanted = 0;
  if (start.tail_lines > 0) {
    auto lines = start.tail_lines;
    auto found = int64_t{0};
    for (auto i = files.size(); i > 0 && lines > 0; --i)
      found += bytes_of_lines(files[i - 1], lines, i == files.size());
    wanted = std::min(wanted, found);
  }
  auto skipped = all - wanted;
  for (auto& file : files) {
    auto here = std::min(skipped, file.size);
    skipped -= here;
    ::lseek(file.fd.get(), here, SEEK_SET);
    fd_ = std::move(file.fd);
    if (here < file.size)
      return;
  }
}

log_chunk log_cursor::read(size_t bytes_max) {
  // Asked before reading: what is written in between is then read next time.
  auto ended = dir_.has_exit() || ::access(dir_.path().c_str(), F_OK) != 0;
  for (;;) {
    auto bytes = read_here(bytes_max);
    // More may follow what has been read, also of a run that has ended.
    if (!bytes.empty())
      return {std::move(bytes), false};
    if (!go_on())
      return {{}, ended};
    if (auto more = read_here(bytes_max); !more.empty())
      return {std::move(more), false};
  }
}

std::string log_cursor::read_here(size_t bytes_max) {
  auto result = std::string{};
  if (!fd_)
    return result;
  result.resize(bytes_max);
  auto n = ssize_t{};
  do {
    n = ::read(fd_.get(), result.data(), bytes_max);
  } while (n < 0 && errno == EINTR);
  result.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return result;
}

/// Goes to the next file, if there is one and this one is at its end. Returns
/// whether something may be there to read.
bool log_cursor::go_on() {
  if (!fd_) {
    auto files = open_all(path_);
    if (!files.empty())
      fd_ = std::move(files.front().fd);
    return !files.empty();
  }
  auto age = age_of(fd_, path_);
  if (age == 0)
    return false;
  // It was rotated, so nobody writes to it any more: what came since the last
  // look is still to be read.
  auto position = ::lseek(fd_.get(), 0, SEEK_CUR);
  struct stat status;
  if (::fstat(fd_.get(), &status) == 0 && status.st_size > position)
    return true;
  if (!age) {
    auto files = open_all(path_);
    if (files.empty())
      return false;
    has_missed_ = true;
    fd_ = std::move(files.front().fd);
    return true;
  }
  auto next = open_log(rotated_name(path_, *age - 1));
  // Between the two looks, another rotation may have moved them all.
  if (!next || !is_at(fd_, rotated_name(path_, *age)))
    return static_cast<bool>(next);
  fd_ = std::move(next);
  return true;
}

std::string read_log(const run_dir& dir, log_stream stream, log_start start,
                     size_t bytes_max) {
  auto bound = static_cast<int64_t>(bytes_max);
  if (start.tail_bytes < 0 || start.tail_bytes > bound)
    start.tail_bytes = bound;
  auto cursor = log_cursor{dir, stream, start};
  auto result = std::string{};
  while (result.size() < bytes_max) {
    auto chunk
      = cursor.read(std::min<size_t>(bytes_max - result.size(), 256 * 1024));
    if (chunk.bytes.empty())
      break;
    result += chunk.bytes;
  }
  return result;
}

} // namespace troupe::runtime::process
