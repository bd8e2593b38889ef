#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "runtime/journal/etcd_lead.hpp"
#include "runtime/standby.hpp"

#include "actors/controller.hpp"
#include "actors/system.hpp"

namespace troupe::tools {

struct candidate_options {
  runtime::etcd_address etcd;
  std::chrono::seconds lease{5};
  /// `HOST:PORT` by which others reach this one's REST; empty: where it listens.
  std::string advertise;
  system_options system;
  controller_options control;
  /// Ends the process: called with what no waiting helps.
  std::function<void(const std::string&)> on_failure;
};

/// One of several controllers of a cluster whose journal is in etcd.
///
///   begins -> stands by [start] -> leads [campaign, journal read]
///                 ^-------------------+   [lead lost, controller failed]
///
/// While it stands by there are no actors: nobody listens for nodes, which go on
/// to the next address, and REST is passed on to whoever leads. When it leads it
/// is a controller like any other, for as long as its lead lasts by its own clock;
/// then all of its actors and connections end, and it stands by again.
class candidate {
public:
  /// Returns when it is known whether it leads. Errors: a sentence.
  [[nodiscard]] static expected<std::unique_ptr<candidate>, std::string>
  start(candidate_options options);
  candidate(const candidate&) = delete;
  candidate& operator=(const candidate&) = delete;

  ~candidate();

  /// Gives the lead back, if it has it, and closes the ports.
  void stop();

  [[nodiscard]] const std::string& http_address() const { return http_; }
  [[nodiscard]] uint16_t listen_port() const { return listen_port_; }

private:
  /// Of one who leads: all that ends with the lead.
  struct reign;

  explicit candidate(candidate_options options);

  expected<void, std::string> open_ports();
  void run();
  void stand_by();
  bool campaign();
  void lead(std::shared_ptr<runtime::etcd_lead> won);
  void settle();
  void
  note(std::optional<runtime::leader_note> leader, const std::string& why = {});
  bool
  wait(std::chrono::milliseconds limit, const std::function<bool()>& until);

  candidate_options options_;
  std::string http_;
  std::string url_;
  uint16_t listen_port_ = 0;
  /// Keeps the port for nodes ours while nobody listens there.
  int kept_port_ = -1;
  std::unique_ptr<runtime::standby> standby_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool settled_ = false;
  std::thread thread_;
};

} // namespace troupe::tools
