#pragma once

/// What open pages show, and what they are told when it changes.
///
///   page: {"follow": 7, "path": "/v1/nodes?limit=50"}     {"leave": 7}
///   here: [..] of
///         {"hello": {..}}
///         {"follow": 7, "now": 1700000000000, "version": 17, "all": {..}}
///         {"follow": 7, .., "members": {..}, "items": [..], "keys": [..]}
///         {"follow": 7, .., "events": [..], "missed": false}
///         {"follow": 7, "problem": {"status": 404, ..}}
///
/// A page follows what REST answers, by its path: what is asked, filtered and paged
/// is read by the same code. Pages that follow the same path share one question. It
/// is asked again when facts have come since, and not more often than the answer is
/// cheap; a page that takes what it is sent slowly is told less often.

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "messages/command.hpp"
#include "messages/query.hpp"

#include "runtime/api/call.hpp"
#include "runtime/live/recent_events.hpp"
#include "runtime/live/usage_history.hpp"

namespace troupe::runtime {

struct live_options {
  /// Pages that are open at the same time, over all browsers.
  size_t tabs_max = 500;
  /// What one page follows.
  size_t follows_max = 64;
  /// Items of a list that is followed.
  uint32_t page_max = 500;
  /// Facts at hand, and of them in one message.
  size_t events_max = 2'000;
  uint32_t event_page_max = 200;
  /// Between two answers to the same question.
  milliseconds interval_min{250};
  milliseconds interval_max{5'000};
  /// An answer that takes 10 ms is asked for again after eight times as long.
  int interval_factor = 8;
  /// The same, if no facts have come: use and ages change without.
  milliseconds interval_idle{2'000};
};

using tab_id = uint64_t;
using topic_id = uint64_t;

/// Something to ask the scheduler.
struct live_question {
  topic_id topic = 0;
  query what;
};

class live {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using answer_ptr = std::shared_ptr<const boost::json::value>;

  explicit live(live_options options = {});

  /// A page is there. Nothing if there are too many.
  [[nodiscard]] std::optional<tab_id> open();
  /// A page has gone.
  void close(tab_id tab);
  [[nodiscard]] bool has_tabs() const { return !tabs_.empty(); }

  /// A page has said `text`.
  void hear(tab_id tab, std::string_view text);

  [[nodiscard]] recent_events& events() { return events_; }
  [[nodiscard]] usage_history& history() { return history_; }

  /// What is to be asked at `now`. Each must be answered before it comes again.
  [[nodiscard]] std::vector<live_question> due(time_point now);
  void answered(topic_id topic, answer_ptr x, time_point now);
  void answered(topic_id topic, const refusal& x, time_point now);

  /// What `tab` has not been told, as an array of all that is new; empty if there is
  /// nothing. It counts as told from here on.
  /// @param wall  the time of day, for pages whose own is wrong.
  [[nodiscard]] std::string take(tab_id tab, timestamp wall);

private:
  /// What one or more pages follow.
  struct topic {
    std::string path;
    /// One of: a question, a look at the history.
    std::optional<query> what;
    std::optional<api::usage_request> usage;
    size_t follows = 0;
    bool asking = false;
    time_point asked_at{};
    time_point due_at{};
    version_number asked_version = 0;
    uint64_t told_samples = 0;
    /// The newest answer, or the problem that took its place.
    answer_ptr latest;
    bool is_problem = false;
    /// The last difference that was written, for pages that are in step.
    answer_ptr from;
    answer_ptr to;
    std::string text;
  };

  /// What a page follows by one of its numbers.
  struct follow {
    topic_id topic = 0;
    answer_ptr shown;
    /// Of events, instead of a topic.
    std::optional<event_filter> filter;
    uint32_t limit = 0;
    version_number seen = 0;
    bool began = false;
    /// To be told once.
    std::string problem;
  };

  struct tab {
    std::map<int64_t, follow> follows;
    bool greeted = false;
  };

  [[nodiscard]] follow begin(const std::string& path);
  [[nodiscard]] follow begin_topic(const std::string& path, topic x);
  void leave(const follow& x);
  void tell_history(topic& x);
  [[nodiscard]] const std::string& difference(topic& x, const answer_ptr& from);
  [[nodiscard]] std::string news_of(follow& x);
  [[nodiscard]] std::string events_of(follow& x) const;

  live_options options_;
  std::map<tab_id, tab> tabs_;
  std::map<topic_id, topic> topics_;
  std::map<std::string, topic_id, std::less<>> topics_by_path_;
  recent_events events_;
  usage_history history_;
  tab_id next_tab_ = 1;
  topic_id next_topic_ = 1;
};

} // namespace troupe::runtime
