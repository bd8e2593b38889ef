#include "runtime/cluster/after.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace troupe::runtime {

namespace {

/// A job on the way, and what is still to be looked at below it.
struct wait_step {
  std::string job;
  std::vector<std::string> waits;
  size_t next = 0;
};

/// Walks along all waits from `start`, each job once, and calls `leave` for a job
/// once all that it waits for has been left. Returns the circle that it found, if
/// any, and stops there. A path of its own instead of recursion: jobs may be one
/// long chain.
std::vector<std::string>
walk(const std::string& start, const waits_of& waits,
     std::set<std::string>& seen,
     const std::function<void(const std::string&)>& leave) {
  std::vector<wait_step> path;
  std::set<std::string> open;
  auto enter = [&](const std::string& job) {
    if (!seen.insert(job).second)
      return;
    open.insert(job);
    path.push_back({job, waits(job)});
  };
  enter(start);
  while (!path.empty()) {
    auto& step = path.back();
    if (step.next == step.waits.size()) {
      leave(step.job);
      open.erase(step.job);
      path.pop_back();
      continue;
    }
    auto to = step.waits[step.next++];
    if (open.contains(to)) {
      std::vector<std::string> circle;
      auto first = std::find_if(path.begin(), path.end(),
                                [&](auto& x) { return x.job == to; });
      for (; first != path.end(); ++first)
        circle.push_back(first->job);
      return circle;
    }
    enter(to);
  }
  return {};
}

} // namespace

std::vector<size_t> awaited_first(const std::vector<job_spec_ptr>& specs) {
  if (std::all_of(specs.begin(), specs.end(),
                  [](auto& x) { return x->after.empty(); })) {
    std::vector<size_t> as_they_are(specs.size());
    std::iota(as_they_are.begin(), as_they_are.end(), size_t{0});
    return as_they_are;
  }
  std::map<std::string, size_t> index;
  for (size_t i = 0; i < specs.size(); ++i)
    index.emplace(specs[i]->name, i);
  auto waits = [&](const std::string& job) {
    std::vector<std::string> result;
    for (auto& x : specs[index.at(job)]->after)
      if (index.contains(x.job))
        result.push_back(x.job);
    return result;
  };
  std::vector<size_t> result;
  std::set<std::string> seen;
  auto leave = [&](const std::string& job) { result.push_back(index.at(job)); };
  for (size_t i = 0; i < specs.size(); ++i)
    if (index.at(specs[i]->name) == i)
      walk(specs[i]->name, waits, seen, leave);
    else // A name given twice is submitted twice.
      result.push_back(i);
  return result;
}

std::vector<std::string>
find_circle(const std::vector<std::string>& starts, const waits_of& waits) {
  std::set<std::string> seen;
  for (auto& start : starts)
    if (auto found = walk(start, waits, seen, [](const std::string&) {});
        !found.empty())
      return found;
  return {};
}

} // namespace troupe::runtime
