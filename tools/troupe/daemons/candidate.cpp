#include "tools/troupe/daemons/candidate.hpp"

#include <cstring>

#include <caf/all.hpp>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "messages/json.hpp"

#include "runtime/journal/etcd.hpp"
#include "runtime/log.hpp"

namespace troupe::tools {

namespace {

namespace log = runtime::log;
using std::chrono::milliseconds;

/// Between two looks at who leads.
constexpr auto look_interval = milliseconds{300};
/// For others to take the lead from one that could not keep it.
constexpr auto pause_after_failure = milliseconds{2'000};
constexpr auto patience = milliseconds{3'000};
/// A lead whose actors do not end by then ends with the process.
constexpr auto end_timeout = std::chrono::seconds{20};

/// Facts after which a snapshot is made, and that are kept for who follows: all
/// of them travel, and whoever takes over reads them.
constexpr auto facts_kept = uint64_t{100'000};

/// A socket that has the port and does not listen: who connects is refused.
expected<int, std::string> keep_port(const std::string& host, uint16_t& port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  auto name = host.starts_with('[') && host.ends_with(']')
                ? host.substr(1, host.size() - 2)
                : host;
  auto refuse = [&](const std::string& why) {
    return make_unexpected("cannot listen for nodes on " + host + ':'
                           + std::to_string(port) + ": " + why
                           + ". --listen takes another address");
  };
  if (auto code = getaddrinfo(name.c_str(), std::to_string(port).c_str(),
                              &wanted, &found);
      code != 0)
    return refuse(gai_strerror(code));
  auto fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  auto bound = bind(fd, found->ai_addr, found->ai_addrlen) == 0;
  auto why = std::string{std::strerror(errno)};
  freeaddrinfo(found);
  sockaddr_storage at{};
  auto size = socklen_t{sizeof at};
  char text[NI_MAXSERV] = {};
  if (!bound || getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0
      || getnameinfo(reinterpret_cast<sockaddr*>(&at), size, nullptr, 0, text,
                     sizeof text, NI_NUMERICSERV)
           != 0) {
    close(fd);
    return refuse(why);
  }
  port = static_cast<uint16_t>(std::atoi(text));
  return fd;
}

bool is_hopeless(runtime::journal_ec x) {
  using runtime::journal_ec;
  return x == journal_ec::corrupt || x == journal_ec::newer_version
         || x == journal_ec::foreign_cluster;
}

} // namespace

struct candidate::reign {
  std::shared_ptr<runtime::etcd_lead> lead;
  std::unique_ptr<system_config> config;
  std::unique_ptr<caf::actor_system> system;
  std::unique_ptr<controller> control;

  /// Ends all that it holds. What hangs is ended by `give_up`, once.
  void end(const std::function<void()>& give_up) {
    std::mutex mutex;
    std::condition_variable ended;
    auto done = false;
    std::thread watch{[&] {
      std::unique_lock lock{mutex};
      if (!ended.wait_for(lock, end_timeout, [&] { return done; }))
        give_up();
    }};
    control.reset();
    system.reset();
    config.reset();
    // Last: nobody else leads while something of this is left.
    lead.reset();
    {
      std::lock_guard guard{mutex};
      done = true;
    }
    ended.notify_all();
    watch.join();
  }
};

candidate::candidate(candidate_options options)
  : options_{std::move(options)} {}

expected<std::unique_ptr<candidate>, std::string>
candidate::start(candidate_options options) {
  auto result = std::unique_ptr<candidate>{new candidate{std::move(options)}};
  if (auto ok = result->open_ports(); !ok)
    return make_unexpected(ok.error());
  result->thread_ = std::thread{[x = result.get()] { x->run(); }};
  std::unique_lock lock{result->mutex_};
  result->changed_.wait(lock, [&] { return result->settled_; });
  return result;
}

expected<void, std::string> candidate::open_ports() {
  auto& control = options_.control;
  listen_port_ = control.listen_port;
  auto kept = keep_port(control.listen_host, listen_port_);
  if (!kept)
    return make_unexpected(kept.error());
  kept_port_ = *kept;
  control.listen_port = listen_port_;
  stand_by();
  if (!standby_)
    return make_unexpected("cannot serve REST on " + control.http.host + ':'
                           + std::to_string(control.http.port));
  return {};
}

/// The ports stay the same from now on.
void candidate::stand_by() {
  auto& http = options_.control.http;
  auto made = runtime::standby::start(
    {http, options_.control.guard, options_.system.tls.ca});
  if (!made) {
    options_.on_failure(made.error());
    return;
  }
  standby_ = std::move(*made);
  http_ = standby_->server().address();
  http.port = standby_->server().port();
  url_ = (http.certificates ? "https://" : "http://")
         + (options_.advertise.empty() ? http_ : options_.advertise);
}

candidate::~candidate() {
  stop();
}

void candidate::stop() {
  {
    std::lock_guard guard{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable())
    thread_.join();
  standby_.reset();
  if (kept_port_ >= 0)
    close(std::exchange(kept_port_, -1));
}

void candidate::settle() {
  {
    std::lock_guard guard{mutex_};
    settled_ = true;
  }
  changed_.notify_all();
}

/// @returns  whether it is to stop.
bool candidate::wait(milliseconds limit, const std::function<bool()>& until) {
  std::unique_lock lock{mutex_};
  changed_.wait_for(lock, limit, [&] { return stopping_ || until(); });
  return stopping_;
}

void candidate::note(std::optional<runtime::leader_note> leader,
                     const std::string& why) {
  if (standby_)
    standby_->follow(std::move(leader), why);
}

void candidate::run() {
  runtime::etcd_client client{options_.etcd};
  auto never = [] { return false; };
  std::string known;
  for (auto pause = milliseconds{0}; !wait(pause, never);) {
    pause = look_interval;
    auto leader = runtime::etcd_lead::look(client, patience);
    auto now = !leader               ? leader.error().message
               : leader->has_value() ? (*leader)->says
                                     : std::string{};
    if (now != known && !leader)
      log::warn("etcd does not answer, so nobody leads: {}", now);
    else if (now != known && *leader)
      log::info("standing by for {}", now);
    known = now;
    if (!leader) {
      note(std::nullopt,
           "etcd does not answer, or has no majority (" + now + ')');
    } else if (!*leader) {
      note(std::nullopt, "one is being elected");
      if (!campaign())
        pause = pause_after_failure;
    } else if (auto said = json::parse<runtime::leader_note>((*leader)->says)) {
      // Our own key, of a process before this one or of a lead given up: the
      // lease must run out.
      note(said->url == url_ ? std::nullopt : std::make_optional(*said),
           "the lead of one that is gone has not run out");
    } else {
      note(std::nullopt, "the one who leads cannot be understood");
    }
    settle();
  }
}

/// @returns  whether all is well, whoever won.
bool candidate::campaign() {
  runtime::leader_note says{options_.control.scheduler.leader, url_};
  auto won = runtime::etcd_lead::campaign(
    options_.etcd, {.says = json::text_of(says),
                    .lease = options_.lease,
                    .patience = patience,
                    .on_lost = [this](auto&) { changed_.notify_all(); }});
  if (!won) {
    auto why = runtime::refuse_etcd(options_.etcd, won.error()).message;
    log::warn("the lead cannot be taken: {}", why);
    note(std::nullopt, why);
    return false;
  }
  if (*won == nullptr)
    return true;
  auto held = std::shared_ptr<runtime::etcd_lead>{std::move(*won)};
  auto term = held->term();
  log::info("leading, in term {}", term);
  note(std::nullopt, "this one leads from now on and reads the journal");
  lead(std::move(held));
  log::info("leading no more, in term {}", term);
  return false;
}

/// Leads until the lead is lost, or the process is to stop.
void candidate::lead(std::shared_ptr<runtime::etcd_lead> won) {
  auto name = runtime::to_string(options_.etcd);
  reign now;
  now.lead = won;
  auto finish = [&] {
    now.end([&] {
      options_.on_failure(name + ": what led does not come to an end");
      _exit(1);
    });
    won.reset();
    if (!standby_ && !wait(milliseconds{0}, [] { return true; }))
      stand_by();
  };
  auto journal = runtime::open_etcd_journal(options_.etcd, won,
                                            {.keep_facts = facts_kept});
  if (!journal) {
    log::error("{}", journal.error().message);
    if (is_hopeless(journal.error().code))
      options_.on_failure(journal.error().message);
    return finish();
  }
  now.config = std::make_unique<system_config>(options_.system);
  now.system = std::make_unique<caf::actor_system>(*now.config);
  auto control = options_.control;
  control.journal.snapshot_after = facts_kept;
  control.node.local_agents = std::make_shared<agent_directory>();
  control.leads = [won] { return won->holds(); };
  control.before_ports = [this] { standby_.reset(); };
  control.on_failure = [won](const std::string& why) { won->depose(why); };
  auto started
    = controller::start(*now.system, std::move(control), std::move(*journal));
  if (!started) {
    // What only this one cannot do, others may.
    if (won->holds())
      options_.on_failure(started.error());
    else
      log::error("{}", started.error());
    return finish();
  }
  now.control = std::move(*started);
  settle();
  while (won->holds()
         && !wait(milliseconds{100}, [&] { return !won->holds(); }))
    continue;
  finish();
}

} // namespace troupe::tools
