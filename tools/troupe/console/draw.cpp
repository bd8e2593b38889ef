// How the console looks, on 80 columns and 24 lines or whatever there is:
//
//   Troupe http://127.0.0.1:4640  3 nodes ready  12 running           live
//    1 Nodes  2 Jobs  3 Tasks  4 Queue  5 Events  6 Gangs            of web
//   NAME  STATE    CPU              ..
//   web   running  ..
//   ..
//   Stop job web? y/N
//   Enter show  w why  l logs  ..

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "tools/troupe/console/model.hpp"
#include "tools/troupe/figures.hpp"

namespace troupe::tools::console {

namespace {

constexpr size_t width_min = 40;
constexpr size_t height_min = 8;
constexpr size_t gap = 2;
constexpr size_t column_min = 6;
// Rows that say how wide columns are: those far away need not.
constexpr size_t measured_max = 2'000;

constexpr size_t head_line = 0;
constexpr size_t tabs_line = 1;
constexpr size_t titles_line = 2;
constexpr size_t body_line = 3;

constexpr std::chrono::seconds said_for{20};

/// Puts `text` so that it ends at the right edge, if there is room behind
/// `from`.
void put_right(grid& to, size_t line, const std::string& text, paint look,
               size_t from) {
  auto width = display_width(inert(text));
  if (from + 1 + width <= to.width())
    to.put(line, to.width() - width, text, look);
}

/// [column] Widths in which all cells fit, or else those of the widest columns
/// cut, none below `column_min`.
std::vector<size_t> widths_of(const std::vector<heading>& titles,
                              const std::vector<row>& rows, size_t width_max) {
  std::vector<size_t> result;
  for (auto& x : titles)
    // Room for the mark of the order.
    result.push_back(display_width(x.title) + 1);
  for (size_t i = 0; i < std::min(rows.size(), measured_max); ++i)
    for (size_t column = 0; column < result.size(); ++column)
      result[column] = std::max(
        result[column], display_width(inert(rows[i].cells[column].text)));
  auto total
    = std::accumulate(result.begin(), result.end(), gap * (result.size() - 1));
  while (total > width_max) {
    auto widest = std::max_element(result.begin(), result.end());
    if (*widest <= column_min)
      break;
    --*widest;
    --total;
  }
  return result;
}

std::string counts(const json_value& x, std::string_view what) {
  std::string result;
  for (auto& [state, count] : members(x))
    if (whole(x, state) > 0)
      result += fmt::format("{}{} {}", result.empty() ? "" : ", ", plain(count),
                            std::string_view{state});
  return result.empty() ? fmt::format("no {}", what)
                        : fmt::format("{} {}", what, result);
}

std::string nothing_text(tab x, bool filtered) {
  if (filtered)
    return "Nothing holds this text. Esc shows all again.";
  switch (x) {
  case tab::nodes:
    return "There are no nodes. Join one: troupe node --controller HOST:4641";
  case tab::jobs:
    return "There are no jobs. Submit one: troupe run --image nginx:alpine";
  case tab::tasks:
    return "There are no tasks.";
  case tab::queue:
    return "Nothing waits.";
  case tab::events:
    return "Nothing has happened.";
  case tab::gangs:
    return "There are no gangs.";
  }
  return "";
}

} // namespace

grid model::draw() {
  grid result{width_, height_};
  if (width_ < width_min || height_ < height_min) {
    result.put(0, 0, fmt::format("At least {} by {}.", width_min, height_min));
    return result;
  }
  arrange(now_shown());
  draw_head(result);
  draw_tabs(result);
  if (pane_)
    draw_pane(result);
  else
    draw_list(result);
  draw_foot(result);
  return result;
}

void model::draw_head(grid& to) const {
  std::string state = "connecting";
  auto look = tone::waiting;
  if (link_ == link::live) {
    state = "live";
    look = tone::good;
  } else if (link_ == link::lost) {
    state = fmt::format("LOST for {}", age_text(now_ - link_since_));
    look = tone::bad;
  }
  // The state is never what is left out.
  auto end = to.width() - display_width(state);
  to.put(head_line, end, state, {look});
  auto at = to.put(head_line, 0, "Troupe ", {tone::strong}, end - 1);
  at = to.put(head_line, at, address_, {tone::faint}, end - 1) + 2;
  if (cluster_.is_null())
    return;
  auto known = link_ == link::live ? tone::plain : tone::faint;
  auto room = end - 1;
  auto nodes = counts(field(cluster_, "nodes"), "nodes");
  if (at + nodes.size() < room)
    at = to.put(head_line, at, nodes, {known}, room) + 2;
  if (at < room)
    to.put(head_line, at,
           cut(counts(field(cluster_, "tasks"), "tasks"), room - at), {known},
           room);
}

void model::draw_tabs(grid& to) {
  size_t at = 0;
  for (size_t i = 0; i < tab_count; ++i) {
    auto x = static_cast<tab>(i);
    auto chosen = x == tab_;
    at = to.put(tabs_line, at, fmt::format(" {} {} ", i + 1, name_of(x)),
                {chosen ? tone::strong : tone::plain, chosen});
  }
  auto& shown = now_shown();
  std::string about;
  if (tab_ == tab::tasks && scope_)
    about += "of " + to_text(*scope_) + "  ";
  if (!shown.filter.empty())
    about += '/' + shown.filter + "  ";
  if (shown.loaded)
    about += fmt::format("{}{}", shown.rows.size(), shown.has_more ? "+" : "");
  put_right(to, tabs_line, about, {tone::waiting}, at);
}

void model::draw_row(grid& to, size_t line, const row& x,
                     const std::vector<size_t>& widths, bool chosen) const {
  auto sides = headings_of(tab_);
  size_t at = 0;
  for (size_t i = 0; i < widths.size(); ++i) {
    auto& cell = x.cells[i];
    auto text = cut(inert(cell.text.empty() ? "-" : cell.text), widths[i]);
    auto blanks = widths[i] - display_width(text);
    auto look = paint{cell.text.empty() ? tone::faint : cell.t, chosen};
    if (link_ != link::live && !chosen)
      look.t = tone::faint;
    to.put(line, at + (sides[i].aligned == side::right ? blanks : 0), text,
           look);
    at += widths[i] + gap;
  }
}

void model::draw_list(grid& to) {
  auto& x = now_shown();
  auto titles = headings_of(tab_);
  auto widths = widths_of(titles, x.rows, to.width());
  row head;
  for (size_t i = 0; i < titles.size(); ++i) {
    std::string title{titles[i].title};
    if (x.sorted_by == i)
      title += x.descending ? "\xe2\x96\xbc" : "\xe2\x96\xb2";
    head.cells.emplace_back(title, tone::strong);
  }
  draw_row(to, titles_line, head, widths, false);
  if (x.rows.empty()) {
    auto text = x.loaded || tab_ == tab::events
                  ? nothing_text(tab_, !x.filter.empty())
                  : std::string{"Asking..."};
    to.put(body_line + 1, 2, text, {tone::faint});
    return;
  }
  auto height = body_height();
  if (x.index < x.top)
    x.top = x.index;
  if (x.index >= x.top + height)
    x.top = x.index - height + 1;
  // Never an empty line below while there are rows above.
  x.top = std::min(x.top, x.rows.size() - std::min(x.rows.size(), height));
  for (size_t i = x.top; i < std::min(x.rows.size(), x.top + height); ++i) {
    auto line = body_line + i - x.top;
    if (i == x.index)
      to.look_like(line, {tone::plain, true});
    draw_row(to, line, x.rows[i], widths, i == x.index);
  }
}

void model::draw_pane(grid& to) {
  screen s{.l = {.colour = true, .width = width_}, .now = now_};
  auto lines = pane_->lines(s);
  // One line more than a list, which has titles.
  auto height = body_height() + 1;
  auto last = lines.size() - std::min(lines.size(), height);
  if (pane_follows_)
    pane_top_ = last;
  pane_top_ = std::min(pane_top_, last);
  for (size_t i = 0; i < std::min(height, lines.size() - pane_top_); ++i)
    to.put_coloured(titles_line + i, lines[pane_top_ + i], pane_left_);
  // In place of the tabs.
  for (size_t i = 0; i < to.width(); ++i)
    to.put(tabs_line, i, " ");
  to.look_like(tabs_line, {tone::strong, true});
  auto at = to.put(tabs_line, 1, pane_->title(), {tone::strong, true});
  auto where
    = lines.size() > height
        ? fmt::format("{}-{} of {} ", pane_top_ + 1,
                      std::min(pane_top_ + height, lines.size()), lines.size())
        : std::string{};
  if (pane_->kind() == pane_kind::logs)
    where += pane_follows_ ? "following " : "not following ";
  put_right(to, tabs_line, where, {tone::plain, true}, at);
}

std::string model::hints() const {
  if (pane_ && pane_->kind() == pane_kind::logs)
    return "Esc back  f follow or stay  Home End  Left Right";
  if (pane_)
    return "Esc back  w why  l logs  t tasks  ? keys";
  switch (tab_) {
  case tab::nodes:
    return "Enter show  w why  t tasks  d drain  c cordon  u uncordon  / "
           "filter  ? keys";
  case tab::jobs:
    return "Enter show  w why  l logs  t tasks  s stop  r restart  n scale  ? "
           "keys";
  case tab::tasks:
    return "Enter show  w why  l logs  s stop  r restart  / filter  o sort  ? "
           "keys";
  case tab::queue:
  case tab::gangs:
    return "Enter show  w why  s stop  / filter  o sort  ? keys  q leave";
  case tab::events:
    return "Enter show its subject  / filter  ? keys  q leave";
  }
  return "";
}

void model::draw_foot(grid& to) const {
  auto line = to.height() - 2;
  if (asking_ == asking::confirmation)
    to.put(line, 0, question_ + "  y/N", {tone::strong});
  else if (asking_ == asking::count)
    to.put(line, 0, question_ + input_ + "_", {tone::strong});
  else if (asking_ == asking::filter)
    to.put(line, 0, '/' + input_ + "_", {tone::strong});
  else if (!said_.empty() && now_ - said_at_ < said_for)
    to.put(line, 0, cut(inert(said_), to.width()), {said_as_});
  else if (link_ == link::lost)
    to.put(line, 0, cut(inert(link_text_), to.width()), {tone::bad});
  to.put(line + 1, 0, cut(hints(), to.width()), {tone::faint});
}

} // namespace troupe::tools::console
