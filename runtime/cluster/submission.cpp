#include "runtime/cluster/submission.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "messages/json.hpp"

#include "runtime/cluster/after.hpp"
#include "runtime/cluster/cluster.hpp"
#include "runtime/cron.hpp"
#include "runtime/placement/policy.hpp"

namespace troupe::runtime {

namespace {

// -- priority classes and strategies -----------------------------------------

std::string names_in(const std::map<std::string, int32_t>& classes) {
  std::string result;
  for (auto& [name, priority] : classes)
    result += (result.empty() ? "" : ", ") + name;
  return result;
}

std::vector<problem>
check_classes(const std::vector<job_spec_ptr>& specs, const settings& config) {
  std::vector<problem> result;
  auto& classes = config.priority_classes;
  for (size_t i = 0; i < specs.size(); ++i) {
    auto& name = specs[i]->priority_class;
    if (name.empty() || classes.contains(name))
      continue;
    auto at = specs.size() > 1 ? '/' + std::to_string(i) : std::string{};
    result.push_back({at + "/priorityClass",
                      "there is no priority class \"" + name + "\": "
                        + (classes.empty() ? std::string{"none is declared"}
                                           : "there are " + names_in(classes))
                        + "; `troupe settings --priority-class " + name
                        + "=100` declares it"});
  }
  return result;
}

/// A policy that fails for a moment is known all the same.
bool is_strategy(const std::string& name,
                 const std::set<std::string, std::less<>>& policies) {
  if (policies.contains(name))
    return true;
  auto shipped = placement::policy_names();
  return std::find(shipped.begin(), shipped.end(), name) != shipped.end();
}

std::string strategies(std::set<std::string, std::less<>> policies) {
  auto shipped = placement::policy_names();
  policies.insert(shipped.begin(), shipped.end());
  std::string result;
  for (auto& name : policies)
    result += (result.empty() ? "" : ", ") + name;
  return result;
}

/// What is wrong with the strategies of a submission. A scheduler of one's own
/// may know others.
std::vector<problem>
check_strategies(const std::vector<job_spec_ptr>& specs,
                 const std::set<std::string, std::less<>>& policies) {
  std::vector<problem> result;
  for (size_t i = 0; i < specs.size(); ++i) {
    auto& x = *specs[i];
    if (x.strategy.empty() || x.scheduler != "default"
        || is_strategy(x.strategy, policies))
      continue;
    auto at = specs.size() > 1 ? '/' + std::to_string(i) : std::string{};
    result.push_back({at + "/strategy", "there is no strategy \"" + x.strategy
                                          + "\": write one of "
                                          + strategies(policies)});
  }
  return result;
}

// -- what jobs wait for ------------------------------------------------------

/// Where in its document a job says that it waits for `name`. Which of the two
/// forms it wrote, and in which order, is not known any more.
std::string pointer_of(const job_spec& spec, const job_dependency& x) {
  if (x.outcome != job_outcome::succeeded)
    return "/after/" + x.job;
  return spec.after.size() == 1 ? "/after/0" : "/after";
}

std::string names_of(const std::vector<std::string>& circle) {
  constexpr size_t shown_max = 10;
  std::string result;
  for (size_t i = 0; i < circle.size() && i < shown_max; ++i)
    result += circle[i] + " waits for ";
  return result + (circle.size() > shown_max ? ".." : circle.front());
}

/// What is wrong with waiting for `awaited`, null if there is no such job.
std::string fault_of(const job_dependency& x, const job_spec* awaited) {
  auto name = '"' + x.job + '"';
  if (awaited == nullptr)
    return "there is no job " + name
           + " to wait for: submit it first, or both in one document";
  if (x.outcome == job_outcome::succeeded && awaited->schedule)
    return name
           + " runs at every tick of its schedule and is never done: write {"
           + name + ": \"finished\"} to wait until it is stopped";
  if (x.outcome == job_outcome::succeeded && awaited->kind != job_kind::batch)
    return name + " is a " + json::name_of(awaited->kind)
           + " job, which is kept running and never succeeds: write {" + name
           + ": \"finished\"} to wait until it is stopped";
  return {};
}

std::vector<problem>
check_after(const std::vector<job_spec_ptr>& specs, const cluster& in) {
  std::vector<problem> result;
  std::map<std::string, size_t, std::less<>> index;
  for (size_t i = 0; i < specs.size(); ++i)
    index.emplace(specs[i]->name, i);
  auto at = [&](size_t i) {
    return specs.size() > 1 ? '/' + std::to_string(i) : std::string{};
  };
  std::vector<std::string> starts;
  for (size_t i = 0; i < specs.size(); ++i)
    for (auto& x : specs[i]->after) {
      auto found = index.find(x.job);
      auto* job = in.find_job(x.job);
      auto* awaited = found != index.end() ? specs[found->second].get()
                      : job != nullptr     ? job->spec.get()
                                           : nullptr;
      if (auto fault = fault_of(x, awaited); !fault.empty())
        result.push_back({at(i) + pointer_of(*specs[i], x), std::move(fault)});
      // A job that nobody waits for is on no circle.
      if (found != index.end() || in.is_awaited(specs[i]->name))
        starts.push_back(specs[i]->name);
    }
  auto circle = find_circle(starts, [&](const std::string& name) {
    std::vector<std::string> waits;
    if (auto found = index.find(name); found != index.end()) {
      for (auto& x : specs[found->second]->after)
        waits.push_back(x.job);
    } else if (auto* job = in.find_job(name)) {
      waits.assign(job->awaited.begin(), job->awaited.end());
    }
    return waits;
  });
  auto first = std::find_if(circle.begin(), circle.end(),
                            [&](auto& x) { return index.contains(x); });
  if (first != circle.end()) {
    // Told from the job that is submitted.
    std::rotate(circle.begin(), first, circle.end());
    result.push_back(
      {at(index.at(circle.front())) + "/after",
       "after makes a circle that never starts: " + names_of(circle)});
  }
  return result;
}

// -- schedules, kinds and results --------------------------------------------

std::vector<problem> check_schedules(const std::vector<job_spec_ptr>& specs) {
  std::vector<problem> result;
  for (size_t i = 0; i < specs.size(); ++i) {
    auto& spec = *specs[i];
    if (!spec.schedule)
      continue;
    auto at = specs.size() > 1 ? '/' + std::to_string(i) : std::string{};
    if (spec.kind != job_kind::batch)
      result.push_back(
        {at + "/schedule", "a schedule is for kind \"batch\", which ends"});
    else if (auto rule = cron::read(*spec.schedule); !rule)
      result.push_back({at + rule.error().pointer, rule.error().detail});
  }
  return result;
}

std::vector<problem>
check_kinds(const std::vector<job_spec_ptr>& specs, const cluster& in) {
  std::vector<problem> result;
  for (size_t i = 0; i < specs.size(); ++i) {
    auto* job = in.find_job(specs[i]->name);
    auto is_system = specs[i]->kind == job_kind::system;
    if (job == nullptr || job->over()
        || is_system == (job->spec->kind == job_kind::system))
      continue;
    result.push_back(
      {(specs.size() > 1 ? '/' + std::to_string(i) : "") + "/kind",
       "job \"" + job->name + "\" is "
         + (is_system ? "no system job" : "a system job")
         + " and cannot become another: stop it first, or choose another "
           "name"});
  }
  return result;
}

std::vector<problem> check_caches(const std::vector<job_spec_ptr>& specs) {
  std::vector<problem> result;
  for (size_t i = 0; i < specs.size(); ++i) {
    auto& spec = *specs[i];
    if (!spec.cache)
      continue;
    auto at = (specs.size() > 1 ? '/' + std::to_string(i) : "") + "/cache";
    if (spec.kind != job_kind::batch)
      result.push_back({at, "is for kind \"batch\", which has a result"});
    else if (spec.gang)
      result.push_back({at, "does not go with \"gang\": members that start "
                            "together cannot be replaced one by one by results "
                            "of others"});
  }
  return result;
}

} // namespace

std::vector<problem>
faults_of(const std::vector<job_spec_ptr>& specs, const cluster& in) {
  auto result = check_classes(specs, in.config());
  auto add = [&](std::vector<problem> more) {
    std::move(more.begin(), more.end(), std::back_inserter(result));
  };
  add(check_strategies(specs, in.policies()));
  add(check_after(specs, in));
  add(check_schedules(specs));
  add(check_kinds(specs, in));
  add(check_caches(specs));
  return result;
}

job_spec_ptr with_priority(const job_spec_ptr& spec, const settings& config) {
  // What the job says itself wins.
  auto at = config.priority_classes.find(spec->priority_class);
  if (spec->priority != 0 || at == config.priority_classes.end()
      || at->second == 0)
    return spec;
  auto result = std::make_shared<job_spec>(*spec);
  result->priority = at->second;
  return result;
}

} // namespace troupe::runtime
