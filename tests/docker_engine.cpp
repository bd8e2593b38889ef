#include "tests/docker_engine.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/http/client.hpp"

namespace troupe::test {

namespace fs = std::filesystem;
namespace http = runtime::http;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr auto busybox = "/bin/busybox";

/// Runs `f` until it is true, at most for `limit`.
template <class F>
bool wait_until(std::chrono::milliseconds limit, F f) {
  auto deadline = steady_clock::now() + limit;
  while (!f()) {
    if (steady_clock::now() > deadline)
      return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

std::string read_file(const fs::path& path) {
  std::ifstream file{path};
  std::ostringstream result;
  result << file.rdbuf();
  return result.str();
}

http::client_reply
send(const std::string& socket, const std::string& method,
     const std::string& path, const std::string& body, const std::string& type,
     std::chrono::milliseconds timeout) {
  http::client client;
  std::promise<http::client_reply> promise;
  http::client_request request;
  request.method = method;
  request.url = "http://docker" + path;
  request.unix_socket = socket;
  request.body = body;
  request.timeout = timeout;
  if (!body.empty())
    request.headers.push_back("Content-Type: " + type);
  client.submit(std::move(request), [&](http::client_reply reply) {
    promise.set_value(std::move(reply));
  });
  return promise.get_future().get();
}

/// Returns a tar of a root directory that holds busybox and its commands.
std::string image_tar(const fs::path& directory) {
  auto root = directory / "image";
  fs::create_directories(root / "bin");
  fs::create_directories(root / "tmp");
  fs::copy_file(busybox, root / "bin/busybox");
  for (auto name : {"sh", "echo", "sleep", "true", "false", "env", "cat", "yes",
                    "kill", "ps", "head", "tail", "touch", "id", "pwd"})
    fs::create_symlink("busybox", root / "bin" / name);
  auto command
    = "tar -C '" + root.string() + "' -c . > '" + root.string() + ".tar'";
  if (std::system(command.c_str()) != 0)
    throw std::runtime_error("tar failed");
  fs::remove_all(root);
  return read_file(root.string() + ".tar");
}

} // namespace

std::string docker_engine::unavailable() {
  if (::geteuid() != 0)
    return "a private dockerd needs root";
  if (!fs::exists("/usr/sbin/dockerd"))
    return "dockerd is not installed (package docker.io)";
  if (!fs::exists(busybox))
    return "busybox is not installed (package busybox-static)";
  return {};
}

docker_engine::docker_engine() {
  // The path of a Unix socket has at most 107 characters.
  std::string pattern = "/tmp/troupe-docker-XXXXXX";
  if (!::mkdtemp(pattern.data()))
    throw std::runtime_error("mkdtemp failed");
  directory_ = pattern;
  socket_ = directory_ + "/socket";
  try {
    start();
    import_image();
  } catch (...) {
    end();
    throw;
  }
}

docker_engine::~docker_engine() {
  end();
}

void docker_engine::end() {
  if (pid_ != 0) {
    resume();
    ::kill(pid_, SIGTERM);
    if (!wait_until(30s, [this] { return ::waitpid(pid_, nullptr, WNOHANG); }))
      kill();
  }
  // A killed engine leaves its containerd behind.
  end_process(directory_ + "/exec/containerd/containerd.pid");
  unmount_all();
  std::error_code ignored; // What is left is in a temporary directory.
  fs::remove_all(directory_, ignored);
}

void docker_engine::start() {
  std::vector<std::string> words{"dockerd",
                                 "--data-root=" + directory_ + "/data",
                                 "--exec-root=" + directory_ + "/exec",
                                 "--pidfile=" + directory_ + "/pid",
                                 "--host=unix://" + socket_,
                                 "--bridge=none",
                                 "--iptables=false"};
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  auto log = ::open((directory_ + "/log").c_str(),
                    O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  pid_ = ::fork();
  if (pid_ == 0) {
    // A group of its own: an interrupt at the terminal is for the test, which
    // then ends the engine in order. If the test dies, so does the engine.
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execv("/usr/sbin/dockerd", argv.data());
    ::_exit(127);
  }
  ::close(log);
  if (!wait_until(60s, [this] { return answers(); }))
    throw std::runtime_error("dockerd does not start:\n" + log_end());
}

void docker_engine::kill() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void docker_engine::pause() const {
  ::kill(pid_, SIGSTOP);
}

void docker_engine::resume() const {
  ::kill(pid_, SIGCONT);
}

std::string
docker_engine::ask(const std::string& method, const std::string& path,
                   const std::string& body, const std::string& type) const {
  auto reply = send(socket_, method, path, body, type, 60s);
  if (!reply.error.empty() || reply.status / 100 != 2)
    throw std::runtime_error(method + ' ' + path + ": "
                             + std::to_string(reply.status) + ' ' + reply.error
                             + reply.body);
  return reply.body;
}

void docker_engine::import_image() const {
  ask("POST", "/images/create?fromSrc=-&repo=busybox&tag=test",
      image_tar(directory_), "application/x-tar");
}

bool docker_engine::answers() const {
  auto reply = send(socket_, "GET", "/_ping", {}, {}, 1s);
  return reply.error.empty() && reply.status == 200;
}

// The pid in the file may by now be anybody's: only a process that names our
// directory is ended.
void docker_engine::end_process(const std::string& pid_file) const {
  auto pid = static_cast<pid_t>(std::atoi(read_file(pid_file).c_str()));
  auto is_ours = [&] {
    auto line = read_file("/proc/" + std::to_string(pid) + "/cmdline");
    return pid > 1 && line.find(directory_) != std::string::npos;
  };
  if (!is_ours())
    return;
  ::kill(pid, SIGTERM);
  if (!wait_until(10s, [&] { return !is_ours(); }) && is_ours())
    ::kill(pid, SIGKILL);
}

void docker_engine::unmount_all() const {
  std::ifstream mounts{"/proc/self/mounts"};
  std::vector<std::string> ours;
  std::string device;
  std::string target;
  std::string rest;
  while (mounts >> device >> target && std::getline(mounts, rest))
    if (target.starts_with(directory_))
      ours.push_back(target);
  // Those mounted last lie on top.
  for (auto at = ours.rbegin(); at != ours.rend(); ++at)
    ::umount2(at->c_str(), MNT_DETACH);
}

std::string docker_engine::log_end() const {
  auto log = read_file(directory_ + "/log");
  return log.size() > 2'000 ? log.substr(log.size() - 2'000) : log;
}

} // namespace troupe::test
