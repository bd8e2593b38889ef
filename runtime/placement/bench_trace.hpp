#pragma once

/// Plays a recorded list of tasks with GPUs by the code that places, to measure
/// how much of the GPUs gets used.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "messages/expected.hpp"

#include "runtime/placement/policy.hpp"

namespace troupe::runtime::placement {

/// Nodes and tasks of Alibaba's cluster-trace-gpu-v2023 ("openb").
struct gpu_trace {
  /// In the order in which equally good nodes are taken.
  std::vector<node_row> nodes;
  std::vector<std::shared_ptr<const task_class>> classes;
  /// Names of the tasks in the list, with their index in `classes`.
  std::map<std::string, uint32_t, std::less<>> listed;
  /// Who asks for a place, in order: indices in `classes`.
  std::vector<uint32_t> arrivals;

  [[nodiscard]] int64_t gpu_millis() const;
};

/// Reads `openb_node_list_*.csv` and `openb_pod_list_*.csv`. The model of GPUs is
/// the label `model`. Nobody arrives yet. Errors: which line of which is wrong.
[[nodiscard]] expected<gpu_trace, std::string>
read_openb(std::string_view nodes, std::string_view tasks);

/// Lets tasks arrive as `order` names them, and takes nodes in the order of
/// `rank`: for each node, as sorted by name, its place. Errors: what is wrong.
[[nodiscard]] expected<void, std::string>
arrange(gpu_trace& x, std::string_view order, std::string_view rank);

/// Lets the listed tasks arrive in an order that depends on `seed`, again and
/// again until `asked` times the GPUs have been asked for; shuffles nodes.
void arrange_by_chance(gpu_trace& x, uint64_t seed, double asked = 1.3);

struct trace_result {
  /// Shares of all GPUs: what tasks asked for, what they hold in the end, and
  /// what is left that the next task with GPUs of the list could not use, on
  /// average.
  double asked = 0;
  double allocated = 0;
  double fragmented = 0;
  uint64_t placed = 0;
  uint64_t refused = 0;
  /// How many were refused mostly for which reason.
  std::map<reason, uint64_t> why;
};

/// Strategies, and two that were published and serve to compare: `bestFit` and
/// `publishedFgd`.
[[nodiscard]] std::vector<std::string> trace_strategies();

/// Offers each task once; it is placed at once or dropped. Errors: an unknown
/// strategy.
[[nodiscard]] expected<trace_result, std::string>
play(const gpu_trace& x, const std::string& strategy);

// -- to compare with ------------------------------------------------------------

/// A strategy as it was published, with how it chooses devices.
/// Source: Weng et al., ATC 2023, and the simulator that belongs to it.
class published_strategy {
public:
  virtual ~published_strategy();

  struct place {
    node_index node = 0;
    occupation held;
  };
  /// Where a task of class `of` goes, if it fits anywhere.
  [[nodiscard]] virtual std::optional<place> choose(const table& t, uint32_t of)
    = 0;
};

/// `bestFit` or `publishedFgd` for the classes of `x`; null if unknown. Refers to
/// `x`, which must live longer.
[[nodiscard]] std::unique_ptr<published_strategy>
make_published(const std::string& name, const gpu_trace& x);

/// What the tasks of the list ask for, tasks without GPUs among them.
[[nodiscard]] gpu_wishes wishes_of(const gpu_trace& x);

} // namespace troupe::runtime::placement
