#include "tools/troupe/daemons/daemon.hpp"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <vector>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/log.hpp"

namespace troupe::tools {

namespace {

namespace log = runtime::log;

std::shared_ptr<runtime::process::spawner> spawner;
std::atomic<bool> failed{false};

sigset_t ending_signals() {
  sigset_t result;
  sigemptyset(&result);
  for (auto x : {SIGTERM, SIGINT, SIGHUP, SIGQUIT})
    sigaddset(&result, x);
  return result;
}

/// Tells systemd, if it started us. Source: sd_notify(3).
void notify_systemd(const std::string& text) {
  auto* path = std::getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr
      || std::string_view{path}.size() >= sizeof address.sun_path)
    return;
  auto size = std::string_view{path}.copy(address.sun_path,
                                          sizeof address.sun_path - 1);
  // An abstract socket begins with a NUL.
  if (address.sun_path[0] == '@')
    address.sun_path[0] = '\0';
  auto fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;
  sendto(fd, text.data(), text.size(), MSG_NOSIGNAL,
         reinterpret_cast<sockaddr*>(&address),
         static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size));
  close(fd);
}

/// One descriptor for each client and each run.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

/// What `--help` ends with.
std::string examples_of(std::string_view verb) {
  if (verb == "up")
    return "Example:\n"
           "  troupe up --nodes 3 --data /var/lib/troupe\n"
           "      a cluster on this machine, which survives a restart\n";
  if (verb == "controller")
    return "Example:\n"
           "  troupe controller --data /var/lib/troupe\n"
           "      then, elsewhere: troupe node --controller HOST:4641\n";
  return "Examples:\n"
         "  troupe node --controller 10.0.0.1:4641 --name n2 --labels zone=a\n"
         "      joins this machine\n"
         "  troupe node n2\n"
         "      shows a node instead\n";
}

int complain(const std::string& what) {
  std::cerr << "troupe: " << what << '\n';
  return 2;
}

/// What was given for each option, wherever; those left out are not here.
using given_options = std::map<std::string, std::vector<std::string>>;

/// Reads flags, environment and configuration file. Returns the exit code if that
/// is all there is to do.
std::optional<int>
read_options(int argc, char** argv, config::daemon which, const char* about,
             config::daemon_options& to, given_options& given) {
  CLI::App app{about, std::string{"troupe "} + argv[0]};
  app.footer(examples_of(argv[0]));
  config::declare(app, which, to);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return 0;
  } catch (const CLI::ParseError& x) {
    return complain(std::string{x.what()} + "; see `troupe " + argv[0]
                    + " --help`");
  }
  if (auto ok = config::read_config_file(app, to); !ok)
    return complain(ok.error());
  for (auto* x : app.get_options())
    if (x->count() > 0 && !x->get_lnames().empty())
      given[x->get_lnames()[0]] = x->results();
  return std::nullopt;
}

/// Says which options have changed and are not taken over.
void tell_what_waits(const given_options& before, const given_options& now) {
  auto all = before;
  all.insert(now.begin(), now.end());
  for (auto& [name, value] : all) {
    if (name == "log-level" || name == "tokens" || name == "config")
      continue;
    auto then = before.find(name);
    auto here = now.find(name);
    if (then == before.end() || here == now.end()
        || then->second != here->second)
      log::warn("--{} has changed, which takes effect when this process starts "
                "again",
                name);
  }
}

/// Takes over what can be: what is wrong is said, and everything stays as it was.
void reload(int argc, char** argv, config::daemon which, const char* about,
            const running_daemon& running, const std::string& data,
            const given_options& before) {
  config::daemon_options options;
  given_options now;
  if (read_options(argc, argv, which, about, options, now))
    return log::error("the options are not taken over");
  options.data = data;
  if (auto ok = log::set_level(options.log_level); !ok)
    return log::error("the options are not taken over: {}", ok.error());
  if (running.reload)
    if (auto ok = running.reload(options); !ok)
      return log::error("the options are not taken over: {}", ok.error());
  tell_what_waits(before, now);
  log::info("the options were read again");
}

} // namespace

void set_spawner(runtime::process::spawner x) {
  spawner = std::make_shared<runtime::process::spawner>(std::move(x));
}

std::shared_ptr<runtime::process::spawner> the_spawner() {
  return spawner;
}

void fail_daemon(const std::string& why) {
  log::error("{}", why);
  failed = true;
  kill(getpid(), SIGTERM);
}

int run_daemon(int argc, char** argv, config::daemon which, const char* about,
               const std::function<expected<running_daemon, std::string>(
                 const config::daemon_options&)>& start) {
  // Threads inherit the mask: only this one hears signals.
  auto signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  config::daemon_options options;
  given_options given;
  if (auto code = read_options(argc, argv, which, about, options, given))
    return *code;
  if (options.data.empty())
    options.data = config::default_data_dir();
  std::error_code error;
  std::filesystem::create_directories(options.data, error);
  if (error)
    return complain("cannot make the data directory " + options.data + ": "
                    + error.message() + ". --data takes another one");
  if (auto ok = log::start({options.log_level, options.log_format}); !ok)
    return complain(ok.error());
  raise_descriptor_limit();
  auto running = start(options);
  if (!running) {
    log::flush();
    return complain(running.error());
  }
  if (!running->ready.empty()) {
    std::cout << "ready " << running->ready << std::endl;
    notify_systemd("READY=1");
    auto signal = 0;
    while (sigwait(&signals, &signal) == 0 && signal == SIGHUP)
      reload(argc, argv, which, about, *running, options.data, given);
  }
  notify_systemd("STOPPING=1");
  log::info("stopping");
  running->stop();
  log::flush();
  return failed ? 1 : 0;
}

} // namespace troupe::tools
