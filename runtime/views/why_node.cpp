// Why a node takes no tasks, or not those that wait.

#include "messages/json.hpp"

#include "runtime/placement/explain.hpp"
#include "runtime/views/answers.hpp"
#include "runtime/views/page.hpp"
#include "runtime/views/sentences.hpp"

namespace troupe::runtime::views {

namespace {

// Jobs that are asked about, each with one look at the node; those shown.
constexpr uint32_t jobs_max = 10'000;
constexpr size_t jobs_shown = 20;

} // namespace

closure closure_of(const node_record& node) {
  if (node.state != node_state::ready)
    return {reason::unhealthy, "it is silent, so nothing new goes there"};
  if (!node.strays.empty())
    return {reason::unhealthy,
            count_of(node.strays.size(), "task")
              + " that had been given up still runs there; nothing new goes "
                "there until that has ended"};
  if (node.quarantine.active)
    return {reason::unhealthy, "it is in quarantine: " + node.quarantine.message
                                 + "; one task is tried there from "
                                 + to_string(node.quarantine.probe_at) + " on"};
  switch (node.eligibility) {
  case node_eligibility::eligible:
    return {reason::none, node.trouble.empty()
                            ? "it takes tasks"
                            : "it takes tasks, but not all: " + node.trouble};
  case node_eligibility::cordoned:
    return {reason::cordoned, "it is cordoned, so nothing new goes there; "
                              "`troupe uncordon` lets it take tasks again"};
  case node_eligibility::draining:
    return {reason::drained,
            "it is being drained: " + count_of(node.allocations.size(), "task")
              + " left, which may stay until "
              + to_string(node.drain_deadline)};
  case node_eligibility::drained:
    break;
  }
  return {reason::drained, "it is drained, so nothing new goes there; "
                           "`troupe uncordon` lets it take tasks again"};
}

namespace {

boost::json::object
write_job(const present& p, const node_record& node,
          const waiting::job_class& klass, const job_record& job, reason why) {
  placement::known_class known{*klass.of};
  auto text = placement::refusal_text(p.cluster.table(), node.row, known, why);
  boost::json::object result;
  result["job"] = job.name;
  result["tasks"] = job.ready();
  result["verdict"]
    = why == reason::none ? std::string{"feasible"} : json::name_of(why);
  result["message"] = why == reason::none ? "it fits there"
                      : text.empty()      ? sentence_of(why)
                                          : text;
  return result;
}

} // namespace

answered why_node(const present& p, const std::string& name) {
  auto* node = p.cluster.find_node(name);
  if (node == nullptr)
    return not_found("node", name);
  auto [why, message] = closure_of(*node);
  boost::json::object refuses;
  boost::json::array waiting_jobs;
  auto looked_at = uint32_t{0};
  p.cluster.queue().each(
    [&](const waiting::job_class& klass, const job_record& job) {
      placement::known_class known{*klass.of};
      auto verdict = p.cluster.table().refuses(node->row, known);
      auto& tasks = refuses[verdict == reason::none ? std::string{"feasible"}
                                                    : json::name_of(verdict)];
      tasks = (tasks.is_null() ? 0 : tasks.to_number<int64_t>()) + job.ready();
      if (waiting_jobs.size() < jobs_shown)
        waiting_jobs.push_back(write_job(p, *node, klass, job, verdict));
      return ++looked_at < jobs_max;
    });
  if (why == reason::none && looked_at == 0)
    message += ", and nothing waits";
  boost::json::object result;
  result["node"] = name;
  result["state"] = json::name_of(node->state);
  result["eligibility"] = json::name_of(node->eligibility);
  result["reason"] = reason_json(why);
  result["message"] = message;
  // Tasks that wait, by what this node says to them.
  result["verdicts"] = std::move(refuses);
  result["waiting"] = std::move(waiting_jobs);
  result["suggestions"] = boost::json::array{};
  return result;
}

} // namespace troupe::runtime::views
