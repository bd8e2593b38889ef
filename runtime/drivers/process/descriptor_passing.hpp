#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "runtime/drivers/process/unique_fd.hpp"

/// Messages with descriptors over Unix sockets. Source: unix(7), SCM_RIGHTS.
namespace troupe::runtime::process {

/// At most this many descriptors go with one message.
inline constexpr size_t descriptors_max = 2;

struct received {
  /// Bytes of the message; 0 if the other side is gone, below 0 on an error,
  /// which errno tells.
  ssize_t size = 0;
  std::vector<unique_fd> descriptors;
};

/// Returns as sendmsg(2). REQUIRES: `fds` has at most `descriptors_max`.
ssize_t send_message(int socket, const void* bytes, size_t size,
                     std::span<const int> fds, int flags);

[[nodiscard]] received
receive_message(int socket, void* buffer, size_t size, int flags);

} // namespace troupe::runtime::process
