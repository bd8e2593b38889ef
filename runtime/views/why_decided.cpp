// Why a task was placed where it is: what was known and thought when that was
// decided, however much has changed since.

#include "messages/json.hpp"

#include "runtime/views/answers.hpp"
#include "runtime/views/condition.hpp"
#include "runtime/views/sentences.hpp"

namespace troupe::runtime::views {

namespace {

boost::json::object refused_json(const placement::refusal& x) {
  boost::json::object result;
  for (auto& [why, nodes] : x.nodes)
    result[json::name_of(why)] = nodes;
  return result;
}

boost::json::object round_json(const decisions::decision& x) {
  return {
    {"version", x.round->first}, {"time", to_string(x.round->at)},
    {"policy", x.round->policy}, {"asked", x.what->asked},
    {"placed", x.what->placed},  {"refused", refused_json(x.what->refused)}};
}

std::string victims_text(const made_room& x) {
  constexpr size_t named = 5;
  std::string result;
  for (size_t i = 0; i < std::min(x.victims.size(), named); ++i)
    result += (i == 0 ? "" : ", ") + to_string(x.victims[i].task)
              + " (priority " + std::to_string(x.victims[i].priority) + ")";
  if (x.victims.size() > named)
    result += " and " + count_of(x.victims.size() - named, "more");
  return result;
}

verdict_view verdict_of(const placement::weighed_node& x) {
  verdict_view result;
  result.node = x.node;
  result.verdict = "feasible";
  result.message = "it would have fitted there";
  result.score = x.score;
  for (auto& part : x.parts)
    result.parts[part.name] += part.value;
  return result;
}

/// Says which nodes were silent, as far as they still are.
void note_silent(verdict_view& to, const present& p, timestamp then) {
  uint32_t silent = 0;
  for (auto& [name, node] : p.cluster.nodes())
    if (node.state == node_state::unhealthy && node.unhealthy_at <= then) {
      ++silent;
      to.node = name;
    }
  auto all = silent == to.nodes;
  if (!all || silent > 1)
    to.node.clear();
  to.message = all ? "it has not been heard"
                   : "it had not been heard, or nothing new was to go there";
}

void add_refusals(why_view& to, const present& p, timestamp then,
                  const placement::refusal& x) {
  for (auto& [why, nodes] : x.nodes) {
    verdict_view verdict;
    verdict.nodes = nodes;
    verdict.verdict = json::name_of(why);
    verdict.message = sentence_of(why);
    if (why == reason::unhealthy)
      note_silent(verdict, p, then);
    to.nodes.push_back(std::move(verdict));
  }
}

/// The nodes as they were for the first of those that were decided together,
/// which `own` may have been or not.
void add_nodes(why_view& to, const present& p, const decisions::decision& x,
               const std::string& own) {
  verdict_view chosen;
  chosen.node = own;
  for (auto& y : x.what->best)
    if (y.node == own)
      chosen = verdict_of(y);
  chosen.verdict = "chosen";
  chosen.message = x.room != nullptr ? "room was made there: "
                                         + victims_text(*x.room) + " had to go"
                                     : std::string{"it is there"};
  to.nodes.push_back(std::move(chosen));
  auto told = size_t{x.room == nullptr ? 1u : 0u};
  for (auto& y : x.what->best)
    if (y.node != own) {
      to.nodes.push_back(verdict_of(y));
      ++told;
    }
  if (x.what->fit > told) {
    verdict_view others;
    others.nodes = x.what->fit - static_cast<uint32_t>(told);
    others.verdict = "feasible";
    others.message = "it would have fitted there, with no better score";
    to.nodes.push_back(std::move(others));
  }
  add_refusals(to, p, x.round->at, x.what->refused);
}

const task_record* placed_record(const job_record& job, uint32_t index) {
  auto* task = record_of(job, index);
  return task == nullptr || task->attempt == 0 || job.hits.contains(index)
           ? nullptr
           : task;
}

} // namespace

std::optional<boost::json::object>
tell_decided(why_view& to, const present& p, const job_record& job,
             uint32_t index) {
  auto* task = placed_record(job, index);
  if (p.decided == nullptr || task == nullptr)
    return std::nullopt;
  // Of a version that nobody runs any more, the class is not known.
  auto klass = job.classes.find(task->job_version);
  auto& of = klass == job.classes.end() ? *p.cluster.queue().at(job.klass).of
                                        : *klass->second;
  auto x = p.decided->about(task->allocation.value, job.born, of);
  if (!x)
    return std::nullopt;
  auto& own = p.cluster.node_of(*task);
  to.strategy = x->round->policy;
  add_nodes(to, p, *x, own);
  to.message += "; it was placed on " + own + " at " + to_string(x->round->at)
                + " (version " + std::to_string(x->round->first)
                + "), and the nodes are told as they were then";
  if (x->what->placed > 1)
    to.message += ", to the first of " + count_of(x->what->placed, "task")
                  + " that were placed together";
  auto result = round_json(*x);
  result["node"] = own;
  result["fit"] = x->what->fit;
  if (x->room != nullptr) {
    boost::json::array victims;
    for (auto& y : x->room->victims)
      victims.push_back(boost::json::object{{"task", to_string(y.task)},
                                            {"priority", y.priority}});
    result["preempted"] = std::move(victims);
  }
  return result;
}

std::optional<boost::json::object>
tell_last_try(const present& p, const job_record& job) {
  if (p.decided == nullptr)
    return std::nullopt;
  auto x = p.decided->last_try(*p.cluster.queue().at(job.klass).of);
  if (!x)
    return std::nullopt;
  return round_json(*x);
}

} // namespace troupe::runtime::views
