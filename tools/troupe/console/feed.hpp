#pragma once

/// Brings the console what the controller says: events as they happen, and after
/// each of them the list on the screen anew, but not more often than the
/// controller answers with ease.

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>

#include "tools/troupe/console/model.hpp"
#include "tools/troupe/sse.hpp"
#include "tools/troupe/transfer.hpp"

namespace troupe::tools::console {

class feed {
public:
  using clock = std::chrono::steady_clock;

  feed(connection to, model& screen);
  feed(const feed&) = delete;
  feed& operator=(const feed&) = delete;
  ~feed();

  /// Asks what is due at `now`.
  void turn(clock::time_point now);

  /// Does `x`, and tells the model what became of it.
  void act(action x);

  /// Waits until something has come, from the controller or on `input`, but not
  /// longer than `patience`.
  void wait(int input, std::chrono::milliseconds patience);

private:
  struct running {
    std::unique_ptr<transfer> exchange;
    std::function<void(expected<rest_reply, failure>)> done;
    /// Which pane it serves; 0 for none.
    uint64_t pane = 0;
  };

  void start(rest_request x, std::function<bool(std::string_view)> on_data,
             std::function<void(expected<rest_reply, failure>)> done,
             uint64_t pane = 0);
  void get(const url& target,
           std::function<void(expected<json_value, failure>)> done,
           uint64_t pane = 0);
  void collect();
  void follow_events(clock::time_point now);
  void take_event(const sse_message& x);
  void refresh(clock::time_point now);
  void ask_list();
  void ask_page(list_source what, std::string cursor,
                std::shared_ptr<boost::json::array> items);
  void ask_pane();
  void follow_logs();
  void follow_task(const std::string& task, bool named);
  void drop_pane();
  void hear();
  void lose(const failure& x);
  /// Counts a question that belongs to a refresh, until its answer.
  void answered();

  connection to_;
  model& screen_;
  std::unique_ptr<CURLM, multi_deleter> multi_;
  std::list<running> open_;
  // -- events
  sse_reader reader_;
  bool following_ = false;
  clock::time_point follow_again_{};
  std::string since_;
  // -- lists
  bool dirty_ = true;
  bool lost_ = false;
  size_t unanswered_ = 0;
  clock::time_point asked_{};
  clock::duration took_{};
  std::string list_asked_;
  // -- what is open over them
  uint64_t pane_ = 0;
  size_t pane_asked_ = 0;
  size_t logs_open_ = 0;
};

} // namespace troupe::tools::console
