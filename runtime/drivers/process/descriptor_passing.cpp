#include "runtime/drivers/process/descriptor_passing.hpp"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "messages/contract.hpp"

namespace troupe::runtime::process {

namespace {

union control_buffer {
  cmsghdr alignment;
  char bytes[CMSG_SPACE(sizeof(int) * descriptors_max)];
};

} // namespace

ssize_t send_message(int socket, const void* bytes, size_t size,
                     std::span<const int> fds, int flags) {
  TROUPE_ASSERT(fds.size() <= descriptors_max);
  auto part = iovec{const_cast<void*>(bytes), size};
  auto control = control_buffer{};
  auto message = msghdr{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
    auto* head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
    std::memcpy(CMSG_DATA(head), fds.data(), sizeof(int) * fds.size());
  }
  auto n = ssize_t{};
  do {
    n = ::sendmsg(socket, &message, flags | MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return n;
}

received receive_message(int socket, void* buffer, size_t size, int flags) {
  auto part = iovec{buffer, size};
  auto control = control_buffer{};
  auto message = msghdr{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof(control.bytes);
  auto result = received{};
  do {
    result.size = ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  } while (result.size < 0 && errno == EINTR);
  if (result.size < 0)
    return result;
  for (auto* head = CMSG_FIRSTHDR(&message); head;
       head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
      continue;
    auto count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (auto i = size_t{0}; i < count; ++i) {
      auto fd = -1;
      std::memcpy(&fd, CMSG_DATA(head) + i * sizeof(int), sizeof(int));
      result.descriptors.emplace_back(fd);
    }
  }
  return result;
}

} // namespace troupe::runtime::process
