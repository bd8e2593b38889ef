#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/placement/explain.hpp"
#include "runtime/placement/scan.hpp"

namespace troupe::runtime::placement {

struct ask;

/// What a strategy thinks of a node where a task fits. Rules, preferences and
/// spreading are the same for all strategies and not its concern.
///
/// To add a strategy, derive from this, say `score`, and name it in
/// `scorers.cpp`: see `most_free_cpu.cpp`.
class scorer {
public:
  virtual ~scorer();

  /// What users write as `strategy`.
  [[nodiscard]] virtual std::string_view name() const = 0;

  /// Tells what is known when a proposal or an explanation begins, for
  /// strategies that look further than a node. While the answer stays the same,
  /// so do scores.
  virtual uint64_t learn(const table& snapshot, std::span<const ask> asks);

  /// In points; higher wins. Should stay between 0 and 2: a preference of
  /// weight 1 is worth one point. Steps below 2^-20 are lost. Must depend on
  /// nothing but the row of `n`, the class, and what `learn` and `placed` told.
  /// REQUIRES: the task fits on `n`.
  [[nodiscard]] virtual double
  score(const table& t, node_index n, const known_class& c) const = 0;

  /// The score in parts, for people. They add up to it.
  [[nodiscard]] virtual std::vector<score_part>
  parts(const table& t, node_index n, const known_class& c) const;

  /// A formula that scans pages and says the same as `score`, if there is one.
  [[nodiscard]] virtual std::optional<formula> vector_formula() const {
    return std::nullopt;
  }

  /// Tells that the last choice was `n`, for strategies that remember.
  virtual void placed(const table& t, node_index n);

  /// Whether `placed` changes what `score` says.
  [[nodiscard]] virtual bool remembers() const { return false; }
};

using scorer_ptr = std::unique_ptr<scorer>;

/// The strategy called `name`, or null.
[[nodiscard]] scorer_ptr make_scorer(std::string_view name);
[[nodiscard]] std::vector<std::string> scorer_names();

/// The sample of a strategy of one's own: most cores free wins.
[[nodiscard]] scorer_ptr make_most_free_cpu();

/// Keeps GPUs usable for those who come later.
[[nodiscard]] scorer_ptr make_fgd();

/// How full `n` is when a task of `c` has come, as `formula::fullness` says, with
/// its GPUs if `c` asks for some.
[[nodiscard]] units
fullness_after(const table& t, node_index n, const known_class& c);

/// What a task of `c` meets on every node, scored by `by`, with preferences and
/// spreading.
[[nodiscard]] explanation
explain_by(const scorer& by, const table& t, const task_class& x);

[[nodiscard]] constexpr units to_units(double points) {
  return static_cast<units>(points * static_cast<double>(units_per_point));
}

[[nodiscard]] constexpr double to_points(units x) {
  return static_cast<double>(x) / static_cast<double>(units_per_point);
}

} // namespace troupe::runtime::placement
