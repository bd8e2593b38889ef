// Why a task waits, is where it is, or has ended.

#include <algorithm>
#include <limits>

#include "messages/contract.hpp"
#include "messages/json.hpp"

#include "runtime/placement/policy.hpp"
#include "runtime/remedy.hpp"
#include "runtime/views/answers.hpp"
#include "runtime/views/condition.hpp"
#include "runtime/views/outlook.hpp"
#include "runtime/views/page.hpp"
#include "runtime/views/sentences.hpp"

namespace troupe::runtime::views {

namespace {

using placement::node_index;

/// What the policy of a class thinks. A policy that is not built in says nothing
/// about scores, but which nodes fit is the same for all.
placement::explanation
explain(const placement::table& t, const placement::task_class& x) {
  auto by = placement::make_policy(x.strategy);
  if (by == nullptr)
    by = placement::make_policy("firstFit");
  return by->explain(t, x);
}

verdict_view
view_of(const placement::table& t, const placement::node_verdict& x) {
  verdict_view result;
  result.node = t.row(x.node).name;
  if (x.refused != reason::none) {
    result.verdict = json::name_of(x.refused);
    result.message = x.detail.empty() ? sentence_of(x.refused) : x.detail;
    return result;
  }
  result.verdict = "feasible";
  result.message = "it fits there";
  result.score = x.score;
  for (auto& part : x.parts)
    result.parts[part.name] += part.value;
  return result;
}

/// One verdict for each reason, with the number of nodes that it stands for.
void add_refusals(why_view& to, const placement::table& t,
                  const placement::explanation& x) {
  for (auto& example : x.examples) {
    auto verdict = view_of(t, example);
    for (auto& [why, nodes] : x.refused.nodes)
      if (why == example.refused)
        verdict.nodes = nodes;
    to.nodes.push_back(std::move(verdict));
  }
}

/// What would help tasks of `job`, which fit nowhere.
void suggest(why_view& to, const present& p, const job_record& job) {
  for (auto& x : remedies_for(p.cluster, job, p.now))
    to.suggestions.push_back({std::move(x.change), std::move(x.message)});
}

// -- tasks that wait ----------------------------------------------------------

/// What somebody could do for a job that waits for others.
void suggest_release(why_view& to, const cluster& c, const job_record& job) {
  for (auto& name : job.awaited)
    if (auto* other = c.find_job(name); other == nullptr || other->over())
      to.suggestions.push_back(
        {"submit " + name, "submit " + name + " again, so that it succeeds"});
  if (!to.suggestions.empty())
    to.suggestions.push_back(
      {"stop " + job.name,
       "stop what cannot start: `troupe stop " + job.name + '`'});
}

/// A task of a system job has one node to go to, and nobody is ahead of it.
void tell_member(why_view& to, const present& p, const job_record& job,
                 uint32_t index) {
  auto at = job.present.find(index);
  if (at == job.present.end())
    return;
  to.nodes.push_back(
    {p.cluster.name_at(at->second),
     1,
     to.why == reason::none ? std::string{"feasible"} : json::name_of(to.why),
     to.message,
     std::nullopt,
     {}});
  if (to.why == reason::cordoned)
    to.suggestions.push_back(
      {"uncordon", "let the node take tasks again: `troupe uncordon "
                     + to.nodes.back().node + '`'});
}

void tell_waiting(why_view& to, const present& p, const job_record& job,
                  uint32_t index) {
  auto& klass = p.cluster.queue().at(job.klass);
  auto& t = p.cluster.table();
  to.strategy = klass.of->strategy;
  // It needs no place if that one succeeds.
  if (to.why == reason::waiting_for_result)
    return;
  // Where it would fit is another question until it may be placed at all.
  if (job.held_back()) {
    suggest_release(to, p.cluster, job);
    return;
  }
  if (job.spec->kind == job_kind::system) {
    tell_member(to, p, job, index);
    return;
  }
  to.ahead
    = p.cluster.queue().ahead_of(job.queued.value_or(p.cluster.key_of(job)),
                                 std::numeric_limits<uint32_t>::max());
  if (to.why == reason::unknown_scheduler)
    return;
  // What is kept for those ahead of it is not there for it.
  auto behind = klass.behind && p.cluster.ahead();
  auto& left = behind ? p.cluster.ahead()->places.rest : t;
  auto found = explain(left, *klass.of);
  for (auto& x : found.best)
    to.nodes.push_back(view_of(left, x));
  add_refusals(to, left, found);
  // Whether one of a gang would fit says little about all of it.
  if (job.gated) {
    if (job.gang->blocked)
      suggest(to, p, job);
    return;
  }
  auto is_for_time = to.why == reason::backoff || to.why == reason::quota;
  if (!is_for_time && !placement::could_ever_fit(t, *klass.of)) {
    to.why = reason::never_fits;
    to.message
      = sentence_of(reason::never_fits) + ": " + sentence_of(found.refused);
  } else if (to.why == reason::none && !found.best.empty()) {
    to.message = "it would fit on " + to.nodes.front().node
                 + " and is next to be looked at";
  } else if (!is_for_time && !behind && found.best.empty()) {
    // As it is now, which may be newer than what was said when it was tried.
    to.why = placement::main_reason(found.refused);
    to.message = sentence_of(found.refused) + start_text(p.cluster, job, p.now);
  }
  if (to.ahead > 0)
    to.message += "; " + count_of(to.ahead, "job")
                  + (to.ahead == 1 ? " is" : " are") + " ahead of it";
  if (found.best.empty() || to.why == reason::quota)
    suggest(to, p, job);
}

/// A place is kept for it, so what other nodes say does not matter.
void tell_kept(why_view& to, const present& p, const job_record& job,
               const hold_record& kept) {
  to.strategy = p.cluster.queue().at(job.klass).of->strategy;
  verdict_view verdict;
  verdict.node = p.cluster.name_of(kept);
  verdict.verdict = "kept";
  verdict.message = "its place is kept there";
  to.nodes.push_back(std::move(verdict));
}

// -- tasks that have a place --------------------------------------------------

/// Scores of `row` alone: every other node is closed.
placement::explanation explain_one(placement::table t, node_index row,
                                   const placement::task_class& x) {
  for (node_index n = 0; n < t.rows(); ++n)
    if (n != row && t.has(n))
      t.close(n, reason::cordoned);
  return explain(t, x);
}

void tell_placed(why_view& to, const present& p, const job_record& job,
                 uint32_t index) {
  auto& task = job.tasks[index];
  auto* node = p.cluster.find_node(p.cluster.node_of(task));
  auto klass = job.classes.find(task.job_version);
  if (node == nullptr || klass == job.classes.end())
    return;
  auto held = job.occupations.find(index);
  auto without = p.cluster.table();
  without.vacate(node->row, *klass->second,
                 held == job.occupations.end() ? placement::occupation{}
                                               : held->second);
  // Its own node may have been closed since; its score is still of interest.
  without.close(node->row, reason::none);
  to.strategy = klass->second->strategy;
  auto found = explain(without, *klass->second);
  auto own = std::find_if(found.best.begin(), found.best.end(),
                          [&](auto& x) { return x.node == node->row; });
  if (own != found.best.end()) {
    std::rotate(found.best.begin(), own, own + 1);
  } else if (auto alone = explain_one(without, node->row, *klass->second);
             !alone.best.empty()) {
    found.best.insert(found.best.begin(), alone.best.front());
    found.best.resize(std::min<size_t>(found.best.size(), 4));
  }
  for (auto& x : found.best) {
    to.nodes.push_back(view_of(without, x));
    if (x.node == node->row) {
      to.nodes.back().verdict = "chosen";
      to.nodes.back().message = "it is there";
    }
  }
  add_refusals(to, without, found);
  to.message
    += "; the scores are those of placing it anew on the nodes as they "
       "are now, without it";
}

// -- tasks that have ended ----------------------------------------------------

void tell_ended(why_view& to, const present& p, const job_record& job,
                uint32_t index) {
  auto* task = record_of(job, index);
  if (task == nullptr || task->attempt == 0 || job.hits.contains(index))
    return;
  to.message
    = "attempt " + std::to_string(task->attempt) + " on "
      + p.cluster.node_of(*task) + " "
      + json::name_of(task->ended_as == task_state::pending ? task->state
                                                            : task->ended_as)
      + " at " + to_string(task->ended_at) + ": " + to.message;
}

boost::json::object write_why(const why_view& x) {
  auto result = json::write(x, json::detail::full).get_object();
  result["reason"] = reason_json(x.why);
  return result;
}

boost::json::object
why_task(const present& p, const job_record& job, uint32_t index) {
  auto how = condition_of(p.cluster, job, index, p.now);
  why_view view;
  view.task = to_string(task_ref{job.name, index});
  view.state = json::name_of(how.state);
  view.why = how.why;
  view.message = std::move(how.message);
  std::optional<boost::json::object> decision;
  std::optional<boost::json::object> last_try;
  if (auto kept = job.holds.find(index); kept != job.holds.end()) {
    tell_kept(view, p, job, kept->second);
  } else if (how.state == task_state::pending) {
    tell_waiting(view, p, job, index);
    last_try = tell_last_try(p, job);
  } else {
    if (!holds_capacity(how.state))
      tell_ended(view, p, job, index);
    decision = tell_decided(view, p, job, index);
    if (!decision && holds_capacity(how.state))
      tell_placed(view, p, job, index);
  }
  auto lookup = tell_lookup(p, job, index);
  if (lookup && !lookup->text.empty())
    view.message += "; " + lookup->text;
  auto result = write_why(view);
  if (lookup)
    result["cache"] = std::move(lookup->json);
  if (decision)
    result["decision"] = std::move(*decision);
  if (last_try)
    result["lastTry"] = std::move(*last_try);
  return result;
}

// -- jobs ---------------------------------------------------------------------

/// The first task in one of `states`.
std::optional<uint32_t>
first_in(const job_record& job, std::initializer_list<task_state> states) {
  for (auto state : states) {
    if (job.in_state(state) == 0)
      continue;
    auto at = std::find_if(job.tasks.begin(), job.tasks.end(),
                           [&](auto& x) { return x.state == state; });
    auto index = static_cast<uint32_t>(at - job.tasks.begin());
    if (index < task_count(job))
      return index;
  }
  return std::nullopt;
}

/// The why of the task that is most in need of one, and how many there are.
boost::json::object why_job(const present& p, const job_record& job) {
  auto index = first_in(job, {task_state::pending, task_state::failed,
                              task_state::lost, task_state::starting,
                              task_state::placed, task_state::running});
  boost::json::object result;
  if (task_count(job) > 0) {
    result = why_task(p, job, index.value_or(0));
  } else {
    why_view view;
    view.state = json::name_of(state_of(job));
    auto is_system = job.spec->kind == job_kind::system;
    if (is_system)
      view.why = p.cluster.nodes().empty() ? reason::no_nodes
                                           : reason::no_matching_labels;
    view.message = is_system ? "no node takes tasks and has what it requires"
                             : "it has no tasks: its count is 0";
    result = write_why(view);
  }
  result["job"] = job.name;
  result["jobState"] = json::name_of(state_of(job));
  result["tasks"] = json::write(counts_of(job));
  result["reasons"] = json::write(reasons_of(p.cluster, job));
  return result;
}

} // namespace

answered answer_to(const present& p, const get_why& x) {
  if (x.task) {
    auto* job = p.cluster.find_job(x.task->job);
    if (job == nullptr || x.task->index >= task_count(*job))
      return not_found("task", to_string(*x.task));
    return why_task(p, *job, x.task->index);
  }
  if (!x.node.empty())
    return why_node(p, x.node);
  auto* job = p.cluster.find_job(x.job);
  if (job == nullptr)
    return not_found("job", x.job);
  return why_job(p, *job);
}

} // namespace troupe::runtime::views
