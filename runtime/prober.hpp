#pragma once

#include <functional>
#include <string>

#include "messages/driver.hpp"
#include "messages/job.hpp"

#include "runtime/http/client.hpp"

namespace troupe::runtime {

/// Where to look, and how long at most.
struct probe_target {
  check_kind kind = check_kind::tcp;
  std::string host;
  uint16_t port = 0;
  /// Of an HTTP check.
  std::string path = "/";
  milliseconds timeout{2'000};
};

/// What one look found, with a clause for people.
struct probe_answer {
  check_result result = check_result::unknown;
  std::string message;
};

/// The door to what tasks listen on: HTTP requests and TCP connections, from one
/// thread of its own. A status of 2xx or 3xx passes; redirects are not followed.
class prober {
public:
  /// `done` is called exactly once, on the door's thread: it must neither block
  /// nor throw.
  void look(const probe_target& x, std::function<void(probe_answer)> done);

private:
  http::client client_;
};

} // namespace troupe::runtime
