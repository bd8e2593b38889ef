#include <doctest/doctest.h>

#include "runtime/cluster/step_recorder.hpp"

namespace troupe {

using runtime::step_recorder;

namespace {

constexpr timestamp t0{1'000};
constexpr timestamp t1{2'000};
constexpr timestamp t2{5'000};

event at(timestamp time) {
  event result;
  result.time = time;
  return result;
}

} // namespace

TEST_CASE("a step of which nothing came has not been, and took no time") {
  step_recorder aut;
  std::vector<event> facts;
  aut.begin(step_kind::time, t0, facts.size());
  CHECK(aut.end(facts, t1) == t0);
  aut.look();
  aut.begin(step_kind::command, t0, facts.size());
  facts.push_back(at(t2));
  CHECK(aut.end(facts, t2) == t2);
  CHECK(facts[0].facts == 1);
  CHECK(facts[0].steps.empty());
}

TEST_CASE("steps without facts go with the next fact") {
  step_recorder aut;
  std::vector<event> facts{at(t0)};
  aut.begin(step_kind::time, t0, facts.size());
  aut.stir();
  CHECK(aut.end(facts, t1) == t1);
  aut.begin(step_kind::proposal, t1, facts.size());
  facts.push_back(at(t2));
  facts.push_back(at(t2));
  CHECK(aut.end(facts, t2) == t2);
  CHECK(facts[0].steps.empty());
  CHECK(facts[1].facts == 2);
  REQUIRE(facts[1].steps.size() == 2);
  CHECK(facts[1].steps[0].kind == step_kind::time);
  CHECK(facts[1].steps[0].ago == t2 - t1);
  CHECK(facts[1].steps[1].kind == step_kind::proposal);
  CHECK(facts[2].steps.empty());
}

TEST_CASE("a step says whether there was a look since the one before") {
  step_recorder aut;
  std::vector<event> facts;
  aut.look();
  aut.begin(step_kind::command, t0, facts.size());
  CHECK(!aut.present().at_once);
  // As if it had not been: the look stays.
  CHECK(aut.end(facts, t1) == t0);
  aut.begin(step_kind::command, t0, facts.size());
  CHECK(!aut.present().at_once);
  facts.push_back(at(t1));
  CHECK(aut.end(facts, t1) == t1);
  aut.begin(step_kind::command, t1, facts.size());
  CHECK(aut.present().at_once);
}

TEST_CASE("of very many steps without facts none is told") {
  step_recorder aut;
  std::vector<event> facts;
  constexpr size_t many = 5'000;
  for (size_t i = 0; i < many; ++i) {
    aut.begin(step_kind::proposal, t0, facts.size());
    CHECK(aut.end(facts, t1) == t1);
  }
  aut.begin(step_kind::command, t1, facts.size());
  facts.push_back(at(t2));
  CHECK(aut.end(facts, t2) == t2);
  CHECK(facts[0].steps.size() < many);
  CHECK(facts[0].steps[0].kind == step_kind::untold);
}

} // namespace troupe
