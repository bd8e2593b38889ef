#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <boost/describe/class.hpp>

#include "messages/expected.hpp"

#include "runtime/access/guard.hpp"
#include "runtime/http/relay.hpp"
#include "runtime/http/server.hpp"

namespace troupe::runtime {

/// What a controller that leads says of itself, for all who look for it.
struct leader_note {
  /// Machine and process.
  std::string name;
  /// Of its REST: `http://HOST:PORT`.
  std::string url;
  bool operator==(const leader_note&) const = default;
  BOOST_DESCRIBE_CLASS(leader_note, (), (name, url), (), ())
};

struct standby_options {
  http::server_options http;
  std::shared_ptr<const access::guard> guard
    = std::make_shared<access::guard>();
  /// PEM file of the authorities to trust for the leader's HTTPS.
  std::string ca_file;
};

/// The REST of a controller that does not lead: says that it lives and is not
/// ready, and passes everything else on to the one that leads, for whom it is let
/// in here. May be used from all threads.
class standby {
public:
  /// Errors: a sentence, as of `http::server`.
  [[nodiscard]] static expected<std::unique_ptr<standby>, std::string>
  start(standby_options options);
  standby(const standby&) = delete;
  standby& operator=(const standby&) = delete;
  ~standby();

  /// What is known of the leader; nothing if nobody leads, and `why` then says so
  /// to whoever asks. What was passed on to another one is cut.
  void follow(std::optional<leader_note> leader, std::string why);

  [[nodiscard]] const http::server& server() const { return *server_; }

private:
  explicit standby(standby_options options);

  void serve(const http::exchange& x);
  void pass(const http::exchange& x);

  standby_options options_;
  std::mutex mutex_;
  std::optional<leader_note> leader_;
  std::string why_ = "this controller has only begun";
  http::relay relay_;
  std::unique_ptr<http::server> server_; // Last: it uses what is above.
};

} // namespace troupe::runtime
