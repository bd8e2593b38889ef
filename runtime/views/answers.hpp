#pragma once

/// The answer to each question, one file for each thing.

#include <boost/json/value.hpp>

#include "messages/command.hpp"
#include "messages/expected.hpp"
#include "messages/query.hpp"
#include "messages/timestamp.hpp"
#include "messages/view.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/decisions/decisions.hpp"
#include "runtime/vitals.hpp"

namespace troupe::runtime::views {

/// What every answer is made from.
struct present {
  const runtime::cluster& cluster;
  const runtime::vitals& vitals;
  timestamp now;
  /// Null if nobody keeps them.
  const decisions* decided = nullptr;
  /// Of the journal.
  std::string_view cluster_id = {};
};

using answered = expected<boost::json::value, refusal>;

[[nodiscard]] answered answer_to(const present& p, const list_jobs& x);
[[nodiscard]] answered answer_to(const present& p, const get_job& x);
[[nodiscard]] answered answer_to(const present& p, const list_tasks& x);
[[nodiscard]] answered answer_to(const present& p, const get_task& x);
[[nodiscard]] answered answer_to(const present& p, const list_nodes& x);
[[nodiscard]] answered answer_to(const present& p, const get_node& x);
[[nodiscard]] answered answer_to(const present& p, const list_queue& x);
[[nodiscard]] answered answer_to(const present& p, const list_gangs& x);
[[nodiscard]] answered answer_to(const present& p, const list_results& x);
[[nodiscard]] answered answer_to(const present& p, const get_cluster& x);
[[nodiscard]] answered answer_to(const present& p, const list_policies& x);
[[nodiscard]] answered answer_to(const present& p, const get_map& x);
[[nodiscard]] answered answer_to(const present& p, const get_usage& x);
[[nodiscard]] answered answer_to(const present& p, const get_why& x);

/// Totals over all nodes, jobs and tasks.
[[nodiscard]] cluster_view totals_of(const present& p);

/// Amounts in units that people use: cores, bytes, devices.
[[nodiscard]] amounts_view amounts_of(const resources& x);

/// A reason as JSON; null if there is none, so that it is false in scripts.
[[nodiscard]] boost::json::value reason_json(reason x);

/// How many tasks `job` has in each state.
[[nodiscard]] std::map<std::string, uint32_t> counts_of(const job_record& job);

/// Why nothing new goes to a node; `reason::none` if it does.
struct closure {
  reason why = reason::none;
  std::string message;
};
[[nodiscard]] closure closure_of(const node_record& node);

/// The result that a task has instead of a run.
[[nodiscard]] boost::json::object write_hit(const hit_record& x);

/// What came of looking up a task's result: for machines, and for people who ask
/// why it is as it is. Nothing if none is looked up.
struct lookup_told {
  boost::json::object json;
  std::string text;
};
[[nodiscard]] std::optional<lookup_told>
tell_lookup(const present& p, const job_record& job, uint32_t index);

/// How a task came to its place: for machines, and into `to` for people. Nothing
/// if that is not known any more.
[[nodiscard]] std::optional<boost::json::object>
tell_decided(why_view& to, const present& p, const job_record& job,
             uint32_t index);

/// How the last try went for a task of `job` that waits.
[[nodiscard]] std::optional<boost::json::object>
tell_last_try(const present& p, const job_record& job);

/// Why one node does not take tasks, or which waiting ones it refuses.
[[nodiscard]] answered why_node(const present& p, const std::string& name);

} // namespace troupe::runtime::views
