#pragma once

/// What the console knows and shows, and what keys do to it. Nothing here talks
/// to anybody: what the controller says comes in, what should be asked comes out.

#include <array>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "tools/troupe/console/grid.hpp"
#include "tools/troupe/console/key.hpp"
#include "tools/troupe/console/pane.hpp"
#include "tools/troupe/console/rows.hpp"

namespace troupe::tools::console {

/// Something to do, which has been confirmed.
struct action {
  std::string method;
  url target;
  json_value body{};
  /// What to say once it has been taken.
  std::string said;
};

/// How things stand with the controller.
enum class link : uint8_t {
  /// It has not answered yet.
  connecting,
  live,
  /// It does not answer; what is shown is what was last heard.
  lost
};

/// A list that is to be asked for.
struct list_source {
  tab what = tab::nodes;
  url target;
};

class model {
public:
  explicit model(std::string address);

  // -- what is heard ----------------------------------------------------------

  void set_time(timestamp now);
  void resize(size_t width, size_t height);
  void set_cluster(json_value view);
  /// The list of `x`, of which there may be more than is shown.
  void set_list(tab x, boost::json::array items, bool has_more);
  void add_event(json_value event);
  void set_link(link x, std::string why = {});
  /// Tells on the last but one line what became of something.
  void say(std::string text, tone t);

  // -- what is wanted ---------------------------------------------------------

  /// Takes a key. Answers what is to be done.
  std::optional<action> press(const key& x);

  /// The list on the screen; none where events are the list.
  [[nodiscard]] std::optional<list_source> wanted_list() const;

  /// What is open over the list, and a number that changes with it.
  [[nodiscard]] pane* open_pane() { return pane_ ? &*pane_ : nullptr; }
  [[nodiscard]] uint64_t pane_serial() const { return pane_serial_; }

  [[nodiscard]] bool over() const { return over_; }

  // -- what is seen -----------------------------------------------------------

  [[nodiscard]] grid draw();

  static constexpr size_t events_max = 1'000;

private:
  struct view {
    boost::json::array items;
    bool loaded = false;
    bool has_more = false;
    std::string filter;
    std::optional<size_t> sorted_by;
    bool descending = false;
    /// Id of the selected row, and where it is or was.
    std::string selected;
    size_t index = 0;
    size_t top = 0;
    std::vector<row> rows; // As shown: filtered and sorted.
    bool stale = true;
  };

  enum class asking : uint8_t { nothing, filter, confirmation, count };

  view& now_shown() { return views_[static_cast<size_t>(tab_)]; }
  void arrange(view& x);
  void select(size_t index);
  void move(ptrdiff_t rows);
  void go_to(tab x);
  void turn_tabs(ptrdiff_t by);
  void sort_by_next();
  void open(pane_kind kind, std::optional<subject> about);
  void close();
  void show_tasks_of(const subject& x);
  [[nodiscard]] std::optional<subject> selected() const;
  [[nodiscard]] size_t body_height() const;

  std::optional<action> press_asked(const key& x);
  void press_in_pane(const key& x);
  void press_in_list(const key& x);
  void press_letter(const std::string& x);
  void ask_node(const subject& x, std::string_view verb);
  void ask_job_or_task(const subject& x, std::string_view verb);
  void ask_count(const subject& x);
  void ask(std::string question, action then);

  void draw_head(grid& to) const;
  void draw_tabs(grid& to);
  void draw_list(grid& to);
  void draw_row(grid& to, size_t line, const row& x,
                const std::vector<size_t>& widths, bool chosen) const;
  void draw_pane(grid& to);
  void draw_foot(grid& to) const;
  [[nodiscard]] std::string hints() const;

  std::string address_;
  size_t width_ = 80;
  size_t height_ = 24;
  timestamp now_;
  link link_ = link::connecting;
  std::string link_text_;
  timestamp link_since_;
  json_value cluster_;
  tab tab_ = tab::nodes;
  std::array<view, tab_count> views_;
  std::deque<json_value> events_; // Newest first.
  /// Whose tasks are listed; absent for all.
  std::optional<subject> scope_;
  std::optional<pane> pane_;
  uint64_t pane_serial_ = 0;
  size_t pane_top_ = 0;
  size_t pane_left_ = 0;
  bool pane_follows_ = true;
  asking asking_ = asking::nothing;
  std::string question_;
  std::string input_;
  std::optional<action> todo_;
  subject scaled_;
  std::string said_;
  tone said_as_ = tone::plain;
  timestamp said_at_;
  bool over_ = false;
};

} // namespace troupe::tools::console
