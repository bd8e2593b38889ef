#include <algorithm>
#include <array>
#include <utility>

#include "runtime/placement/scorer.hpp"

namespace troupe::runtime::placement {

scorer::~scorer() = default;

std::vector<score_part>
scorer::parts(const table& t, node_index n, const known_class& c) const {
  return {{std::string{name()}, to_points(to_units(score(t, n, c)))}};
}

uint64_t scorer::learn(const table&, std::span<const ask>) {
  // Most strategies look at nothing but nodes.
  return 0;
}

void scorer::placed(const table&, node_index) {
  // Most strategies remember nothing.
}

namespace {

units score_by(formula x, const table& t, node_index n, const known_class& c) {
  auto& p = t.page_at(n / page_rows);
  auto i = n % page_rows;
  auto gpu = -1.0f;
  if (c.asks_gpu() && p.gpus[i] > 0)
    gpu = p.gpu_used[i]
          + static_cast<float>(c.of.request.gpu_millis)
              / (static_cast<float>(p.gpus[i]) * 1000.0f);
  return score_row(x, p, i, {c.cpu, c.memory}, gpu);
}

// -- strategies with a formula -----------------------------------------------

class formula_scorer final : public scorer {
public:
  formula_scorer(std::string_view name, formula x) : name_(name), formula_(x) {}

  std::string_view name() const override { return name_; }

  double
  score(const table& t, node_index n, const known_class& c) const override {
    return to_points(row_units(t, n, c));
  }

  std::vector<score_part>
  parts(const table& t, node_index n, const known_class& c) const override {
    auto x = row_units(t, n, c);
    switch (formula_) {
    case formula::nothing:
      return {};
    case formula::fullness:
      if (t.tasks(n) != 0)
        return {{"nodeInUse", to_points(in_use_bonus)},
                {"fullness", to_points(x - in_use_bonus)}};
      return {{"fullness", to_points(x)}};
    case formula::emptiness:
      return {{"emptiness", to_points(x)}};
    case formula::load:
      return {{"idleness", to_points(x)}};
    }
    return {};
  }

  std::optional<formula> vector_formula() const override { return formula_; }

private:
  units row_units(const table& t, node_index n, const known_class& c) const {
    return score_by(formula_, t, n, c);
  }

  std::string_view name_;
  formula formula_;
};

// -- round robin -------------------------------------------------------------

/// Gives every node a turn, in order; a node of weight 3 has three turns where
/// others have one. Source: stride scheduling, Waldspurger and Weihl 1995.
class round_robin final : public scorer {
public:
  std::string_view name() const override { return "roundRobin"; }

  double score(const table&, node_index n, const known_class&) const override {
    return to_points(-turn_of(n));
  }

  std::vector<score_part>
  parts(const table& t, node_index n, const known_class& c) const override {
    return {{"turn", score(t, n, c)}};
  }

  void placed(const table& t, node_index n) override {
    if (turns_.size() < t.rows())
      turns_.resize(t.rows());
    // A node that was left out has one turn, not all that it missed.
    now_ = std::max(now_, turns_[n]);
    auto ease = t.page_at(n / page_rows).ease[n % page_rows];
    auto step = static_cast<double>(turn) * static_cast<double>(ease);
    turns_[n] = now_ + std::max<units>(1, static_cast<units>(step));
  }

  bool remembers() const override { return true; }

private:
  // So small that 100,000 rounds do not outweigh a preference.
  static constexpr units turn = units_per_point / 1024;

  units turn_of(node_index n) const {
    return n < turns_.size() ? turns_[n] : units{0};
  }

  // [node], when its next turn is.
  std::vector<units> turns_;
  units now_ = 0;
};

// -- by name -----------------------------------------------------------------

scorer_ptr make_round_robin() {
  return std::make_unique<round_robin>();
}

scorer_ptr make_binpack() {
  return std::make_unique<formula_scorer>("binpack", formula::fullness);
}

scorer_ptr make_spread() {
  return std::make_unique<formula_scorer>("spread", formula::emptiness);
}

scorer_ptr make_first_fit() {
  return std::make_unique<formula_scorer>("firstFit", formula::nothing);
}

scorer_ptr make_least_loaded() {
  return std::make_unique<formula_scorer>("leastLoaded", formula::load);
}

constexpr std::array<std::pair<std::string_view, scorer_ptr (*)()>, 7> known{{
  {"binpack", make_binpack},
  {"spread", make_spread},
  {"firstFit", make_first_fit},
  {"roundRobin", make_round_robin},
  {"leastLoaded", make_least_loaded},
  {"fgd", make_fgd},
  {"mostFreeCpu", make_most_free_cpu},
}};

} // namespace

units fullness_after(const table& t, node_index n, const known_class& c) {
  return score_by(formula::fullness, t, n, c);
}

scorer_ptr make_scorer(std::string_view name) {
  for (auto& [known_name, make] : known)
    if (known_name == name)
      return make();
  return nullptr;
}

std::vector<std::string> scorer_names() {
  std::vector<std::string> result;
  for (auto& [name, make] : known)
    result.emplace_back(name);
  return result;
}

} // namespace troupe::runtime::placement
