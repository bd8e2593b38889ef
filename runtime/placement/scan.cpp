// The formulas are written once, for one row, and compiled for each instruction
// set. No operation may be reordered or fused (-ffp-contract=off) and a score
// becomes a whole number at once, so every set gives the same bits.

#include "runtime/placement/scan.hpp"

#include <cstring>

#include "messages/contract.hpp"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

namespace troupe::runtime::placement {

namespace {

constexpr float units_f = static_cast<float>(units_per_point);
// What a task counts for emptiness whatever it asks for, so that tasks that ask
// for nothing are spread as well.
constexpr float task_part = 1.0f / 4096;

struct amounts {
  float cpu;
  float memory;
};

// Falls from 1 to 0 as `x` rises from 0, whatever its range.
[[gnu::always_inline]] inline int32_t falling(float x) {
  return static_cast<int32_t>(units_f / (1.0f + x));
}

// Cut, because a row where the task does not fit is computed as well.
[[gnu::always_inline]] inline int32_t fullness_of(float full, int32_t tasks) {
  full = full < 2.0f ? full : 2.0f;
  return static_cast<int32_t>(full * units_f) + (tasks > 0 ? in_use_bonus : 0);
}

template <formula Formula>
[[gnu::always_inline]] inline int32_t
base(const page& p, uint32_t i, amounts r) {
  if constexpr (Formula == formula::nothing) {
    return 0;
  } else if constexpr (Formula == formula::fullness) {
    auto cpu = p.cpu_used[i] + r.cpu * p.cpu_step[i];
    auto memory = p.memory_used[i] + r.memory * p.memory_step[i];
    return fullness_of((cpu + memory) * 0.5f, p.tasks[i]);
  } else if constexpr (Formula == formula::emptiness) {
    auto cpu = p.cpu_used[i] + r.cpu * p.cpu_step[i];
    auto memory = p.memory_used[i] + r.memory * p.memory_step[i];
    auto tasks = static_cast<float>(p.tasks[i]) * task_part;
    return falling(((cpu + memory) * 0.5f + tasks) * p.ease[i]);
  } else {
    auto cpu = p.cpu_load[i] + r.cpu * p.cpu_step[i];
    auto memory = p.memory_load[i] + r.memory * p.memory_step[i];
    return falling((cpu + memory) * 0.5f * p.ease[i]);
  }
}

[[gnu::always_inline]] inline amounts amounts_of(const scan_request& x) {
  return {static_cast<float>(x.cpu), static_cast<float>(x.memory)};
}

template <formula Formula>
[[gnu::always_inline]] inline void
score_page(const page& p, const scan_request& request, page_scores& scores) {
  auto r = amounts_of(request);
  // Two loops, so that each has lanes of one width.
  alignas(64) int32_t bases[page_rows];
  for (uint32_t i = 0; i < page_rows; ++i) {
    auto x = base<Formula>(p, i, r);
    bases[i] = p.cpu_offered[i] >= request.cpu ? x : -1;
  }
  auto memory = request.memory;
  for (uint32_t i = 0; i < page_rows; ++i) {
    auto x = static_cast<units>(bases[i]);
    auto fits = int{x >= 0} & int{p.memory_free[i] >= memory};
    scores[i] = fits != 0 ? x : refused;
  }
}

[[gnu::always_inline]] inline void
add(const int32_t* points, page_scores& scores) {
  for (uint32_t i = 0; i < page_rows; ++i) {
    auto x = static_cast<units>(points[i]);
    auto sum = static_cast<units>(static_cast<uint64_t>(scores[i])
                                  + static_cast<uint64_t>(x)
                                      * static_cast<uint64_t>(units_per_point));
    auto no = int{x == std::numeric_limits<int32_t>::min()}
              | int{scores[i] == refused};
    scores[i] = no != 0 ? refused : sum;
  }
}

[[gnu::always_inline]] inline void
keep(const page& p, uint64_t needed, page_scores& scores) {
  for (uint32_t i = 0; i < page_rows; ++i)
    scores[i] = (p.having[i] & needed) == needed ? scores[i] : refused;
}

// Eight at once, said so: compilers take loops for maxima in their own odd ways.
using lanes = choice __attribute__((vector_size(64)));
constexpr size_t lane_count = 8;

[[gnu::always_inline]] inline choice best_of_lanes(const lanes& xs) {
  choice x[lane_count];
  std::memcpy(x, &xs, sizeof(x));
  auto better = [](choice a, choice b) { return a > b ? a : b; };
  auto left = better(better(x[0], x[1]), better(x[2], x[3]));
  auto right = better(better(x[4], x[5]), better(x[6], x[7]));
  return better(left, right);
}

[[gnu::always_inline]] inline choice
best_in(const page_scores& scores, uint32_t first) {
  // The complements of the nodes.
  auto low = static_cast<choice>(most_nodes - 1 - first)
             - lanes{0, 1, 2, 3, 4, 5, 6, 7};
  auto best = lanes{} + no_choice;
  for (uint32_t i = 0; i < page_rows; i += lane_count) {
    lanes x;
    std::memcpy(&x, &scores[i], sizeof(x));
    x = x * choice{most_nodes} + low;
    best = x > best ? x : best;
    low -= choice{lane_count};
  }
  return best_of_lanes(best);
}

[[gnu::always_inline]] inline choice best_of(const choice* xs, size_t count) {
  auto best = lanes{} + no_choice;
  for (size_t i = 0; i < count; i += lane_count) {
    lanes x;
    std::memcpy(&x, xs + i, sizeof(x));
    best = x > best ? x : best;
  }
  return best_of_lanes(best);
}

// -- one set of functions for each instruction set --------------------------

template <formula Formula>
void score_portable(const page& p, const scan_request& r, page_scores& s) {
  score_page<Formula>(p, r, s);
}

void add_portable(const int32_t* points, page_scores& s) {
  add(points, s);
}
choice best_row_portable(const page_scores& s, uint32_t first) {
  return best_in(s, first);
}

choice best_portable(const choice* xs, size_t count) {
  return best_of(xs, count);
}

void keep_portable(const page& p, uint64_t needed, page_scores& s) {
  keep(p, needed, s);
}

constexpr scanner portable_scanner{
  {score_portable<formula::nothing>, score_portable<formula::fullness>,
   score_portable<formula::emptiness>, score_portable<formula::load>},
  add_portable,
  keep_portable,
  best_row_portable,
  best_portable};

#if defined(__x86_64__)

template <formula Formula>
[[gnu::target("avx2")]] void
score_avx2(const page& p, const scan_request& r, page_scores& s) {
  score_page<Formula>(p, r, s);
}

[[gnu::target("avx2")]] void add_avx2(const int32_t* points, page_scores& s) {
  add(points, s);
}

[[gnu::target("avx2")]] choice
best_row_avx2(const page_scores& s, uint32_t first) {
  return best_in(s, first);
}

[[gnu::target("avx2")]] choice best_avx2(const choice* xs, size_t count) {
  return best_of(xs, count);
}

[[gnu::target("avx2")]] void
keep_avx2(const page& p, uint64_t needed, page_scores& s) {
  keep(p, needed, s);
}

constexpr scanner avx2_scanner{
  {score_avx2<formula::nothing>, score_avx2<formula::fullness>,
   score_avx2<formula::emptiness>, score_avx2<formula::load>},
  add_avx2,
  keep_avx2,
  best_row_avx2,
  best_avx2};

template <formula Formula>
[[gnu::target("avx512f,avx512dq,avx512bw,avx512vl")]] void
score_avx512(const page& p, const scan_request& r, page_scores& s) {
  score_page<Formula>(p, r, s);
}

[[gnu::target("avx512f,avx512dq,avx512bw,avx512vl")]] void
add_avx512(const int32_t* points, page_scores& s) {
  add(points, s);
}

[[gnu::target("avx512f,avx512dq,avx512bw,avx512vl")]] choice
best_row_avx512(const page_scores& s, uint32_t first) {
  return best_in(s, first);
}

[[gnu::target("avx512f,avx512dq,avx512bw,avx512vl")]] choice
best_avx512(const choice* xs, size_t count) {
  return best_of(xs, count);
}

[[gnu::target("avx512f,avx512dq,avx512bw,avx512vl")]] void
keep_avx512(const page& p, uint64_t needed, page_scores& s) {
  keep(p, needed, s);
}

constexpr scanner avx512_scanner{
  {score_avx512<formula::nothing>, score_avx512<formula::fullness>,
   score_avx512<formula::emptiness>, score_avx512<formula::load>},
  add_avx512,
  keep_avx512,
  best_row_avx512,
  best_avx512};

#endif

} // namespace

std::vector<instructions> available_instructions() {
  std::vector<instructions> result{instructions::portable};
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2"))
    result.push_back(instructions::avx2);
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
      && __builtin_cpu_supports("avx512bw")
      && __builtin_cpu_supports("avx512vl"))
    result.push_back(instructions::avx512);
#endif
  return result;
}

const scanner& scanner_for(instructions x) {
  switch (x) {
  case instructions::portable:
    break;
#if defined(__x86_64__)
  case instructions::avx2:
    return avx2_scanner;
  case instructions::avx512:
    return avx512_scanner;
#else
  case instructions::avx2:
  case instructions::avx512:
    TROUPE_ASSERT(x == instructions::portable);
#endif
  }
  return portable_scanner;
}

const scanner& fastest_scanner() {
  static const auto& result = scanner_for(available_instructions().back());
  return result;
}

units score_row(formula x, const page& p, uint32_t i,
                const scan_request& request, float gpu) {
  auto r = amounts_of(request);
  switch (x) {
  case formula::nothing:
    return base<formula::nothing>(p, i, r);
  case formula::fullness: {
    if (gpu < 0)
      return base<formula::fullness>(p, i, r);
    auto cpu = p.cpu_used[i] + r.cpu * p.cpu_step[i];
    auto memory = p.memory_used[i] + r.memory * p.memory_step[i];
    return fullness_of((cpu + memory + gpu) * (1.0f / 3), p.tasks[i]);
  }
  case formula::emptiness:
    return base<formula::emptiness>(p, i, r);
  case formula::load:
    return base<formula::load>(p, i, r);
  }
  return 0;
}

} // namespace troupe::runtime::placement
