#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include "messages/expected.hpp"

#include "runtime/journal/etcd_address.hpp"

namespace troupe::runtime {

/// Why etcd did not do what it was asked.
enum class etcd_ec {
  /// Nobody answered in time. It may have been done, and may be done later.
  silent,
  /// Its quota is full. It may have been done all the same: etcd applies a write
  /// and then says that it was one too many.
  full,
  /// It did not do it, and would not the next time.
  refused,
};

struct etcd_error {
  etcd_ec code;
  std::string message;
};

/// Speaks the JSON gateway of etcd 3.4 and later: one connection, one question
/// at a time, which blocks. Goes on with the next member when one does not
/// answer. Used by one thread at a time.
class etcd_client {
public:
  using clock = std::chrono::steady_clock;

  explicit etcd_client(etcd_address address);
  etcd_client(etcd_client&&) noexcept;
  etcd_client& operator=(etcd_client&&) noexcept;
  ~etcd_client();

  [[nodiscard]] const etcd_address& address() const { return address_; }

  /// Sends `body` to `/v3/PATH` of one member after the other until one answers
  /// or `deadline` has passed; at least once. So whatever is sent must be as
  /// good if it is done twice, and is if a transaction guards it.
  [[nodiscard]] expected<boost::json::object, etcd_error>
  call(std::string_view path, const boost::json::object& body,
       clock::time_point deadline);

private:
  struct connection;
  struct reply;

  reply send(const std::string& url, const std::string& body,
             std::chrono::milliseconds timeout);

  etcd_address address_;
  std::size_t which_ = 0;
  std::unique_ptr<connection> connection_;
};

// -- what is written in its JSON ------------------------------------------------

/// etcd writes 64-bit numbers as strings and leaves out those that are zero.
[[nodiscard]] std::uint64_t
etcd_number(const boost::json::object& from, std::string_view key);

/// Of the answer's header: of the whole store, after this.
[[nodiscard]] std::uint64_t etcd_revision(const boost::json::object& answer);

struct etcd_key_value {
  std::string key;
  std::string value;
  std::uint64_t create_revision = 0;
  std::uint64_t mod_revision = 0;
  std::uint64_t lease = 0;
};

/// The pairs in the answer to a range, which may have none.
[[nodiscard]] std::vector<etcd_key_value>
etcd_pairs(const boost::json::object& range);

/// The `index`-th answer within that to a transaction, called `response_range`
/// or the like; empty if there is none.
[[nodiscard]] boost::json::object
etcd_response(const boost::json::object& answer, std::size_t index,
              std::string_view name);

/// The smallest key that no key with `prefix` comes after.
[[nodiscard]] std::string etcd_end_of(std::string prefix);

} // namespace troupe::runtime
