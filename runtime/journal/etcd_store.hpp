#pragma once

#include <optional>

#include <boost/json/array.hpp>

#include "runtime/journal/etcd_lead.hpp"
#include "runtime/journal/journal.hpp"

namespace troupe::runtime {

/// Where a journal in etcd ends; the value of the key `PREFIX/head`.
struct etcd_head {
  std::uint64_t version = 0;
  std::uint64_t oldest = 1;
  /// Of the key; the guard of the next write.
  std::uint64_t mod_revision = 0;
};

/// `number` in twenty digits, so that keys are in the order of their numbers.
[[nodiscard]] std::string etcd_digits(std::uint64_t number);

/// What a transaction is to do.
namespace etcd_op {

[[nodiscard]] boost::json::object
put(const std::string& key, std::string_view value);

/// From `key` to before `end`.
[[nodiscard]] boost::json::object
remove(const std::string& key, const std::string& end);

} // namespace etcd_op

/// The keys of one journal, written only while its leader leads: every write
/// compares the leader's key, and whatever belongs to the facts the head as well.
/// A write whose answer does not come is sent again, unchanged, until there is
/// one: the guards see to it that it is done once.
class etcd_store {
public:
  /// A transaction stays below etcd's limit of 1.5 MiB and 128 operations.
  static constexpr auto piece_bytes_max = std::size_t{512} << 10;
  static constexpr auto ops_max = std::size_t{64};

  /// What was there when it was opened.
  struct found {
    std::string cluster_id;
    std::string snapshots;
  };

  etcd_store(const etcd_address& address, std::shared_ptr<etcd_lead> lead);

  /// Reads what there is, or makes it. No earlier leader's write can be done
  /// afterwards. Errors: `foreign_cluster`, `newer_version`, `corrupt`,
  /// `conflict`, `full`, `unavailable`.
  [[nodiscard]] expected<found, journal_error>
  open(const journal_options& options);

  /// Reads where the journal ends, and changes nothing: for a copy.
  /// Errors: `corrupt`, `unavailable`.
  [[nodiscard]] expected<found, journal_error> look();

  [[nodiscard]] const etcd_head& head() const { return head_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const etcd_address& address() const {
    return client_.address();
  }

  /// `PREFIX/NAME`.
  [[nodiscard]] std::string key(std::string_view name) const;

  enum class guard { leader, leader_and_head };

  /// Errors: `conflict` if another one leads, `full`, `unavailable`: then nobody
  /// knows what is written, and nothing more may be.
  [[nodiscard]] expected<void, journal_error>
  write(boost::json::array ops, guard what);

  /// Does `ops` and moves the head, both or neither. Errors: as of `write`; after
  /// `full` the head is where it was.
  [[nodiscard]] expected<void, journal_error>
  advance(boost::json::array ops, std::uint64_t version, std::uint64_t oldest);

  /// Asks for what no guard is needed for. Errors: `unavailable`.
  [[nodiscard]] expected<boost::json::object, journal_error>
  ask(std::string_view path, const boost::json::object& body);

  /// The answer to a range. Errors: `unavailable`.
  /// REQUIRES: limit > 0.
  [[nodiscard]] expected<boost::json::object, journal_error>
  range(const std::string& from, const std::string& end, std::uint64_t limit,
        bool keys_only = false);

  /// Lets etcd forget what was overwritten long ago.
  void compact();

private:
  expected<boost::json::object, journal_error>
  guarded(boost::json::array ops, guard what, const std::string& mark);

  expected<void, journal_error> read_head(const etcd_key_value& pair);

  journal_error deposed();

  etcd_client client_;
  std::shared_ptr<etcd_lead> lead_;
  std::string name_;
  etcd_head head_;
  /// Makes each head unlike any other, so that a lost answer can be told.
  std::uint64_t advances_ = 0;
  std::uint64_t compact_next_ = 0;
};

} // namespace troupe::runtime
