#include "tests/etcd_server.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace troupe::test {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr auto program = "/usr/bin/etcd";

/// A port of loopback that nobody listens on.
std::string free_endpoint() {
  auto fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto at = sockaddr_in{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto size = socklen_t{sizeof at};
  auto* address = reinterpret_cast<sockaddr*>(&at);
  if (::bind(fd, address, size) != 0 || ::getsockname(fd, address, &size) != 0)
    throw std::runtime_error("no port is free");
  ::close(fd);
  return "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
}

} // namespace

std::string etcd_server::unavailable() {
  if (!fs::exists(program))
    return "etcd is not installed (package etcd-server)";
  return {};
}

etcd_server::etcd_server(std::vector<std::string> flags)
  : endpoint_{free_endpoint()}, peer_{free_endpoint()}, flags_{
                                                          std::move(flags)} {
  auto pattern = (fs::temp_directory_path() / "troupe-etcd-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    throw std::runtime_error("mkdtemp failed");
  directory_ = pattern;
  start();
}

etcd_server::~etcd_server() {
  kill();
  auto ignored = std::error_code{}; // What is left is in a temporary directory.
  fs::remove_all(directory_, ignored);
}

void etcd_server::start() {
  auto words
    = std::vector<std::string>{"etcd",
                               "--name=n1",
                               "--data-dir=" + directory_ + "/data",
                               "--listen-client-urls=http://" + endpoint_,
                               "--advertise-client-urls=http://" + endpoint_,
                               "--listen-peer-urls=http://" + peer_,
                               "--initial-advertise-peer-urls=http://" + peer_,
                               "--initial-cluster=n1=http://" + peer_,
                               "--logger=zap"};
  words.insert(words.end(), flags_.begin(), flags_.end());
  auto argv = std::vector<char*>{};
  for (auto& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  auto log = ::open((directory_ + "/log").c_str(),
                    O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  pid_ = ::fork();
  if (pid_ == 0) {
    // If the test dies, so does it.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execv(program, argv.data());
    ::_exit(127);
  }
  ::close(log);
  for (auto deadline = steady_clock::now() + 30s; !answers();
       std::this_thread::sleep_for(20ms))
    if (steady_clock::now() > deadline)
      throw std::runtime_error("etcd does not start:\n" + log_end());
}

void etcd_server::kill() {
  if (pid_ == 0)
    return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void etcd_server::pause() const {
  ::kill(pid_, SIGSTOP);
}

void etcd_server::resume() const {
  ::kill(pid_, SIGCONT);
}

std::string etcd_server::address(const std::string& name) const {
  return "etcd://" + endpoint_ + '/' + name;
}

boost::json::object
etcd_server::ask(std::string_view path, const boost::json::object& body) const {
  auto client = runtime::etcd_client{{{endpoint_}, "/", {}}};
  auto answer = client.call(path, body, steady_clock::now() + 10s);
  if (!answer)
    throw std::runtime_error(answer.error().message);
  return std::move(*answer);
}

bool etcd_server::answers() const {
  auto client = runtime::etcd_client{{{endpoint_}, "/", {}}};
  return client.call("kv/range", {{"key", "YQ=="}}, steady_clock::now())
    .has_value();
}

std::string etcd_server::log_end() const {
  auto file = std::ifstream{directory_ + "/log"};
  auto text = std::ostringstream{};
  text << file.rdbuf();
  auto all = text.str();
  return all.substr(all.size() - std::min<std::size_t>(all.size(), 2'000));
}

} // namespace troupe::test
