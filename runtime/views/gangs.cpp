// Gangs, and why they wait.

#include "messages/json.hpp"

#include "runtime/cluster/gang_members.hpp"
#include "runtime/views/answers.hpp"
#include "runtime/views/condition.hpp"
#include "runtime/views/page.hpp"
#include "runtime/views/sentences.hpp"

namespace troupe::runtime::views {

namespace {

condition incomplete(std::string message) {
  return {task_state::pending, reason::gang_incomplete, std::move(message)};
}

condition wait_of_blocked(const gang_record& gang) {
  condition result{task_state::pending, gang.why, gang.message};
  result.message
    += gang.why == reason::never_fits
         ? "; it is tried again when there are other nodes"
       : gang.retry_at
         ? "; it is tried again soon, or when something changes that could help"
         : "; it is tried again when something changes that could help";
  return result;
}

} // namespace

condition wait_of(const gang_record& gang) {
  auto members = members_of(gang);
  auto needs = std::to_string(members.min());
  switch (gang.state) {
  case gang_state::broken:
    return incomplete("its gang lost members: it starts again whole once the "
                      "other "
                      + count_of(members.live, "member") + " stopped");
  case gang_state::reserving:
    return incomplete("its gang has places for all, of which "
                      + std::to_string(gang.confirmed.size())
                      + " are confirmed");
  case gang_state::running:
    return incomplete("its gang runs with all that it may have");
  case gang_state::waiting:
    break;
  }
  if (!members.complete())
    return incomplete("its gang has " + std::to_string(members.all) + " of "
                      + needs + " members that it needs: submit the others");
  if (gang.blocked)
    return wait_of_blocked(gang);
  if (members.open < members.places_min())
    return incomplete("its gang starts when all who are needed may: "
                      + std::to_string(members.open) + " of "
                      + std::to_string(members.places_min()) + " may now");
  if (gang.listed_time)
    return incomplete("its gang waits a moment for more members to come");
  return {task_state::pending, reason::none,
          "its gang is next to be looked at"};
}

answered answer_to(const present& p, const list_gangs& x) {
  auto start = start_page(x.limit, x.cursor);
  if (!start)
    return make_unexpected(std::move(start.error()));
  page_items items{start->limit};
  auto& gangs = p.cluster.gangs();
  auto at = start->key ? gangs.upper_bound(*start->key) : gangs.begin();
  for (; at != gangs.end() && !items.done(); ++at) {
    auto& gang = at->second;
    auto over = true;
    boost::json::array jobs;
    for (auto& [born, job] : gang.jobs) {
      over = over && job->over();
      jobs.push_back(boost::json::value(job->name));
    }
    auto members = members_of(gang);
    // One that has ended is history: its tasks have it.
    over = over || (members.hopeless() && members.live == 0);
    if (over || !items.takes_one())
      continue;
    gang_view view;
    view.name = gang.name;
    view.state = json::name_of(gang.state);
    view.min = members.min();
    view.max = members.max();
    view.members = members.all;
    view.placed = members.live;
    auto how = gang.state == gang_state::running ? condition{} : wait_of(gang);
    boost::json::object item;
    json::write_members(item, view, json::detail::full);
    item["reason"] = reason_json(how.why);
    item["message"] = how.message;
    item["jobs"] = std::move(jobs);
    items.add(std::move(item), gang.name);
  }
  return std::move(items).finish(p.cluster.version());
}

} // namespace troupe::runtime::views
