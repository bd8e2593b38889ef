#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/placement/known_class.hpp"

namespace troupe::runtime::placement {

/// One device, in the thousandths that shares are counted in.
inline constexpr uint16_t whole_device = 1000;

/// What a placed task holds beyond plain amounts.
struct occupation {
  /// Indices of devices; the share is the class's request.
  std::vector<uint16_t> gpus;
  /// Host ports: first those asked for by number, then the chosen ones.
  std::vector<uint16_t> ports;
  bool operator==(const occupation&) const = default;
};

/// How many tasks of one node have a label, avoid it, or are of a group.
struct tally {
  uint64_t hash = 0;
  uint32_t count = 0;
  tally_kind kind = tally_kind::having;
  std::shared_ptr<const label> what;
};

/// Host ports that are chosen: both ends belong to the range. Below the
/// kernel's ephemeral ports, above what services ask for by number.
inline constexpr uint16_t first_chosen_port = 20'000;
inline constexpr uint16_t last_chosen_port = 31'999;

/// Where the search for a free port begins on the node in row `n`. Nodes that
/// stand on one machine, as on a laptop, would all want the same ports.
constexpr uint16_t first_port_of(uint32_t n) {
  constexpr uint32_t apart = 1'000;
  return static_cast<uint16_t>(
    first_chosen_port + n * apart % (last_chosen_port - first_chosen_port + 1));
}

/// What the tasks of one node hold beyond cpu and memory.
class holdings {
public:
  explicit holdings(uint16_t first_port = first_chosen_port)
    : next_port_(first_port) {}

  [[nodiscard]] uint32_t
  count(tally_kind kind, uint64_t hash, const label& what) const;
  void add(const known_class& c, const occupation& o);
  void remove(const known_class& c, const occupation& o);

  /// The devices that a task of `c` would get among `devices`: the fullest that
  /// has the share left, or the lowest free ones; empty if there are not enough.
  [[nodiscard]] std::vector<uint16_t>
  choose_gpus(const known_class& c, uint32_t devices) const;
  /// The ports that a task of `c` would get; empty if one is taken.
  [[nodiscard]] std::vector<uint16_t> choose_ports(const known_class& c) const;

  [[nodiscard]] bool ports_free(const known_class& c) const;
  [[nodiscard]] uint32_t gpus_free(uint32_t devices) const;
  /// The most that is left on one of `devices`.
  [[nodiscard]] uint16_t gpu_most_left(uint32_t devices) const;
  /// [device], thousandths.
  [[nodiscard]] std::vector<uint16_t> gpus_left(uint32_t devices) const;
  [[nodiscard]] int64_t gpu_millis() const;
  [[nodiscard]] const std::vector<named_resource>& named() const {
    return named_.named;
  }
  [[nodiscard]] int64_t named(const std::string& x) const {
    return named_.amount_of(x);
  }
  [[nodiscard]] uint32_t exclusive() const { return exclusive_; }
  /// One bit for each tally of `avoiding`, or of the other kinds.
  [[nodiscard]] uint64_t avoiding_filter() const;
  [[nodiscard]] uint64_t having_filter() const;

private:
  void change(tally_kind kind, uint64_t hash, const label& what, bool more);
  void change_all(const known_class& c, bool more);
  [[nodiscard]] bool port_taken(uint16_t port) const;

  // Sorted by hash.
  std::vector<tally> tallies_;
  // [device], thousandths.
  std::vector<uint16_t> gpu_used_;
  // Sorted.
  std::vector<uint16_t> ports_;
  uint16_t next_port_;
  resources named_;
  uint32_t exclusive_ = 0;
};

} // namespace troupe::runtime::placement
