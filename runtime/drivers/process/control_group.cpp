#include "runtime/drivers/process/control_group.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/drivers/process/process_identity.hpp"
#include "runtime/drivers/process/run_dir.hpp"

namespace troupe::runtime::process {

namespace {

constexpr auto folder = "/troupe";
// The kernel's own default. A shorter period costs switches, a longer one lets
// a task stutter.
constexpr auto cpu_period_us = int64_t{100'000};
constexpr auto cpu_quota_us_min = int64_t{1'000};

bool put(const std::string& file, const std::string& value) {
  auto fd = unique_fd{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
  if (!fd)
    return false;
  auto n = ::write(fd.get(), value.data(), value.size());
  return n == static_cast<ssize_t>(value.size());
}

int64_t number_in(const std::string& file) {
  auto text = read_file(file).value_or("");
  return std::strtoll(text.c_str(), nullptr, 10);
}

// Files of the form "name value\n".
int64_t number_named(const std::string& file, const std::string& name) {
  auto in = std::istringstream{read_file(file).value_or("")};
  auto key = std::string{};
  auto value = int64_t{};
  while (in >> key >> value)
    if (key == name)
      return value;
  return 0;
}

bool has_word(const std::string& text, const std::string& word) {
  auto in = std::istringstream{text};
  auto x = std::string{};
  while (in >> x)
    if (x == word)
      return true;
  return false;
}

// /proc/self/cgroup has lines such as "4:cpu,memory:/path", in version 2
// "0::/path". In a container the path may not exist below the mount point.
std::string own_group(const std::string& mount, const std::string& controller) {
  auto in = std::istringstream{read_file("/proc/self/cgroup").value_or("")};
  auto line = std::string{};
  while (std::getline(in, line)) {
    auto first = line.find(':');
    auto second = line.find(':', first + 1);
    if (second == std::string::npos)
      continue;
    auto names = line.substr(first + 1, second - first - 1);
    std::replace(names.begin(), names.end(), ',', ' ');
    auto ours
      = controller.empty() ? names.empty() : has_word(names, controller);
    auto path = mount + line.substr(second + 1);
    if (ours && ::access(path.c_str(), F_OK) == 0)
      return path == mount + "/" ? mount : path;
  }
  return mount;
}

bool make_directory(const std::string& path) {
  return ::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
}

// A group of version 2 with children that have controllers must have no process
// of its own. If all that are in it are this program's, they move to a leaf;
// strangers are never moved.
void make_room(const std::string& parent) {
  auto in
    = std::istringstream{read_file(parent + "/cgroup.procs").value_or("")};
  auto pids = std::vector<pid_t>{};
  for (auto pid = pid_t{}; in >> pid;) {
    auto stat = stat_of(pid);
    if (pid != ::getpid() && (!stat || stat->parent != ::getpid()))
      return;
    pids.push_back(pid);
  }
  auto leaf = parent + "/agent";
  if (make_directory(leaf))
    for (auto pid : pids)
      put(leaf + "/cgroup.procs", std::to_string(pid));
}

bool hand_down(const std::string& parent, const std::string& controller) {
  auto file = parent + "/cgroup.subtree_control";
  return has_word(read_file(file).value_or(""), controller)
         || put(file, "+" + controller);
}

std::string usable_one(const std::string& root, const std::string& controller) {
  auto mount = root + "/" + controller;
  if (::access((mount + "/cgroup.procs").c_str(), W_OK) != 0)
    return {};
  auto path = own_group(mount, controller) + folder;
  return make_directory(path) ? path : std::string{};
}

std::string
usable_two(const std::string& parent, const std::string& controller) {
  auto all = read_file(parent + "/cgroup.controllers").value_or("");
  if (!has_word(all, controller))
    return {};
  if (!hand_down(parent, controller)) {
    make_room(parent);
    if (!hand_down(parent, controller))
      return {};
  }
  auto path = parent + folder;
  if (!make_directory(path) || !hand_down(path, controller))
    return {};
  return path;
}

} // namespace

control_groups control_groups::detect(const std::string& root) {
  auto result = control_groups{};
  if (::access((root + "/cgroup.controllers").c_str(), F_OK) == 0) {
    result.version_ = version::two;
    auto parent = own_group(root, "");
    // The agent may have moved to the leaf at an earlier start.
    if (parent.ends_with("/agent"))
      parent.resize(parent.size() - std::string_view{"/agent"}.size());
    result.memory_ = usable_two(parent, "memory");
    result.cpu_ = usable_two(parent, "cpu");
  } else {
    result.memory_ = usable_one(root, "memory");
    result.cpu_ = usable_one(root, "cpu");
  }
  return result;
}

std::vector<std::string>
control_groups::directories(const std::string& name) const {
  auto result = std::vector<std::string>{};
  if (name.empty())
    return result;
  for (auto* parent : {&memory_, &cpu_}) {
    auto path = *parent + "/" + name;
    if (!parent->empty() && ::access(path.c_str(), F_OK) == 0
        && std::find(result.begin(), result.end(), path) == result.end())
      result.push_back(path);
  }
  return result;
}

std::vector<std::string>
control_groups::create(const std::string& name, group_limits limits) const {
  if (limits.memory_bytes > 0 && limits_memory()) {
    auto path = memory_ + "/" + name;
    make_directory(path);
    auto bytes = std::to_string(limits.memory_bytes);
    if (version_ == version::one) {
      put(path + "/memory.limit_in_bytes", bytes);
      put(path + "/memory.memsw.limit_in_bytes", bytes);
    } else {
      put(path + "/memory.max", bytes);
      put(path + "/memory.swap.max", "0");
    }
  }
  if (limits.cpu_millicores > 0 && limits_cpu()) {
    auto path = cpu_ + "/" + name;
    make_directory(path);
    auto period = std::to_string(cpu_period_us);
    auto quota = std::to_string(
      std::max(limits.cpu_millicores * cpu_period_us / 1000, cpu_quota_us_min));
    if (version_ == version::one) {
      put(path + "/cpu.cfs_period_us", period);
      put(path + "/cpu.cfs_quota_us", quota);
    } else {
      put(path + "/cpu.max", quota + " " + period);
    }
  }
  return doors(name);
}

std::vector<std::string> control_groups::doors(const std::string& name) const {
  auto result = directories(name);
  for (auto& path : result)
    path += "/cgroup.procs";
  return result;
}

std::optional<group_usage>
control_groups::usage(const std::string& name) const {
  auto path = memory_ + "/" + name;
  if (!limits_memory() || name.empty() || ::access(path.c_str(), F_OK) != 0)
    return std::nullopt;
  if (version_ == version::one)
    return group_usage{
      number_in(path + "/memory.usage_in_bytes")
        - number_named(path + "/memory.stat", "total_inactive_file"),
      number_in(path + "/memory.max_usage_in_bytes"),
      number_named(path + "/memory.oom_control", "oom_kill")};
  return group_usage{number_in(path + "/memory.current")
                       - number_named(path + "/memory.stat", "inactive_file"),
                     number_in(path + "/memory.peak"),
                     number_named(path + "/memory.events", "oom_kill")};
}

void control_groups::kill(const std::string& name) const {
  for (auto& door : doors(name)) {
    auto in = std::istringstream{read_file(door).value_or("")};
    for (auto pid = pid_t{}; in >> pid;)
      ::kill(pid, SIGKILL);
  }
}

void control_groups::remove(const std::string& name) const {
  for (auto& path : directories(name))
    ::rmdir(path.c_str());
}

} // namespace troupe::runtime::process
