#include "runtime/drivers/process/spawner.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "runtime/drivers/process/descriptor_passing.hpp"
#include "runtime/drivers/process/exec_session.hpp"
#include "runtime/drivers/process/process_identity.hpp"
#include "runtime/drivers/process/runner.hpp"

namespace troupe::runtime::process {

namespace {

constexpr auto header_bytes = 1 + sizeof(uint64_t);

expected<std::pair<unique_fd, unique_fd>, std::string> make_socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return make_unexpected(std::string{"cannot make a socket: "}
                           + std::strerror(errno));
  return std::pair{unique_fd{ends[0]}, unique_fd{ends[1]}};
}

/// What the spawner's process does.
class spawner_loop {
public:
  explicit spawner_loop(unique_fd control);

  /// Returns when the agent is gone.
  void run();

private:
  bool accept_channel();
  bool serve(int channel);
  spawn_answer spawn(spawn_kind kind, uint64_t token, const std::string& text,
                     unique_fd& pidfd, unique_fd& reader);
  void reap();

  unique_fd control_;
  unique_fd children_;
  std::vector<unique_fd> channels_;
};

// All signals stay blocked, in the runners too: what comes before they are
// ready waits for them.
spawner_loop::spawner_loop(unique_fd control) : control_{std::move(control)} {
  auto set = sigset_t{};
  ::sigfillset(&set);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  children_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

void spawner_loop::run() {
  for (;;) {
    auto fds = std::vector<pollfd>{{control_.get(), POLLIN, 0},
                                   {children_.get(), POLLIN, 0}};
    for (auto& channel : channels_)
      fds.push_back({channel.get(), POLLIN, 0});
    if (::poll(fds.data(), fds.size(), -1) < 0)
      continue;
    if (fds[0].revents != 0 && !accept_channel())
      return;
    if (fds[1].revents != 0)
      reap();
    for (auto i = size_t{2}; i < fds.size(); ++i)
      if (fds[i].revents != 0 && !serve(fds[i].fd))
        channels_[i - 2].reset();
    std::erase_if(channels_, [](const unique_fd& x) { return !x; });
  }
}

bool spawner_loop::accept_channel() {
  char byte;
  auto message = receive_message(control_.get(), &byte, 1, 0);
  if (message.size <= 0)
    return false;
  for (auto& fd : message.descriptors)
    channels_.push_back(std::move(fd));
  return true;
}

bool spawner_loop::serve(int channel) {
  static char buffer[spawn_request_bytes_max];
  auto message = receive_message(channel, buffer, sizeof(buffer), 0);
  if (message.size <= 0)
    return false;
  auto size = static_cast<size_t>(message.size);
  if (size < header_bytes)
    return true;
  auto token = uint64_t{};
  std::memcpy(&token, buffer + 1, sizeof(token));
  auto text = std::string(buffer + header_bytes, size - header_bytes);
  auto pidfd = unique_fd{}, reader = unique_fd{};
  auto answer
    = spawn(static_cast<spawn_kind>(buffer[0]), token, text, pidfd, reader);
  int fds[] = {pidfd.get(), reader.get()};
  auto some = std::span{fds, answer.error == 0 ? size_t{2} : size_t{0}};
  // Too many descriptors may be on their way; the agent is taking them.
  constexpr auto pause = timespec{0, 1'000'000};
  while (send_message(channel, &answer, sizeof(answer), some, 0) < 0) {
    if (errno != ETOOMANYREFS)
      return false;
    ::nanosleep(&pause, nullptr);
  }
  return true;
}

spawn_answer
spawner_loop::spawn(spawn_kind kind, uint64_t token, const std::string& text,
                    unique_fd& pidfd, unique_fd& reader) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return {token, 0, errno};
  reader.reset(ends[0]);
  auto writer = unique_fd{ends[1]};
  auto pid = ::fork();
  if (pid < 0)
    return {token, 0, errno};
  if (pid == 0) {
    constexpr auto kept = 3;
    auto notice = unique_fd{::dup3(writer.get(), kept, O_CLOEXEC)};
    if (writer.get() == kept)
      notice.reset(writer.release());
    ::close_range(kept + 1, ~0u, 0);
    if (kind == spawn_kind::run)
      run_task(text, std::move(notice));
    else if (auto request = exec_request_from_json(text))
      run_exec(*request, std::move(notice));
    ::_exit(0);
  }
  // It is a child that nobody has waited for: the id is surely still its own.
  pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    auto error = errno;
    ::kill(pid, SIGKILL);
    return {token, 0, error};
  }
  return {token, pid, 0};
}

void spawner_loop::reap() {
  auto signal = signalfd_siginfo{};
  while (::read(children_.get(), &signal, sizeof(signal)) > 0) {
    // Several deaths may share one signal: those who died are counted below.
  }
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

[[noreturn]] void become_spawner(unique_fd control) {
  ::prctl(PR_SET_NAME, "troupe-spawn");
  // Out of reach of the terminal's signals.
  ::setsid();
  constexpr auto kept = 3;
  if (control.get() != kept) {
    ::dup3(control.get(), kept, O_CLOEXEC);
    (void)control.release();
    control.reset(kept);
  }
  ::close_range(kept + 1, ~0u, 0);
  // Who waits for the end of the agent's output does not wait for the runners'.
  auto null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (auto stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::dup2(null, stream);
  ::close(null);
  // The runners inherit it, and need not read it again.
  (void)boot_id();
  if (::chdir("/") == 0)
    spawner_loop{std::move(control)}.run();
  ::_exit(0);
}

} // namespace

std::string
spawn_request(spawn_kind kind, uint64_t token, std::string_view text) {
  auto result = std::string(header_bytes, static_cast<char>(kind));
  std::memcpy(result.data() + 1, &token, sizeof(token));
  result += text;
  return result;
}

expected<spawner, std::string> spawner::fork() {
  auto pair = make_socket_pair();
  if (!pair)
    return make_unexpected(pair.error());
  // Else the child would print again what is still in the buffers.
  std::fflush(nullptr);
  auto pid = ::fork();
  if (pid < 0)
    return make_unexpected(std::string{"cannot make a process: "}
                           + std::strerror(errno));
  if (pid == 0) {
    pair->first.reset();
    become_spawner(std::move(pair->second));
  }
  return spawner{pid, std::move(pair->first)};
}

spawner::spawner(pid_t pid, unique_fd control)
  : pid_{pid}, control_{std::move(control)} {}

spawner::spawner(spawner&& other) noexcept
  : pid_{std::exchange(other.pid_, 0)}, control_{std::move(other.control_)} {}

spawner::~spawner() {
  control_.reset();
  if (pid_ > 0)
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

expected<unique_fd, std::string> spawner::connect() {
  auto pair = make_socket_pair();
  if (!pair)
    return make_unexpected(pair.error());
  int fds[] = {pair->second.get()};
  if (send_message(control_.get(), "C", 1, fds, 0) < 0)
    return make_unexpected(std::string{"the spawner is gone: "}
                           + std::strerror(errno));
  return std::move(pair->first);
}

} // namespace troupe::runtime::process
