#include "messages/json.hpp"

#include "runtime/cluster/versions.hpp"
#include "runtime/views/answers.hpp"
#include "runtime/views/condition.hpp"
#include "runtime/views/page.hpp"

namespace troupe::runtime::views {

namespace {

boost::json::value write_schedule(const job_record& job) {
  auto& x = *job.schedule;
  auto if_set = [](timestamp t) { return t ? std::optional{t} : std::nullopt; };
  boost::json::object result{
    {"next", nullptr}, {"last", nullptr}, {"outcome", nullptr}};
  json::write_members(result,
                      schedule_view{if_set(x.next_tick), if_set(x.run_of),
                                    x.outcome, job.spec->schedule->timezone},
                      json::detail::full);
  return result;
}

boost::json::value write_view(const present& p, const job_record& job) {
  job_view view;
  view.name = job.name;
  view.kind = job.spec->kind;
  view.state = state_of(job);
  view.version = job.job_version;
  view.count = job.size();
  view.ready = job.serving();
  view.priority = job.spec->priority;
  view.tasks = counts_of(job);
  view.reasons = reasons_of(p.cluster, job);
  view.submitted_at = job.submitted_at;
  view.spec = write_job(spec_now(job));
  auto result = json::write(view, json::detail::full).as_object();
  if (job.schedule)
    result["schedule"] = write_schedule(job);
  return result;
}

} // namespace

std::map<std::string, uint32_t> counts_of(const job_record& job) {
  std::map<std::string, uint32_t> result;
  for (size_t i = 0; i < task_states; ++i) {
    auto state = static_cast<task_state>(i);
    result[json::name_of(state)] = job.in_state(state);
  }
  return result;
}

answered answer_to(const present& p, const get_job& x) {
  auto* job = p.cluster.find_job(x.job);
  if (job == nullptr)
    return not_found("job", x.job);
  return write_view(p, *job);
}

answered answer_to(const present& p, const list_jobs& x) {
  auto start = start_page(x.limit, x.cursor);
  if (!start)
    return make_unexpected(std::move(start.error()));
  label_rules labels{x.labels};
  page_items items{start->limit};
  auto& jobs = p.cluster.jobs();
  auto at = start->key ? jobs.upper_bound(*start->key) : jobs.begin();
  for (; at != jobs.end() && !items.done(); ++at) {
    auto& job = at->second;
    if (wants(x.kinds, job.spec->kind) && labels.hold_for(job.spec->labels)
        && wants(x.states, state_of(job)) && items.takes_one())
      items.add(write_view(p, job), job.name);
  }
  return std::move(items).finish(p.cluster.version());
}

} // namespace troupe::runtime::views
