// Reads documents of several jobs: what one job cannot know of the others.

#include <algorithm>
#include <array>
#include <map>

#include "messages/job.hpp"
#include "messages/json_cursor.hpp"

namespace troupe {

namespace json = boost::json;

namespace {

bool has_name(const json::value& x) {
  auto* object = x.if_object();
  return object != nullptr && object->contains("name");
}

/// Refuses names that two jobs give, and makes generated ones different.
void settle_names(const json::array& items, std::string_view at,
                  std::vector<job_spec>& jobs, json_reading& reading) {
  std::map<std::string, size_t, std::less<>> taken;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!has_name(items[i]) || jobs[i].name.empty())
      continue;
    auto [first, added] = taken.emplace(jobs[i].name, i);
    if (!added)
      reading.add(std::string{at} + '/' + std::to_string(i) + "/name",
                  "name " + quoted(jobs[i].name)
                    + " is used twice in this document, first by the job at \""
                    + std::string{at} + '/' + std::to_string(first->second)
                    + '"');
  }
  std::map<std::string, size_t> suffixes;
  for (size_t i = 0; i < items.size(); ++i) {
    if (has_name(items[i]))
      continue;
    auto stem = jobs[i].name;
    while (!taken.emplace(jobs[i].name, i).second)
      jobs[i].name
        = stem + '-' + std::to_string(std::max<size_t>(2, ++suffixes[stem]));
  }
}

/// Waits of the jobs of one document for each other: [job] -> jobs it waits for.
using wait_graph = std::vector<std::vector<size_t>>;

wait_graph waits_of(const std::vector<job_spec>& jobs) {
  std::map<std::string_view, size_t> index;
  for (size_t i = 0; i < jobs.size(); ++i)
    index.emplace(jobs[i].name, i);
  wait_graph result(jobs.size());
  for (size_t i = 0; i < jobs.size(); ++i)
    for (auto& [job, outcome] : jobs[i].after)
      if (auto at = index.find(job); at != index.end())
        result[i].push_back(at->second);
  return result;
}

/// The jobs of one circle of waits, each waiting for the next and the last for
/// the first; empty if there is none.
std::vector<size_t> find_circle(const wait_graph& waits) {
  enum class mark : uint8_t { fresh, open, done };
  std::vector<mark> marks(waits.size(), mark::fresh);
  for (size_t start = 0; start < waits.size(); ++start) {
    // A path of its own instead of recursion: a document may be one long chain.
    std::vector<std::pair<size_t, size_t>> path; // Job, next wait to follow.
    if (marks[start] == mark::fresh)
      path.emplace_back(start, 0);
    while (!path.empty()) {
      auto& [job, next] = path.back();
      marks[job] = mark::open;
      if (next == waits[job].size()) {
        marks[job] = mark::done;
        path.pop_back();
        continue;
      }
      auto to = waits[job][next++];
      if (marks[to] == mark::fresh)
        path.emplace_back(to, 0);
      if (marks[to] != mark::open)
        continue;
      std::vector<size_t> circle;
      for (auto at = path.rbegin(); circle.empty() || circle.back() != to; ++at)
        circle.push_back(at->first);
      std::reverse(circle.begin(), circle.end());
      return circle;
    }
  }
  return {};
}

void check_circle(const std::vector<job_spec>& jobs, std::string_view at,
                  json_reading& reading) {
  constexpr size_t shown_max = 10;
  auto circle = find_circle(waits_of(jobs));
  if (circle.empty())
    return;
  std::string names;
  for (size_t i = 0; i < circle.size() && i < shown_max; ++i)
    names += jobs[circle[i]].name + " waits for ";
  names += circle.size() > shown_max ? ".." : jobs[circle.front()].name;
  reading.add(std::string{at} + '/' + std::to_string(circle.front()) + "/after",
              "after makes a circle that never starts: " + names);
}

/// Reads each job as a document of its own, so that sentences speak of it alone.
std::vector<job_spec> read_each(const json::array& items, std::string_view at,
                                json_reading& reading) {
  std::vector<job_spec> result;
  for (size_t i = 0; i < items.size(); ++i) {
    auto job = read_job(items[i], std::string{at} + '/' + std::to_string(i));
    if (job) {
      result.push_back(std::move(*job));
      continue;
    }
    for (auto& [pointer, detail] : job.error())
      reading.add(std::move(pointer), std::move(detail));
    if (reading.problems.size() > json_reading::problems_max)
      break;
    // Keeps its place, without a name that could be taken.
    result.emplace_back();
  }
  return result;
}

expected<std::vector<job_spec>, std::vector<problem>>
read_array(const json_cursor& x) {
  auto& reading = x.reading();
  auto at = x.pointer();
  std::vector<job_spec> result;
  if (auto* items = x.array()) {
    if (items->empty())
      x.wrong("must hold at least one job");
    result = read_each(*items, at, reading);
    if (result.size() == items->size())
      settle_names(*items, at, result, reading);
    // Before all names are right, waits do not mean what they say.
    if (reading.problems.empty())
      check_circle(result, at, reading);
  }
  if (!reading.problems.empty())
    return make_unexpected(std::move(reading.problems));
  return result;
}

} // namespace

expected<std::vector<job_spec>, std::vector<problem>>
read_jobs(const json::value& x) {
  static constexpr std::array<std::string_view, 1> wrapper_keys{"jobs"};
  json_reading reading;
  json_cursor at{x, reading, "the document"};
  if (x.is_array())
    return read_array(at);
  if (has_name(x) || !x.is_object() || !x.get_object().contains("jobs"))
    return read_job(x).map([](job_spec&& job) {
      std::vector<job_spec> result;
      result.push_back(std::move(job));
      return result;
    });
  json_fields fields{at, wrapper_keys};
  return read_array(*fields.get("jobs"));
}

} // namespace troupe
