#include "runtime/drivers/process/launch.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "messages/contract.hpp"

namespace troupe::runtime::process {

namespace {

struct credentials {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

std::optional<unsigned> number(const std::string& text) {
  if (text.empty() || text.size() > 9
      || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return static_cast<unsigned>(std::stoul(text));
}

std::vector<gid_t> groups_of(const char* name, gid_t gid) {
  auto result = std::vector<gid_t>(32);
  auto n = static_cast<int>(result.size());
  if (::getgrouplist(name, gid, result.data(), &n) < 0) {
    result.resize(static_cast<size_t>(n));
    ::getgrouplist(name, gid, result.data(), &n);
  }
  result.resize(static_cast<size_t>(n));
  return result;
}

/// Nothing if the task runs as the agent does.
expected<std::optional<credentials>, std::string>
find_user(const std::string& user) {
  if (user.empty())
    return std::optional<credentials>{};
  auto colon = user.find(':');
  auto name = user.substr(0, colon);
  auto uid = number(name);
  auto* entry = uid ? ::getpwuid(*uid) : ::getpwnam(name.c_str());
  if (!entry && !uid)
    return make_unexpected("there is no user '" + name + "' here");
  auto result = credentials{};
  result.uid = entry ? entry->pw_uid : *uid;
  result.gid = entry ? entry->pw_gid : *uid;
  if (colon == std::string::npos) {
    result.groups = entry ? groups_of(entry->pw_name, result.gid)
                          : std::vector<gid_t>{result.gid};
  } else {
    auto group = user.substr(colon + 1);
    auto gid = number(group);
    auto* found = gid ? nullptr : ::getgrnam(group.c_str());
    if (!gid && !found)
      return make_unexpected("there is no group '" + group + "' here");
    result.gid = gid ? *gid : found->gr_gid;
    result.groups = {result.gid};
  }
  if (::geteuid() == 0)
    return std::optional<credentials>{std::move(result)};
  if (result.uid == ::geteuid())
    return std::optional<credentials>{};
  return make_unexpected("cannot run as user '" + user
                         + "': the node does not run as root");
}

// Like execvp(3), but with the path of the task, not that of the agent.
std::vector<std::string>
candidates(const run_spec& spec, const std::string& command) {
  if (command.find('/') != std::string::npos)
    return {command};
  auto path = std::string{"/usr/local/bin:/usr/bin:/bin"};
  for (auto& [name, value] : spec.env)
    if (name == "PATH")
      path = value;
  auto result = std::vector<std::string>{};
  for (auto first = size_t{0}; first <= path.size();) {
    auto last = std::min(path.find(':', first), path.size());
    auto folder = path.substr(first, last - first);
    result.push_back((folder.empty() ? "." : folder) + "/" + command);
    first = last + 1;
  }
  return result;
}

std::vector<char*> pointers(const std::vector<std::string>& from) {
  auto result = std::vector<char*>{};
  result.reserve(from.size() + 1);
  for (auto& x : from)
    result.push_back(const_cast<char*>(x.c_str()));
  result.push_back(nullptr);
  return result;
}

enum class step : int { session, group, streams, user, workdir, execute };

struct step_failure {
  step at;
  int error;
};

/// All that the new process needs, made before it exists.
struct preparation {
  const launch_place* place = nullptr;
  std::optional<credentials> user;
  std::string workdir;
  std::vector<std::string> paths;
  std::vector<std::string> env_lines;
  std::vector<char*> argv;
  std::vector<char*> env;
  pid_t parent = 0;
};

[[noreturn]] void give_up(int report, step at) {
  auto failure = step_failure{at, errno};
  // If this fails too, the parent sees an exit code of 127 instead.
  [[maybe_unused]] auto n = ::write(report, &failure, sizeof(failure));
  ::_exit(127);
}

void restore_signals() {
  // Not all numbers are signals that can be set; that is no error.
  for (auto signal = 1; signal < NSIG; ++signal)
    ::signal(signal, SIG_DFL);
  auto none = sigset_t{};
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void join_groups(const std::vector<std::string>& doors, int report) {
  for (auto& door : doors) {
    auto fd = ::open(door.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0 || ::write(fd, "0", 1) != 1)
      give_up(report, step::group);
    ::close(fd);
  }
}

void set_streams(const launch_place& place, int report) {
  auto null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (null < 0 || ::dup2(null, STDIN_FILENO) < 0
      || ::dup2(place.out, STDOUT_FILENO) < 0
      || ::dup2(place.err, STDERR_FILENO) < 0)
    give_up(report, step::streams);
  ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
}

void become(const credentials& user, int report) {
  if (::setgroups(user.groups.size(), user.groups.data()) != 0
      || ::setgid(user.gid) != 0 || ::setuid(user.uid) != 0)
    give_up(report, step::user);
}

[[noreturn]] void execute(const preparation& x, int report) {
  auto error = ENOENT;
  for (auto& path : x.paths) {
    ::execve(path.c_str(), x.argv.data(), x.env.data());
    // What is there but may not be run says more than what is not there.
    if (errno != ENOENT && errno != ENOTDIR)
      error = errno;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
      break;
  }
  errno = error;
  give_up(report, step::execute);
}

[[noreturn]] void become_command(const preparation& x, int report) {
  if (::setsid() < 0)
    give_up(report, step::session);
  join_groups(x.place->doors, report);
  set_streams(*x.place, report);
  if (x.user)
    become(*x.user, report);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  // After the change of user, which clears it. If the parent died before, it
  // comes too late.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != x.parent)
    ::_exit(127);
  if (::chdir(x.workdir.c_str()) != 0)
    give_up(report, step::workdir);
  ::umask(022);
  restore_signals();
  execute(x, report);
}

std::string explain(const step_failure& failure, const preparation& x,
                    const run_spec& spec) {
  auto reason = std::string{std::strerror(failure.error)};
  auto command = "'" + std::string{x.argv.front()} + "'";
  switch (failure.at) {
  case step::session:
    return "cannot make a session: " + reason;
  case step::group:
    return "cannot enter the control group: " + reason;
  case step::streams:
    return "cannot set up the streams: " + reason;
  case step::user:
    return "cannot become user '" + spec.user + "': " + reason;
  case step::workdir:
    return "cannot enter the working directory " + x.workdir + ": " + reason;
  case step::execute:
    if (failure.error == ENOENT)
      return "command " + command + " not found";
    return "cannot execute " + command + ": " + reason;
  }
  return reason;
}

/// The directory of a task that names none. It may write there.
std::string
own_workdir(const run_dir& dir, const std::optional<credentials>& user) {
  auto path = dir.file("work");
  if (::mkdir(path.c_str(), 0700) == 0 && user
      && ::chown(path.c_str(), user->uid, user->gid) != 0)
    ::rmdir(path.c_str()); // Entering it then fails, and says so.
  return path;
}

/// Reads until the command runs (which closes the pipe) or says why not.
std::optional<step_failure> await_execution(int report) {
  auto failure = step_failure{};
  auto n = ssize_t{};
  do {
    n = ::read(report, &failure, sizeof(failure));
  } while (n < 0 && errno == EINTR);
  if (n == sizeof(failure))
    return failure;
  return std::nullopt;
}

} // namespace

expected<pid_t, std::string>
launch(const run_dir& dir, const run_spec& spec,
       const std::vector<std::string>& argv, const launch_place& place) {
  TROUPE_ASSERT(!argv.empty());
  auto user = find_user(spec.user);
  if (!user)
    return make_unexpected(user.error());
  auto x = preparation{};
  x.place = &place;
  x.user = *user;
  x.workdir = spec.workdir.empty() ? own_workdir(dir, x.user) : spec.workdir;
  x.paths = candidates(spec, argv.front());
  for (auto& [name, value] : spec.env)
    x.env_lines.push_back(name + "=" + value);
  x.argv = pointers(argv);
  x.env = pointers(x.env_lines);
  x.parent = ::getpid();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return make_unexpected(std::string{"cannot make a pipe: "}
                           + std::strerror(errno));
  auto report = unique_fd{ends[0]};
  auto report_writer = unique_fd{ends[1]};
  auto pid = ::fork();
  if (pid < 0)
    return make_unexpected(std::string{"cannot make a process: "}
                           + std::strerror(errno));
  if (pid == 0)
    become_command(x, report_writer.get());
  report_writer.reset();
  auto failure = await_execution(report.get());
  if (!failure)
    return pid;
  ::waitpid(pid, nullptr, 0);
  return make_unexpected(explain(*failure, x, spec));
}

} // namespace troupe::runtime::process
