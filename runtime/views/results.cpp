// Results that are kept, and what tasks have to do with them.

#include <algorithm>

#include "messages/json.hpp"

#include "runtime/views/answers.hpp"
#include "runtime/views/condition.hpp"
#include "runtime/views/page.hpp"
#include "runtime/views/sentences.hpp"

namespace troupe::runtime::views {

namespace {

using boost::json::object;

/// Digits of a key that people compare.
constexpr size_t digits_shown = 12;

std::string short_of(const std::string& key) {
  return "key " + key.substr(0, digits_shown);
}

std::string who_of(const task_result& x) {
  return to_string(x.task) + " (attempt " + std::to_string(x.attempt) + " on "
         + x.node + ", ended " + to_string(x.at) + ')';
}

result_view view_of(const cache_key& key, const kept_result& x) {
  result_view view;
  view.key = to_string(key);
  view.job = x.result.task.job;
  view.task = x.result.task;
  view.attempt = x.result.attempt;
  view.allocation = x.result.allocation;
  view.node = x.result.node;
  view.image = x.image;
  view.image_digest = x.digest == x.image ? std::string{} : x.digest;
  view.created_at = x.result.at;
  view.expires_at = x.result.at + x.ttl;
  view.used_at = x.used_at;
  view.duration_seconds = static_cast<double>(x.result.took.count()) / 1'000;
  view.hits = x.hits;
  return view;
}

} // namespace

condition
wait_of_joined(const cluster& c, const job_record& job, uint32_t index) {
  auto& key = job.lookup->joined.at(index);
  auto other = c.who_runs(key);
  condition result{task_state::pending, reason::waiting_for_result,
                   "waits for the result of "};
  result.message += other ? to_string(*other) + ", which is identical and runs"
                          : std::string{"an identical task"};
  result.message += " (" + short_of(to_string(key)) + ')';
  return result;
}

std::string text_of(const hit_record& x) {
  return std::string{x.joined ? "waited for" : "reused"} + " the result of "
         + who_of(x.result) + "; " + short_of(x.key);
}

object write_hit(const hit_record& x) {
  object result;
  result["key"] = x.key;
  json::write_members(result, x.result, json::detail::full);
  result.erase("took");
  result["durationSeconds"]
    = static_cast<double>(x.result.took.count()) / 1'000;
  result["joined"] = x.joined;
  return result;
}

std::optional<lookup_told>
tell_lookup(const present& p, const job_record& job, uint32_t index) {
  auto key = p.cluster.cache_key_of(job, index);
  if (!key)
    return std::nullopt;
  auto state = state_of(job, index);
  auto text = to_string(*key);
  lookup_told result{{{"key", text}, {"lookup", "miss"}}, {}};
  auto& entries = p.cluster.results().entries();
  auto kept = entries.find(*key);
  if (job.hits.contains(index)) {
    result.json["lookup"] = "hit";
  } else if (job.lookup && job.lookup->joined.contains(index)) {
    result.json["lookup"] = "joined";
  } else if (state == task_state::succeeded) {
    auto is_own = kept != entries.end()
                  && kept->second.result.task == task_ref{job.name, index};
    result.text
      = (is_own ? "its result is kept until "
                    + to_string(kept->second.result.at + kept->second.ttl)
                : std::string{"its result is not kept any more"})
        + " (" + short_of(text) + ')';
  } else if (state == task_state::pending && job.held_back()) {
    result.json["lookup"] = nullptr;
  } else if (!is_final(state)) {
    result.text = "no result is kept under " + short_of(text);
  }
  return result;
}

answered answer_to(const present& p, const list_results& x) {
  auto start = start_page(x.limit, x.cursor);
  if (!start)
    return make_unexpected(std::move(start.error()));
  auto& results = p.cluster.results();
  auto& entries = results.entries();
  auto at = entries.begin();
  if (start->key) {
    auto key = read_cache_key(*start->key);
    if (!key)
      return bad_cursor();
    at = entries.upper_bound(*key);
  }
  page_items items{start->limit};
  for (; at != entries.end() && !items.done(); ++at) {
    auto& [key, entry] = *at;
    // What is too old is found by nobody; it goes with the next that comes.
    if (p.now - entry.result.at >= entry.ttl || !matches(x.which, key, entry))
      continue;
    if (items.takes_one())
      items.add(json::write(view_of(key, entry), json::detail::full),
                to_string(key));
  }
  auto answer = std::move(items).finish(p.cluster.version());
  auto statistics
    = json::write(results.statistics(), json::detail::full).get_object();
  statistics["entries"] = entries.size();
  statistics["capacity"] = p.cluster.config().cache_entries;
  answer.get_object()["statistics"] = std::move(statistics);
  return answer;
}

} // namespace troupe::runtime::views
