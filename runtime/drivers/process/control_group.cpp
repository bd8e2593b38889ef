#include "runtime/drivers/process/control_group.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

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

// All tasks together would weigh as much as one process that is in no group: they
// get the weight of the whole machine, unless somebody has set another one.
void weigh(const std::string& folder_path, const std::string& file,
           int64_t usual) {
  auto cores = std::max(std::thread::hardware_concurrency(), 1U);
  auto path = folder_path + file;
  if (!folder_path.empty() && cores > 1 && number_in(path) == usual)
    put(path, std::to_string(std::min(usual * int64_t{cores}, usual * 100)));
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
    weigh(result.cpu_, "/cpu.weight", 100);
  } else {
    result.memory_ = usable_one(root, "memory");
    result.cpu_ = usable_one(root, "cpu");
    weigh(result.cpu_, "/cpu.shares", 1024);
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
  if (limits_memory()) {
    auto path = memory_ + "/" + name;
    make_directory(path);
    if (limits.memory_bytes > 0)
      put_memory(path, limits.memory_bytes);
  }
  if (limits_cpu()) {
    auto path = cpu_ + "/" + name;
    make_directory(path);
    put_weight(path, limits.cpu_millicores_reserved);
    if (limits.cpu_millicores > 0)
      put_cpu(path, limits.cpu_millicores);
  }
  return doors(name);
}

expected<group_limits, std::string>
control_groups::limit(const std::string& name, group_limits wanted) const {
  auto cpu = cpu_ + "/" + name;
  auto memory = memory_ + "/" + name;
  if (name.empty() || !limits_cpu() || !limits_memory()
      || ::access(cpu.c_str(), F_OK) != 0
      || ::access(memory.c_str(), F_OK) != 0)
    return make_unexpected(std::string{
      "it runs without control groups: its limits cannot be moved"});
  if (!put_memory(memory, wanted.memory_bytes))
    return make_unexpected("its memory limit cannot be written below " + memory
                           + ": " + std::strerror(errno));
  if (!put_cpu(cpu, wanted.cpu_millicores))
    return make_unexpected("its cpu limit cannot be written below " + cpu + ": "
                           + std::strerror(errno));
  if (wanted.memory_bytes > 0)
    wanted.memory_bytes = number_in(
      memory
      + (version_ == version::one ? "/memory.limit_in_bytes" : "/memory.max"));
  return wanted;
}

bool control_groups::put_cpu(const std::string& path,
                             int64_t millicores) const {
  auto period = std::to_string(cpu_period_us);
  auto quota = std::to_string(
    std::max(millicores * cpu_period_us / 1000, cpu_quota_us_min));
  if (version_ == version::two)
    return put(path + "/cpu.max",
               (millicores > 0 ? quota : std::string{"max"}) + " " + period);
  return put(path + "/cpu.cfs_period_us", period)
         && put(path + "/cpu.cfs_quota_us", millicores > 0 ? quota : "-1");
}

// In version 1, 1024 shares stand for one cpu and 2 are the least; version 2
// maps them to 1..10000, as container runtimes do.
void control_groups::put_weight(const std::string& path,
                                int64_t millicores) const {
  if (millicores <= 0)
    return;
  auto shares = std::clamp<int64_t>(
    std::min<int64_t>(millicores, 1'000'000) * 1024 / 1000, 2, 262'144);
  if (version_ == version::one)
    put(path + "/cpu.shares", std::to_string(shares));
  else
    put(path + "/cpu.weight",
        std::to_string(1 + (shares - 2) * 9'999 / 262'142));
}

bool control_groups::put_memory(const std::string& path, int64_t bytes) const {
  return version_ == version::one ? put_memory_one(path, bytes)
                                  : put_memory_two(path, bytes);
}

// The limit with swap is never below the one without, at no moment. Where swap is
// not accounted, there is only one. A limit below what is used makes the kernel
// look for pages that nobody needs; it says EBUSY if there are too few.
bool control_groups::put_memory_one(const std::string& path,
                                    int64_t bytes) const {
  constexpr auto tries_max = 3;
  auto limit = path + "/memory.limit_in_bytes";
  auto with_swap = path + "/memory.memsw.limit_in_bytes";
  auto before = number_in(limit);
  if (bytes <= 0 || bytes >= before) {
    auto text = bytes > 0 ? std::to_string(bytes) : std::string{"-1"};
    put(with_swap, text);
    return put(limit, text);
  }
  for (auto i = 0; i < tries_max; ++i) {
    if (put(limit, std::to_string(bytes))) {
      put(with_swap, std::to_string(bytes));
      return true;
    }
    if (errno != EBUSY)
      return false;
    auto used = number_in(path + "/memory.usage_in_bytes");
    bytes = used + used / 64;
    // It uses all that it may: nothing is to be taken from it.
    if (bytes >= before)
      return true;
  }
  return true;
}

// Below what is used the kernel would kill at once: there it takes back what it
// can, and slows down whoever wants more.
bool control_groups::put_memory_two(const std::string& path,
                                    int64_t bytes) const {
  if (bytes <= 0)
    return put(path + "/memory.high", "max")
           && put(path + "/memory.max", "max");
  put(path + "/memory.swap.max", "0");
  auto used = number_in(path + "/memory.current");
  auto high = std::to_string(bytes);
  auto most = std::to_string(std::max(bytes, used + used / 16));
  return put(path + "/memory.high", high) && put(path + "/memory.max", most);
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
