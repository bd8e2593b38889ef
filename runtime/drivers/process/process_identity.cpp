#include "runtime/drivers/process/process_identity.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>

namespace troupe::runtime::process {

namespace {

std::string first_bytes(const char* path) {
  auto fd = unique_fd{::open(path, O_RDONLY | O_CLOEXEC)};
  if (!fd)
    return {};
  char buffer[1024];
  auto n = ::read(fd.get(), buffer, sizeof(buffer));
  return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : std::string{};
}

// pidfd_open and pidfd_send_signal have no wrapper before glibc 2.36.
int pidfd_open(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}

} // namespace

const std::string& boot_id() {
  static const auto id = [] {
    auto text = first_bytes("/proc/sys/kernel/random/boot_id");
    while (!text.empty() && text.back() == '\n')
      text.pop_back();
    return text;
  }();
  return id;
}

std::optional<process_stat> stat_of(pid_t pid) {
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/%d/stat", pid);
  auto text = first_bytes(path);
  // The command's name may hold anything, also spaces and parentheses.
  auto name_end = text.rfind(')');
  if (name_end == std::string::npos)
    return std::nullopt;
  auto x = process_stat{};
  auto user = 0ul, system = 0ul, user_children = 0ul, system_children = 0ul;
  auto start = 0ull;
  auto pages = 0l;
  // From field 3 (state) to field 24 (rss).
  auto n = std::sscanf(
    text.c_str() + name_end + 1,
    " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %lu %lu %lu %lu %*d %*d %*d "
    "%*d %llu %*u %ld",
    &x.state, &x.parent, &x.session, &user, &system, &user_children,
    &system_children, &start, &pages);
  if (n != 9)
    return std::nullopt;
  x.cpu_ticks = user + system;
  x.cpu_ticks_of_children = user_children + system_children;
  x.start_ticks = start;
  x.memory_bytes = int64_t{pages} * ::sysconf(_SC_PAGESIZE);
  return x;
}

std::optional<process_identity> identify(pid_t pid) {
  auto stat = stat_of(pid);
  if (!stat)
    return std::nullopt;
  return process_identity{pid, stat->start_ticks, boot_id()};
}

std::optional<unique_fd> open_process(const process_identity& wanted) {
  if (wanted.pid <= 0 || wanted.boot_id != boot_id())
    return std::nullopt;
  // First the handle, then the question: the other way round, the process
  // could be replaced in between.
  auto fd = unique_fd{pidfd_open(wanted.pid)};
  auto stat = stat_of(wanted.pid);
  if (!fd || !stat || stat->start_ticks != wanted.start_ticks)
    return std::nullopt;
  // Dead, but nobody has waited for it yet.
  if (stat->state == 'Z' || stat->state == 'X')
    return std::nullopt;
  return fd;
}

int send_signal(const unique_fd& pidfd, int signal) {
  auto rc = ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0);
  return rc == 0 ? 0 : errno;
}

process_table all_processes() {
  auto result = process_table{};
  auto* dir = ::opendir("/proc");
  if (!dir)
    return result;
  while (auto* entry = ::readdir(dir)) {
    auto pid = pid_t{};
    auto* end = entry->d_name + std::strlen(entry->d_name);
    auto [rest, error] = std::from_chars(entry->d_name, end, pid);
    if (error != std::errc{} || rest != end)
      continue;
    if (auto stat = stat_of(pid))
      result.emplace(pid, *stat);
  }
  ::closedir(dir);
  return result;
}

std::vector<pid_t> descendants(const process_table& table, pid_t ancestor) {
  auto children = std::multimap<pid_t, pid_t>{};
  for (auto& [pid, stat] : table)
    children.emplace(stat.parent, pid);
  auto result = std::vector<pid_t>{};
  auto add_children = [&](pid_t parent) {
    auto [first, last] = children.equal_range(parent);
    for (; first != last; ++first)
      result.push_back(first->second);
  };
  add_children(ancestor);
  for (auto i = size_t{0}; i < result.size(); ++i)
    add_children(result[i]);
  return result;
}

void kill_session(const process_identity& leader) {
  if (leader.pid <= 1 || leader.boot_id != boot_id())
    return;
  // A session can outlive its leader; its id is not given away meanwhile. If
  // somebody else has the id, the session is his.
  auto table = all_processes();
  auto owner = table.find(leader.pid);
  if (owner != table.end() && owner->second.start_ticks != leader.start_ticks)
    return;
  for (auto& [pid, stat] : table) {
    if (stat.session != leader.pid || stat.start_ticks < leader.start_ticks)
      continue;
    auto member = process_identity{pid, stat.start_ticks, leader.boot_id};
    if (auto fd = open_process(member))
      send_signal(*fd, SIGKILL);
  }
}

} // namespace troupe::runtime::process
