#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "messages/expected.hpp"
#include "messages/state.hpp"

#include "runtime/placement/gpu_demand.hpp"
#include "runtime/placement/holdings.hpp"
#include "runtime/placement/known_class.hpp"
#include "runtime/placement/page.hpp"
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

/// Capacity and rules of all nodes, as a structure of arrays: the ground truth
/// of who holds what. Every change costs the same however many nodes there are.
///
/// Copies share pages of 64 nodes until one of the two changes, so a snapshot
/// costs a few pointers per page. Two tables may be read and changed by two
/// threads, even if one is a copy of the other.
class table {
public:
  // -- nodes -----------------------------------------------------------------

  /// REQUIRES: weight above 0, overcommit at least 1, fewer than `most_nodes`
  /// nodes.
  node_index add(node_row row);
  /// Forgets the node and whatever its tasks hold; they must not be vacated
  /// afterwards.
  void remove(node_index n);
  void change(node_index n, const label_set& labels, double weight,
              double overcommit);
  /// What is held stays held, even if it is more than `capacity` now.
  void change_capacity(node_index n, const resources& capacity);
  /// Lets no more tasks come to `n`; `reason::none` opens it again.
  void close(node_index n, reason why);
  /// Sets what the node measured: fractions of its capacity, 0..1 and above.
  void set_load(node_index n, float cpu, float memory);

  // -- tasks -----------------------------------------------------------------

  /// Holds capacity for a task of class `c` on `n`, or says which rule or
  /// resource refuses. The check is complete: two tasks never hold the same.
  [[nodiscard]] expected<occupation, reason>
  occupy(node_index n, const task_class& c);
  [[nodiscard]] expected<occupation, reason>
  occupy(node_index n, const known_class& c);
  /// Holds exactly what an earlier `occupy` gave, as a journal tells. Does not
  /// check rules.
  void occupy_again(node_index n, const task_class& c, const occupation& o);
  void vacate(node_index n, const task_class& c, const occupation& o);

  // -- what is there ---------------------------------------------------------

  /// Rows, used or not: indices are below this.
  [[nodiscard]] node_index rows() const { return rows_; }
  /// Nodes that are there.
  [[nodiscard]] uint32_t nodes() const { return nodes_; }
  [[nodiscard]] bool has(node_index n) const {
    return n < rows_ && named_[n / page_rows]->of[n % page_rows] != nullptr;
  }
  [[nodiscard]] const node_row& row(node_index n) const {
    return *named_[n / page_rows]->of[n % page_rows];
  }
  /// Tasks that hold capacity on `n`.
  [[nodiscard]] uint32_t tasks(node_index n) const;
  /// What may be asked for on `n` in all: its capacity, cpu times overcommit.
  [[nodiscard]] resources total(node_index n) const;
  [[nodiscard]] resources used(node_index n) const;
  /// `total` without `used`: below 0 after a node shrank.
  [[nodiscard]] resources free(node_index n) const;
  /// [device], thousandths that are left.
  [[nodiscard]] std::vector<uint16_t> gpus_left(node_index n) const;
  /// What tasks with GPUs asked for that came of late; see `gpu_demand`.
  [[nodiscard]] std::shared_ptr<const gpu_wishes> typical_gpu_demand() const;
  /// Tasks on `n` with label `x`.
  [[nodiscard]] uint32_t tasks_having(node_index n, const label& x) const;
  /// Tasks on `n` whose rule avoids `x`.
  [[nodiscard]] uint32_t tasks_avoiding(node_index n, const label& x) const;
  /// Tasks on `n` of a spread group.
  [[nodiscard]] uint32_t
  tasks_of_group(node_index n, const known_class& c) const;
  /// The first rule that refuses a task of class `c` on `n`, in this order:
  /// `no_nodes` (no such node), why it is closed, node labels, exclusive,
  /// colocation, ports, gpu, named resources, memory, cpu. What nobody can wait
  /// for comes first, what frees itself soonest last. `none`: it fits.
  [[nodiscard]] reason refuses(node_index n, const known_class& c) const;
  /// The same where it is known whether the node labels satisfy `c`.
  [[nodiscard]] reason
  refuses(node_index n, const known_class& c, bool labels_satisfy) const;
  /// The same without what columns of pages and node labels say.
  [[nodiscard]] reason refuses_rarely(node_index n, const known_class& c) const;

  // -- what a scan reads -----------------------------------------------------

  [[nodiscard]] uint32_t pages() const {
    return static_cast<uint32_t>(pages_.size());
  }
  [[nodiscard]] const page& page_at(uint32_t p) const { return *pages_[p]; }
  /// Names a state of a page, also among copies of this table: equal stamps,
  /// equal content. Never 0. Never to be ordered or shown.
  [[nodiscard]] uint64_t stamp(uint32_t p) const { return stamps_[p]; }
  [[nodiscard]] const std::vector<uint64_t>& stamps() const { return stamps_; }
  /// The same for labels, of which a change also changes `stamp`.
  [[nodiscard]] uint64_t label_stamp(uint32_t p) const {
    return label_stamps_[p];
  }

  /// Only what the labels and rules of other tasks say.
  [[nodiscard]] reason
  refuses_company(node_index n, const known_class& c) const;

private:
  struct named_page {
    std::array<std::shared_ptr<const node_row>, page_rows> of;
  };
  struct holdings_page {
    std::array<std::shared_ptr<holdings>, page_rows> of;
  };

  page& edit(node_index n);
  holdings& edit_holdings(node_index n);
  void set_row(node_index n, std::shared_ptr<const node_row> row);
  /// Computes what columns derive from others and from `row`.
  void derive(node_index n);
  void derive_use(page& p, uint32_t i) const;
  void derive_offer(page& p, uint32_t i) const;
  void derive_holdings(page& p, node_index n) const;
  void hold(node_index n, const known_class& c, const occupation& o);
  void note_demand(const known_class& c);
  [[nodiscard]] const holdings* holdings_of(node_index n) const {
    return holdings_[n / page_rows]->of[n % page_rows].get();
  }

  node_index rows_ = 0;
  uint32_t nodes_ = 0;
  // A heap, lowest on top.
  std::vector<node_index> unused_;
  // [page]
  std::vector<std::shared_ptr<page>> pages_;
  std::vector<std::shared_ptr<holdings_page>> holdings_;
  std::vector<std::shared_ptr<named_page>> named_;
  std::vector<uint64_t> stamps_;
  std::vector<uint64_t> label_stamps_;
  // Null until a task asked for GPUs.
  std::shared_ptr<gpu_demand> gpu_demand_;
};

/// Whether `labels` satisfy every requirement.
[[nodiscard]] bool
satisfies(const label_set& labels, const std::vector<label_requirement>& xs);

/// The value of `name`, or null.
[[nodiscard]] const std::string*
value_of(const label_set& labels, const std::string& name);

} // namespace troupe::runtime::placement
