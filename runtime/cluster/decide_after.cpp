// Jobs that wait for others: what they may wait for, and when they go on.

#include <algorithm>

#include "messages/json.hpp"

#include "runtime/cluster/after.hpp"
#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

namespace {

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

} // namespace

std::vector<problem>
cluster::check_after(const std::vector<job_spec_ptr>& specs) const {
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
      auto* job = find_job(x.job);
      auto* awaited = found != index.end() ? specs[found->second].get()
                      : job != nullptr     ? job->spec.get()
                                           : nullptr;
      if (auto fault = fault_of(x, awaited); !fault.empty())
        result.push_back({at(i) + pointer_of(*specs[i], x), std::move(fault)});
      // A job that nobody waits for is on no circle.
      if (found != index.end() || dependents_.is_awaited(specs[i]->name))
        starts.push_back(specs[i]->name);
    }
  auto circle = find_circle(starts, [&](const std::string& name) {
    std::vector<std::string> waits;
    if (auto found = index.find(name); found != index.end()) {
      for (auto& x : specs[found->second]->after)
        waits.push_back(x.job);
    } else if (auto* job = find_job(name)) {
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

bool cluster::is_met(const job_record& job, std::string_view name) const {
  auto* other = find_job(name);
  if (other == nullptr || !other->over())
    return false;
  auto& after = job.spec->after;
  auto at = std::find_if(after.begin(), after.end(),
                         [&](auto& x) { return x.job == name; });
  return at == after.end() || at->outcome == job_outcome::finished
         || state_of(*other) == job_state::succeeded;
}

void cluster::meet_dependencies(job_record& job) {
  auto awaited = job.awaited;
  for (auto& name : awaited)
    if (is_met(job, name))
      say(job_dependency_met{job.name, name});
}

void cluster::wake_dependents() {
  for (auto& name : dependents_.take_ended()) {
    // A fact takes the job that it is about out of the set.
    auto births = dependents_.of(name);
    for (auto born : births)
      if (auto& job = *jobs_by_birth_.at(born); is_met(job, name))
        say(job_dependency_met{job.name, name});
  }
}

/// Lets `job` await exactly `names`.
void cluster::await_jobs(job_record& job,
                         std::set<std::string, std::less<>> names) {
  auto before = job.awaited;
  for (auto& name : before)
    if (!names.contains(name))
      stop_awaiting(job, name);
  for (auto& name : names) {
    dependents_.add(name, job.born);
    // While it is awaited, nobody forgets it.
    if (auto* other = job_called(name))
      finished_.remove(*other);
  }
  job.awaited = std::move(names);
}

void cluster::stop_awaiting(job_record& job, const std::string& name) {
  job.awaited.erase(name);
  if (!dependents_.remove(name, job.born))
    return;
  if (auto* other = job_called(name);
      other != nullptr && other->finished_at != 0)
    list_finished(*other);
}

void cluster::list_finished(job_record& job) {
  // A failed task may have further runs.
  if (dependents_.is_awaited(job.name))
    dependents_.note_end(job.name);
  else
    finished_.add(job);
}

} // namespace troupe::runtime
