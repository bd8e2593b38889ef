// What waits, in the order in which it would be placed. The jobs of a queue are
// in no such order in memory, so a page is picked from all that wait.

#include <algorithm>
#include <charconv>
#include <tuple>

#include "messages/json.hpp"

#include "runtime/views/answers.hpp"
#include "runtime/views/condition.hpp"
#include "runtime/views/outlook.hpp"
#include "runtime/views/page.hpp"
#include "runtime/views/sentences.hpp"

namespace troupe::runtime::views {

namespace {

/// Tasks of one job: those whose own delay is over, or those that may not yet.
struct queue_entry {
  queue_key key;
  bool late = false;
  const job_record* job = nullptr;

  [[nodiscard]] auto order() const {
    return std::tuple{key.rank, key.born, late};
  }
  bool operator<(const queue_entry& x) const { return order() < x.order(); }
};

std::string text_of(const queue_entry& x) {
  return std::to_string(x.key.rank) + ' ' + std::to_string(x.key.born)
         + (x.late ? " 1" : " 0");
}

std::optional<queue_entry> read_entry(std::string_view text) {
  queue_entry result;
  auto end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, result.key.rank);
  if (error != std::errc{} || at == end || *at != ' ')
    return std::nullopt;
  auto [next, again] = std::from_chars(at + 1, end, result.key.born);
  if (again != std::errc{} || next == end)
    return std::nullopt;
  std::string_view rest{next, static_cast<size_t>(end - next)};
  if (rest != " 0" && rest != " 1")
    return std::nullopt;
  result.late = rest == " 1";
  return result;
}

/// Keeps the least `most` of what it is shown.
class least_entries {
public:
  explicit least_entries(size_t most) : most_{most} {}

  void show(const queue_entry& x) {
    if (kept_.size() == most_) {
      if (!(x < kept_.front()))
        return;
      std::pop_heap(kept_.begin(), kept_.end());
      kept_.pop_back();
    }
    kept_.push_back(x);
    std::push_heap(kept_.begin(), kept_.end());
  }

  [[nodiscard]] std::vector<queue_entry> in_order() && {
    std::sort_heap(kept_.begin(), kept_.end());
    return std::move(kept_);
  }

private:
  size_t most_;
  std::vector<queue_entry> kept_; // A heap, the greatest on top.
};

boost::json::value write_view(const present& p, const queue_entry& x) {
  auto& job = *x.job;
  queue_view view;
  view.job = job.name;
  view.priority = job.spec->priority;
  view.submitted_at = job.submitted_at;
  if (x.late) {
    view.tasks = delayed(job);
    view.why = reason::backoff;
    view.not_before = first_due(job);
    view.message = sentence_of(reason::backoff);
    if (view.not_before && *view.not_before > p.now)
      view.message = "starts again in " + about(*view.not_before - p.now);
  } else {
    auto how = told_wait_of(p.cluster, job, p.now);
    how.message += outlook_text(p.cluster, job, p.now);
    if (how.why == reason::waiting_for_schedule && job.schedule->next_tick)
      view.not_before = job.schedule->next_tick;
    view.tasks = job.waiting();
    view.why = how.why;
    view.message = std::move(how.message);
    if (auto* gang = job.gated ? job.gang : nullptr) {
      view.tries = gang->tries;
      if (gang->retry_at)
        view.next_try = gang->retry_at;
    } else if (auto& klass = p.cluster.queue().at(job.klass); klass.blocked) {
      view.tries = klass.tries;
      if (klass.next_try)
        view.next_try = klass.next_try;
    }
  }
  boost::json::object result;
  result["notBefore"] = nullptr;
  result["nextTry"] = nullptr;
  json::write_members(result, view, json::detail::full);
  result["reason"] = reason_json(view.why);
  return result;
}

} // namespace

answered answer_to(const present& p, const list_queue& x) {
  auto start = start_page(x.limit, x.cursor);
  if (!start)
    return make_unexpected(std::move(start.error()));
  std::optional<queue_entry> after;
  if (start->key) {
    after = read_entry(*start->key);
    if (!after)
      return bad_cursor();
  }
  least_entries least{start->limit + size_t{1}};
  uint64_t waiting = 0;
  timestamp oldest;
  for (auto& [name, job] : p.cluster.jobs()) {
    if (job.stopped || job.in_state(task_state::pending) == 0)
      continue;
    waiting += job.in_state(task_state::pending);
    if (!oldest || job.submitted_at < oldest)
      oldest = job.submitted_at;
    auto key = p.cluster.key_of(job);
    for (auto late : {false, true}) {
      queue_entry entry{key, late, &job};
      if ((late ? delayed(job) : job.waiting()) > 0
          && (!after || *after < entry))
        least.show(entry);
    }
  }
  page_items items{start->limit};
  for (auto& entry : std::move(least).in_order())
    if (items.takes_one())
      items.add(write_view(p, entry), text_of(entry));
  auto result = std::move(items).finish(p.cluster.version());
  // Of the whole queue, whatever the page.
  result.get_object()["waiting"] = waiting;
  result.get_object()["oldest"]
    = oldest ? boost::json::value(to_string(oldest)) : boost::json::value{};
  return result;
}

} // namespace troupe::runtime::views
