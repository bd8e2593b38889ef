#include "tools/troupe/machine.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <arpa/inet.h>
#include <boost/json/parse.hpp>
#include <curl/curl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tools/troupe/fields.hpp"
#include "tools/troupe/figures.hpp"

namespace troupe::tools {

namespace fs = std::filesystem;

namespace {

// A journal of a busy cluster; images are larger, but lie elsewhere.
constexpr uint64_t disk_min = uint64_t{1} << 30;
// Each node, client and stream takes one.
constexpr rlim_t descriptors_min = 4096;

std::string read_all(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream result;
  result << file.rdbuf();
  return result.str();
}

/// `nginx (pid 12)` that has the socket `inode` open, or nothing if it is not
/// ours to see.
std::string owner_of(uint64_t inode) {
  auto wanted = fmt::format("socket:[{}]", inode);
  std::error_code error;
  for (fs::directory_iterator pid{"/proc", error}, end; !error && pid != end;
       pid.increment(error)) {
    auto name = pid->path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos)
      continue;
    std::error_code ignored;
    for (fs::directory_iterator fd{pid->path() / "fd", ignored}, last;
         !ignored && fd != last; fd.increment(ignored)) {
      std::error_code gone;
      if (fs::read_symlink(fd->path(), gone) == wanted && !gone) {
        auto program = read_all(pid->path() / "comm");
        if (program.ends_with('\n'))
          program.pop_back();
        return fmt::format("{} (pid {})", program, name);
      }
    }
  }
  return {};
}

size_t append_to(char* data, size_t, size_t size, void* to) {
  static_cast<std::string*>(to)->append(data, size);
  return size;
}

struct engine_reply {
  std::string body;
  std::string error;
  bool timed_out = false;
};

engine_reply ask_engine(const std::string& address, const char* path) {
  engine_reply result;
  std::unique_ptr<CURL, void (*)(CURL*)> easy{curl_easy_init(),
                                              curl_easy_cleanup};
  auto is_unix = address.starts_with("unix://");
  auto base = address.starts_with("tcp://") ? "http" + address.substr(3)
              : is_unix                     ? "http://docker"
                                            : address;
  auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(easy.get(), option, value);
  };
  char error[CURL_ERROR_SIZE] = {};
  set(CURLOPT_URL, (base + path).c_str());
  if (is_unix)
    set(CURLOPT_UNIX_SOCKET_PATH, address.c_str() + 7);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_TIMEOUT_MS, 3'000L);
  set(CURLOPT_ERRORBUFFER, error);
  set(CURLOPT_WRITEFUNCTION, append_to);
  set(CURLOPT_WRITEDATA, &result.body);
  if (auto code = curl_easy_perform(easy.get()); code != CURLE_OK) {
    long number = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_OS_ERRNO, &number);
    result.error = number != 0        ? std::strerror(static_cast<int>(number))
                   : error[0] != '\0' ? error
                                      : curl_easy_strerror(code);
    result.timed_out = code == CURLE_OPERATION_TIMEDOUT;
  }
  return result;
}

bool in_path(std::string_view program) {
  auto* path = std::getenv("PATH");
  std::istringstream folders{path != nullptr ? path : ""};
  for (std::string folder; std::getline(folders, folder, ':');)
    if (::access((fs::path{folder} / program).c_str(), X_OK) == 0)
      return true;
  return false;
}

} // namespace

std::string_view word_of(health_verdict x) {
  switch (x) {
  case health_verdict::fine:
    return "ok";
  case health_verdict::limited:
    return "limited";
  case health_verdict::missing:
    return "missing";
  }
  return "";
}

std::optional<uint64_t> listening_inode(std::string_view table, uint16_t port) {
  constexpr std::string_view listening = "0A";
  auto wanted = fmt::format(":{:04X}", port);
  std::istringstream lines{std::string{table}};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::array<std::string, 10> columns;
    for (auto& column : columns)
      words >> column;
    uint64_t inode = 0;
    auto& text = columns[9];
    if (columns[1].ends_with(wanted) && columns[3] == listening
        && std::from_chars(text.data(), text.data() + text.size(), inode).ec
             == std::errc{})
      return inode;
  }
  return std::nullopt;
}

finding examine_docker(const std::string& address) {
  finding result{"container engine", health_verdict::fine, ""};
  auto reply = ask_engine(address, "/version");
  if (reply.error.empty()) {
    boost::json::error_code error;
    auto version = boost::json::parse(reply.body, error);
    if (!error && !text(version, "ApiVersion").empty()) {
      result.detail
        = fmt::format("Docker {} (API {}) at {}", text(version, "Version"),
                      text(version, "ApiVersion"), address);
      return result;
    }
    reply.error = "it is not a Docker engine";
  }
  // Programs run without it.
  result.verdict = health_verdict::limited;
  if (reply.timed_out) {
    std::error_code ignored;
    result.detail = fmt::format(
      "no containers here: {} takes connections and says nothing within 3 s, "
      "as if it hung",
      address);
    result.remedy = fs::exists("/run/systemd/system", ignored)
                      ? "sudo systemctl restart docker"
                      : "sudo service docker restart";
    return result;
  }
  result.detail
    = fmt::format("no containers here: {}: {}", address, reply.error);
  std::error_code ignored;
  auto path = address.starts_with("unix://") ? address.substr(7) : "";
  if (!path.empty() && ::access(path.c_str(), F_OK) == 0
      && ::access(path.c_str(), W_OK) != 0)
    result.remedy = "sudo usermod -aG docker \"$USER\", then log in again";
  else if (in_path("dockerd"))
    result.remedy = fs::exists("/run/systemd/system", ignored)
                      ? "sudo systemctl start docker"
                      : "sudo service docker start";
  else
    result.remedy = "sudo apt-get install docker.io";
  return result;
}

finding examine_cgroups() {
  finding result{"control groups", health_verdict::fine, ""};
  auto controllers = read_all("/sys/fs/cgroup/cgroup.controllers");
  auto has = [&](std::string_view word) {
    return controllers.find(word) != std::string::npos;
  };
  std::error_code error;
  if (has("cpu") && has("memory") && has("pids")) {
    result.detail = "version 2 with cpu, memory and pids";
  } else if (!controllers.empty()) {
    result.verdict = health_verdict::limited;
    result.detail = "version 2, but not all of cpu, memory and pids";
    result.remedy = "sudo systemctl set-property user.slice Delegate=yes";
  } else if (fs::exists("/sys/fs/cgroup/memory", error)
             && fs::exists("/sys/fs/cgroup/cpu", error)) {
    result.detail = "version 1 with cpu and memory";
  } else {
    result.verdict = health_verdict::limited;
    result.detail = "none: limits of programs cannot be enforced";
    result.remedy = "sudo mount -t cgroup2 none /sys/fs/cgroup";
  }
  return result;
}

finding examine_port(uint16_t port, std::string_view use) {
  finding result{fmt::format("port {}", port), health_verdict::fine,
                 fmt::format("free, for {}", use)};
  auto fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto bound = ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0
               && ::listen(fd, 1) == 0;
  auto error = errno;
  ::close(fd);
  if (bound)
    return result;
  if (error != EADDRINUSE) {
    result.verdict = health_verdict::missing;
    result.detail = std::strerror(error);
    return result;
  }
  auto inode = listening_inode(read_all("/proc/net/tcp"), port);
  if (!inode)
    inode = listening_inode(read_all("/proc/net/tcp6"), port);
  auto owner = inode ? owner_of(*inode) : "";
  if (owner.starts_with("troupe ")) {
    result.detail = fmt::format("taken by {}: it runs already", owner);
    return result;
  }
  result.verdict = health_verdict::missing;
  result.detail = fmt::format("taken by {}",
                              owner.empty() ? "another user's program" : owner);
  result.remedy = port == 4640 ? "stop it, or start with --http 127.0.0.1:0"
                               : "stop it, or start with --listen 127.0.0.1:0";
  if (owner.empty())
    result.remedy += fmt::format("; sudo ss -ltnp sport = :{} names it", port);
  return result;
}

finding examine_disk(const std::string& folder) {
  finding result{"disk", health_verdict::fine, ""};
  std::error_code error;
  auto at = fs::absolute(folder, error);
  while (!fs::exists(at, error) && at.has_relative_path())
    at = at.parent_path();
  struct statvfs space {};
  if (::statvfs(at.c_str(), &space) != 0) {
    result.verdict = health_verdict::missing;
    result.detail = fmt::format("{}: {}", at.string(), std::strerror(errno));
    return result;
  }
  auto free = uint64_t{space.f_bavail} * space.f_frsize;
  result.detail = fmt::format(
    "{} free at {}", memory_text(static_cast<int64_t>(free)), at.string());
  if (free < disk_min) {
    result.verdict = health_verdict::missing;
    result.remedy
      = fmt::format("make room for {}, or choose another place with --data",
                    memory_text(disk_min));
  }
  return result;
}

finding examine_memory() {
  finding result{"memory", health_verdict::fine, ""};
  std::istringstream lines{read_all("/proc/meminfo")};
  for (std::string key, unit; lines;) {
    int64_t kib = 0;
    lines >> key >> kib >> unit;
    if (key != "MemAvailable:")
      continue;
    result.detail = memory_text(kib * 1024) + " available";
    if (kib < 256 * 1024) {
      result.verdict = health_verdict::limited;
      result.remedy = "stop what needs it; tasks would be killed";
    }
    return result;
  }
  result.verdict = health_verdict::limited;
  result.detail = "/proc/meminfo cannot be read";
  return result;
}

finding examine_descriptors() {
  finding result{"open files", health_verdict::fine, ""};
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  result.detail = fmt::format("up to {}", limit.rlim_cur);
  if (limit.rlim_cur < descriptors_min) {
    result.verdict = health_verdict::limited;
    result.detail += ": few nodes and clients at once";
    result.remedy = fmt::format("ulimit -n {}", descriptors_min);
  }
  return result;
}

finding examine_gpus() {
  finding result{"gpu", health_verdict::fine, ""};
  std::error_code error;
  auto device = fs::exists("/dev/nvidiactl", error);
  auto tool = in_path("nvidia-smi");
  if (!device && !tool) {
    result.detail = "none, which only jobs with \"gpu\" need";
  } else if (device && tool) {
    size_t count = 0;
    while (fs::exists(fmt::format("/dev/nvidia{}", count), error))
      ++count;
    result.detail = fmt::format("{} device{}", count, count == 1 ? "" : "s");
  } else {
    result.verdict = health_verdict::limited;
    result.detail = device ? "there is a device, but no nvidia-smi"
                           : "there is nvidia-smi, but no device";
    result.remedy
      = device ? "sudo apt-get install nvidia-smi" : "sudo modprobe nvidia";
  }
  return result;
}

finding examine_time_zones() {
  finding result{"time zones", health_verdict::fine, "found"};
  std::error_code error;
  if (!fs::exists("/usr/share/zoneinfo/UTC", error)) {
    result.verdict = health_verdict::limited;
    result.detail = "none, which only schedules with a time zone need";
    result.remedy = "sudo apt-get install tzdata";
  }
  return result;
}

std::vector<finding> examine_machine(const examination& x) {
  return {examine_docker(x.docker),
          examine_cgroups(),
          examine_port(4640, "the REST interface and dashboard"),
          examine_port(4641, "nodes that join"),
          examine_disk(x.data),
          examine_memory(),
          examine_descriptors(),
          examine_gpus(),
          examine_time_zones()};
}

} // namespace troupe::tools
