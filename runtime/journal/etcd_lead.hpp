#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "runtime/journal/etcd_client.hpp"

namespace troupe::runtime {

struct etcd_lead_options {
  /// What others read of the leader while it leads: one line of JSON.
  std::string says;
  /// The key is gone so long after the leader was heard last.
  std::chrono::seconds lease{5};
  /// How long asking for the lead may take.
  std::chrono::milliseconds patience{5'000};
  /// Called once, from any thread, when the lead is lost and was not given back.
  std::function<void(const std::string& why)> on_lost = {};
};

/// The lead of a cluster: the key `PREFIX/leader`, which lives as long as a lease
/// that is renewed here. There is at most one at a time, and the revision at
/// which its key was made, the term, is higher than that of any before.
///
///   asked for -> held [campaign] -> lost [late, gone, deposed]   terminal
///
/// Whoever holds it goes by this machine's clock: the lead ends a fifth of the
/// lease before etcd could give it to another, counted from before the renewal
/// was sent. What etcd says of a lease is a hint (3.4.23 renews revoked ones), so
/// the key is looked at each time as well. Neither guards a write: that does the
/// transaction that compares the key's revision.
class etcd_lead {
public:
  using clock = etcd_client::clock;

  /// Who leads.
  struct holder {
    std::string says;
    std::uint64_t term = 0;
  };

  /// Nothing if nobody leads.
  [[nodiscard]] static expected<std::optional<holder>, etcd_error>
  look(etcd_client& client, std::chrono::milliseconds patience);

  /// Takes the lead if nobody has it. Nothing if somebody has.
  [[nodiscard]] static expected<std::unique_ptr<etcd_lead>, etcd_error>
  campaign(const etcd_address& address, etcd_lead_options options);

  etcd_lead(const etcd_lead&) = delete;
  etcd_lead& operator=(const etcd_lead&) = delete;

  /// Gives the lead back, so that another need not wait for the lease.
  ~etcd_lead();

  [[nodiscard]] std::uint64_t term() const { return term_; }

  /// Until when it is held if etcd is not heard from again.
  [[nodiscard]] clock::time_point until() const;

  /// False for ever once it was false.
  [[nodiscard]] bool holds() const;

  /// Says that a write of this term was refused.
  void depose(const std::string& why);

private:
  etcd_lead(etcd_client client, etcd_lead_options options);

  expected<bool, etcd_error> take(clock::time_point deadline);
  bool renew();
  void keep();
  void lose(const std::string& why);
  void hold_from(clock::time_point began);

  etcd_client client_;
  etcd_lead_options options_;
  std::uint64_t lease_ = 0;
  std::uint64_t term_ = 0;
  std::atomic<clock::rep> until_{0};
  std::atomic<bool> lost_{false};
  std::mutex mutex_;
  std::condition_variable ending_;
  bool ended_ = false;
  std::thread keeper_;
};

/// The key that the leader of `address` holds.
[[nodiscard]] std::string etcd_leader_key(const etcd_address& address);

} // namespace troupe::runtime
