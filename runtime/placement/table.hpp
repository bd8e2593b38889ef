#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "messages/expected.hpp"
#include "messages/state.hpp"

#include "runtime/placement/task_class.hpp"

namespace troupe::runtime::placement {

/// A node's row. Rows of removed nodes are used again, lowest first.
using node_index = uint32_t;

/// What a node brings.
struct node_row {
  std::string name;
  resources capacity;
  label_set labels;
  /// Share of the work relative to other nodes, above 0.
  double weight = 1;
  /// Requests may add up to this times the capacity in cpu, at least 1.
  double overcommit = 1;
  /// Whether new tasks may come here; why not, otherwise.
  reason closed = reason::none;
};

/// What a placed task holds beyond plain amounts.
struct occupation {
  /// Indices of devices; the share is the class's request.
  std::vector<uint16_t> gpus;
  /// Host ports: first those asked for by number, then the chosen ones.
  std::vector<uint16_t> ports;
  bool operator==(const occupation&) const = default;
};

/// Capacity and rules of all nodes, as a structure of arrays: the ground truth
/// of who holds what. Every change costs the same however many nodes there are.
/// Copies share what seldom changes, so that a snapshot for a policy is cheap.
class table {
public:
  node_index add(node_row row);
  void remove(node_index n);
  void change(node_index n, const label_set& labels, double weight,
              double overcommit);
  void change_capacity(node_index n, const resources& capacity);
  void close(node_index n, reason why);
  /// Sets what the node measured: fractions of its capacity, 0..1 and above.
  void set_load(node_index n, float cpu, float memory);

  /// Holds capacity for a task of class `c` on `n`, or says which rule or
  /// resource refuses. The check is complete: two tasks never hold the same.
  [[nodiscard]] expected<occupation, reason> occupy(node_index n,
                                                    const task_class& c);
  /// Holds exactly what an earlier `occupy` gave, as a journal tells. Does not
  /// check rules.
  void occupy_again(node_index n, const task_class& c, const occupation& o);
  void vacate(node_index n, const task_class& c, const occupation& o);

  // ... and what the scan and the explanations read.
};

} // namespace troupe::runtime::placement
