// One cluster takes all facts as they are until a controller takes over. From
// there it is given the steps that stand with the facts, decides on them, and
// what it says is compared.

#include "runtime/rehearsal/replay.hpp"

#include <algorithm>
#include <memory>
#include <span>

#include "messages/json.hpp"

#include "runtime/rehearsal/again.hpp"
#include "runtime/rehearsal/prompts.hpp"

namespace troupe::runtime::rehearsal {

namespace {

class replayer {
public:
  replayer(const recording& x, const replay_options& options)
    : recording_{x}, facts_{x.events}, options_{options} {}

  expected<replayed, std::string> run() {
    // Whether it can be begun with at all.
    if (auto ok = again{options_.batch_tasks_max}.begin(recording_.lines); !ok)
      return make_unexpected(ok.error());
    give_up("it begins in the middle of the life of a controller");
    for (size_t i = 0; i < facts_.size() && !result_.first;) {
      auto facts = step_at(facts_, i);
      if (std::holds_alternative<leader_elected>(facts.front().what))
        begin_anew(i);
      if (now_ == nullptr || !decide(facts))
        take_as_they_are(facts);
      i += facts.size();
      result_.facts += facts.size();
    }
    return std::move(result_);
  }

private:
  // -- where nothing can be said ----------------------------------------------

  /// Nothing is tried until the next controller begins.
  void give_up(std::string why) {
    now_.reset();
    why_untried_ = std::move(why);
  }

  void take_as_they_are(std::span<const event> facts) {
    if (result_.first)
      return;
    auto& all = result_.untried;
    if (all.empty() || all.back().to + 1 != facts.front().version
        || all.back().why != why_untried_)
      all.push_back({facts.front().version, 0, why_untried_});
    all.back().to = facts.back().version;
  }

  // -- where it begins --------------------------------------------------------

  /// A controller that takes over knows what facts say, and nothing else.
  void begin_anew(size_t i) {
    if (facts_[i].steps.empty())
      return give_up("it was written by a version of troupe that did not note "
                     "what it decided on");
    now_ = std::make_unique<again>(options_.batch_tasks_max);
    // What was begun with before can be begun with once more.
    static_cast<void>(now_->begin(recording_.lines));
    for (auto& x : facts_.first(i))
      now_->apply(x);
  }

  // -- deciding again ---------------------------------------------------------

  /// Whether it was tried.
  bool decide(std::span<const event> facts) {
    auto& steps = facts.front().steps;
    auto own = steps.empty() ? step{} : steps.back();
    for (size_t i = 0; i + 1 < steps.size(); ++i)
      if (!take_silent(steps[i], facts))
        return false;
    if (result_.first)
      return true;
    return take(own, facts) && compare(facts);
  }

  bool take_silent(const step& x, std::span<const event> facts) {
    if (result_.first)
      return true;
    auto at = facts.front().time + -x.ago;
    prepare(x);
    if (x.kind == step_kind::command)
      now_->tell(silent_command(now_->state(), x), at);
    else if (!follow(x, at, {}))
      return false;
    auto by_record = std::exchange(as_recorded_, false);
    if (now_->next() == nullptr)
      return true;
    if (by_record)
      return give_up(unknowable), false;
    result_.first = difference_at(facts.front(), now_->next());
    return true;
  }

  bool take(const step& x, std::span<const event> facts) {
    prepare(x);
    auto at = facts.front().time;
    if (x.kind != step_kind::command) {
      if (x.kind == step_kind::time)
        for (auto& y : answers_before(now_->state(), facts))
          now_->tell(y, now_->state().last_time());
      return follow(x, at, facts);
    }
    auto all = commands_behind(now_->state(), facts);
    for (auto& y : all)
      now_->tell(y, at);
    ++result_.commands;
    if (all.empty())
      give_up("nobody knows what brought " + std::string{type_of(facts[0].what)}
              + " about at version " + std::to_string(facts[0].version));
    return !all.empty();
  }

  void prepare(const step& x) {
    if (!x.at_once)
      now_->ask();
  }

  /// Takes what is not a command. False if that cannot be done.
  bool follow(const step& x, timestamp at, std::span<const event> facts) {
    switch (x.kind) {
    case step_kind::time:
      ++result_.times;
      now_->pass_time(at);
      return true;
    case step_kind::proposal:
      ++result_.proposals;
      return answer(at, facts);
    case step_kind::no_proposal:
      now_->abandon();
      return true;
    case step_kind::policies:
      if (now_->serve(x.policies))
        return true;
      give_up("there was a policy that this program does not have");
      return false;
    case step_kind::command:
    case step_kind::untold:
      break;
    }
    give_up("more happened than is noted, or it was noted by a newer version "
            "of troupe");
    return false;
  }

  bool answer(timestamp at, std::span<const event> facts) {
    auto before = now_->places_taken();
    switch (now_->answer(at, facts)) {
    case again::answered::yes:
      return true;
    case again::answered::as_recorded:
      as_recorded_ = true;
      result_.unknowable += now_->places_taken() - before;
      return true;
    case again::answered::unknowable:
      give_up(unknowable);
      return false;
    case again::answered::unasked:
      // What no policy was asked now cannot be decided now.
      break;
    }
    return true;
  }

  // -- comparing --------------------------------------------------------------

  bool compare(std::span<const event> facts) {
    auto by_record = std::exchange(as_recorded_, false);
    for (auto& x : facts) {
      auto* next = now_->next();
      if (next == nullptr || !is_same(*next, x)) {
        if (by_record)
          return give_up(unknowable), false;
        result_.first = difference_at(x, next);
        return true;
      }
      ++result_.same;
      now_->drop_next();
    }
    // More came of it than then: in the place of what came next.
    if (auto* more = now_->next()) {
      auto after = facts.back();
      ++after.version;
      result_.first = difference_at(after, more);
      result_.first->recorded = nullptr;
    }
    return true;
  }

  static bool is_same(const event& x, const event& y) {
    if (x.version != y.version || x.time != y.time)
      return false;
    // Specs are compared by what they say, not by where they stand.
    return x.what == y.what
           || write_line({1, {}, x.what}) == write_line({1, {}, y.what});
  }

  static difference difference_at(const event& x, const event* decided) {
    difference result{x.version, x.time, write_event(x), nullptr};
    if (decided != nullptr)
      result.decided = write_event(*decided);
    return result;
  }

  static constexpr const char* unknowable
    = "its places were decided by measured loads or in turns, which no journal "
      "holds, while things changed";

  const recording& recording_;
  std::span<const event> facts_;
  replay_options options_;
  /// Null where nothing is tried, and why not.
  std::unique_ptr<again> now_;
  std::string why_untried_;
  /// Whether the facts to be compared were taken for right in part.
  bool as_recorded_ = false;
  replayed result_;
};

} // namespace

expected<replayed, std::string>
replay(const recording& x, const replay_options& options) {
  return replayer{x, options}.run();
}

boost::json::value write_replayed(const replayed& x) {
  boost::json::object result;
  // Of nothing that was compared, nothing is said.
  if (x.first || x.same > 0)
    result["same"] = !x.first.has_value();
  else
    result["same"] = nullptr;
  result["facts"] = x.facts;
  result["decided"] = x.same;
  result["commands"] = x.commands;
  result["proposals"] = x.proposals;
  result["times"] = x.times;
  result["unknowable"] = x.unknowable;
  boost::json::array untried;
  for (auto& y : x.untried)
    untried.push_back(
      boost::json::object{{"from", y.from}, {"to", y.to}, {"message", y.why}});
  result["untried"] = std::move(untried);
  if (x.first)
    result["difference"]
      = boost::json::object{{"version", x.first->version},
                            {"time", to_string(x.first->time)},
                            {"recorded", x.first->recorded},
                            {"decided", x.first->decided}};
  return result;
}

} // namespace troupe::runtime::rehearsal
