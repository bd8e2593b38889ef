#include "runtime/live/live.hpp"

#include <algorithm>

#include <boost/json/parse.hpp>

#include "runtime/api/problem.hpp"
#include "runtime/api/render.hpp"
#include "runtime/api/routes.hpp"
#include "runtime/http/target.hpp"
#include "runtime/live/changes.hpp"

namespace troupe::runtime {

namespace {

using boost::json::object;
using boost::json::value;

constexpr size_t path_bytes_max = 4'096;

/// `"problem": {..}`, to be told by the number of what was followed.
std::string problem_text(const api::problem_response& x) {
  return "\"problem\":" + api::to_response(x).body;
}

api::problem_response bad(std::string detail) {
  return {400, std::move(detail), {}, {}};
}

/// Items that a page of a list asks for; 0 for what is no list.
uint32_t limit_of(const query& x) {
  return std::visit(
    [](const auto& y) -> uint32_t {
      if constexpr (requires { y.limit; })
        return y.limit;
      else
        return 0;
    },
    x);
}

expected<api::call, api::problem_response> read_path(const std::string& path) {
  if (path.size() > path_bytes_max)
    return make_unexpected(bad("this path is too long"));
  auto target = http::parse_target(path);
  if (!target)
    return make_unexpected(bad(target.error()));
  http::request request;
  request.path = std::move(target->path);
  request.segments = std::move(target->segments);
  request.query = std::move(target->query);
  return api::parse(request, 0);
}

/// The members of `x` as they stand in a larger object.
std::string members_text(const object& x) {
  auto text = api::json_text(value(x));
  return text.substr(1, text.size() - 2);
}

} // namespace

live::live(live_options options)
  : options_{options}, events_{options.events_max} {}

std::optional<tab_id> live::open() {
  if (tabs_.size() >= options_.tabs_max)
    return std::nullopt;
  tabs_.try_emplace(next_tab_);
  return next_tab_++;
}

void live::close(tab_id which) {
  auto at = tabs_.find(which);
  if (at == tabs_.end())
    return;
  for (auto& [number, x] : at->second.follows)
    leave(x);
  tabs_.erase(at);
}

void live::leave(const follow& x) {
  auto at = topics_.find(x.topic);
  if (at == topics_.end() || --at->second.follows > 0)
    return;
  topics_by_path_.erase(at->second.path);
  topics_.erase(at);
}

// -- what pages say ----------------------------------------------------------

void live::hear(tab_id which, std::string_view text) {
  auto tab = tabs_.find(which);
  boost::system::error_code error;
  auto said = boost::json::parse({text.data(), text.size()}, error);
  if (error || tab == tabs_.end() || !said.is_object())
    return;
  auto& follows = tab->second.follows;
  auto& members = said.get_object();
  auto number_of = [&](const char* key) -> const int64_t* {
    auto* found = members.if_contains(key);
    return found ? found->if_int64() : nullptr;
  };
  if (auto* number = number_of("leave")) {
    if (auto at = follows.find(*number); at != follows.end()) {
      leave(at->second);
      follows.erase(at);
    }
    return;
  }
  auto* number = number_of("follow");
  auto* path = members.if_contains("path");
  if (number == nullptr || path == nullptr || !path->is_string())
    return;
  if (auto at = follows.find(*number); at != follows.end()) {
    leave(at->second);
    follows.erase(at);
  }
  // Past the limit nothing is kept, so there is nobody to tell.
  if (follows.size() < options_.follows_max)
    follows[*number] = begin(std::string{path->get_string()});
}

live::follow live::begin(const std::string& path) {
  follow result;
  auto call = read_path(path);
  if (!call) {
    result.problem = problem_text(call.error());
    return result;
  }
  if (auto* x = std::get_if<api::query_call>(&*call)) {
    if (limit_of(x->what) > options_.page_max) {
      result.problem
        = problem_text(bad("at most " + std::to_string(options_.page_max)
                           + " items of a list can be followed"));
      return result;
    }
    topic fresh;
    fresh.what = std::move(x->what);
    return begin_topic(path, std::move(fresh));
  }
  if (auto* x = std::get_if<api::usage_request>(&*call)) {
    topic fresh;
    fresh.usage = std::move(*x);
    if (fresh.usage->nodes.empty())
      fresh.usage->nodes.emplace_back();
    return begin_topic(path, std::move(fresh));
  }
  if (auto* x = std::get_if<api::event_request>(&*call)) {
    result.filter = event_filter{std::move(x->types), std::move(x->job),
                                 std::move(x->node)};
    result.limit = std::min(x->limit, options_.event_page_max);
    result.seen = x->since;
    return result;
  }
  result.problem = problem_text(bad("this cannot be followed"));
  return result;
}

live::follow live::begin_topic(const std::string& path, topic x) {
  auto [at, is_new] = topics_by_path_.try_emplace(path, next_topic_);
  if (is_new) {
    x.path = path;
    topics_.emplace(next_topic_++, std::move(x));
  }
  ++topics_.at(at->second).follows;
  follow result;
  result.topic = at->second;
  return result;
}

// -- questions ---------------------------------------------------------------

std::vector<live_question> live::due(time_point now) {
  std::vector<live_question> result;
  for (auto& [id, x] : topics_) {
    if (x.usage)
      tell_history(x);
    if (!x.what || x.asking)
      continue;
    auto asked = x.asked_at != time_point{};
    auto news = x.asked_version != events_.last()
                || now - x.asked_at >= options_.interval_idle;
    if (asked && (now < x.due_at || !news))
      continue;
    x.asking = true;
    x.asked_at = now;
    x.asked_version = events_.last();
    result.push_back({id, *x.what});
  }
  return result;
}

void live::tell_history(topic& x) {
  if (x.latest && x.told_samples == history_.samples())
    return;
  x.told_samples = history_.samples();
  x.latest = std::make_shared<const value>(
    history_.tell(x.usage->nodes, x.usage->last));
}

void live::answered(topic_id id, answer_ptr answer, time_point now) {
  auto at = topics_.find(id);
  if (at == topics_.end())
    return;
  auto& x = at->second;
  x.asking = false;
  x.latest = std::move(answer);
  x.is_problem = false;
  auto took = std::chrono::duration_cast<milliseconds>(now - x.asked_at);
  x.due_at = now
             + std::clamp(took * options_.interval_factor,
                          options_.interval_min, options_.interval_max);
}

void live::answered(topic_id id, const refusal& why, time_point now) {
  auto at = topics_.find(id);
  if (at == topics_.end())
    return;
  // What is not found now may come yet: the question stays.
  auto problem = api::to_response(api::problem_of(why)).body;
  auto answer = std::make_shared<const value>(boost::json::parse(problem));
  auto& x = at->second;
  auto same = x.is_problem && x.latest && *x.latest == *answer;
  answered(id, same ? x.latest : answer, now);
  at->second.is_problem = true;
}

// -- news --------------------------------------------------------------------

std::string live::take(tab_id which, timestamp wall) {
  auto at = tabs_.find(which);
  if (at == tabs_.end())
    return {};
  std::string result;
  auto add = [&](const std::string& text) {
    result += result.empty() ? '[' : ',';
    result += text;
  };
  if (!std::exchange(at->second.greeted, true))
    add("{\"hello\":{\"program\":\"" TROUPE_VERSION "\"}}");
  auto time = ",\"now\":" + std::to_string(wall.ms) + ',';
  for (auto& [number, x] : at->second.follows)
    if (auto news = news_of(x); !news.empty())
      add("{\"follow\":" + std::to_string(number) + time + news + '}');
  if (!result.empty())
    result += ']';
  return result;
}

std::string live::news_of(follow& x) {
  if (!x.problem.empty())
    return std::exchange(x.problem, {});
  if (x.filter)
    return events_of(x);
  auto at = topics_.find(x.topic);
  if (at == topics_.end() || at->second.latest == x.shown)
    return {};
  auto& topic = at->second;
  auto from = std::exchange(x.shown, topic.latest);
  if (topic.is_problem)
    return "\"problem\":" + api::json_text(*topic.latest);
  return difference(topic, from);
}

/// Empty if a page that shows `from` shows the newest already.
const std::string& live::difference(topic& x, const answer_ptr& from) {
  if (x.to == x.latest && x.from == from)
    return x.text;
  x.from = from;
  x.to = x.latest;
  x.text.clear();
  // After a problem there is nothing to change.
  auto* before
    = from && !from->as_object().contains("status") ? from.get() : nullptr;
  auto found = changes(before, *x.latest);
  if (!found)
    return x.text;
  if (auto* version = x.latest->as_object().if_contains("version"))
    (*found)["version"] = *version;
  x.text = members_text(*found);
  return x.text;
}

std::string live::events_of(follow& x) const {
  if (x.began && x.seen >= events_.last())
    return {};
  auto found = events_.after(x.seen, *x.filter, x.limit);
  auto first = !std::exchange(x.began, true);
  if (found.empty() && !first) {
    x.seen = events_.last();
    return {};
  }
  // Whether there may be some between these and those told before.
  auto missed = found.size() == x.limit || x.seen + 1 < events_.first();
  boost::json::array items;
  for (auto* y : found)
    items.push_back(write_event(*y));
  x.seen = events_.last();
  return members_text({{"events", std::move(items)},
                       {"missed", missed},
                       {"version", events_.last()}});
}

} // namespace troupe::runtime
