#include "tools/troupe/console/model.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace troupe::tools::console {

namespace {

// Lines around a list: two above, its titles, two below.
constexpr size_t lines_around = 5;
constexpr size_t shift = 8;

bool is_text(const key& x, std::string_view text) {
  return x.is == key::code::text && x.text == text;
}

/// Takes the last character of `text` away, with its marks.
void erase_last(std::string& text) {
  std::string_view rest{text};
  size_t last = 0;
  while (!rest.empty()) {
    last = text.size() - rest.size();
    rest.remove_prefix(first_glyph(rest).text.size());
  }
  text.resize(last);
}

} // namespace

model::model(std::string address) : address_{std::move(address)} {}

// -- what is heard --------------------------------------------------------------

void model::set_time(timestamp now) {
  // Ages are told in seconds.
  if (now.ms / 1000 != now_.ms / 1000)
    for (auto& x : views_)
      x.stale = true;
  now_ = now;
}

void model::resize(size_t width, size_t height) {
  width_ = width;
  height_ = height;
}

void model::set_cluster(json_value view) {
  cluster_ = std::move(view);
}

void model::set_list(tab x, boost::json::array items, bool has_more) {
  auto& to = views_[static_cast<size_t>(x)];
  to.items = std::move(items);
  to.has_more = has_more;
  to.loaded = true;
  to.stale = true;
}

void model::add_event(json_value event) {
  events_.push_front(std::move(event));
  if (events_.size() > events_max)
    events_.pop_back();
  auto& to = views_[static_cast<size_t>(tab::events)];
  to.loaded = true;
  to.stale = true;
}

void model::set_link(link x, std::string why) {
  if (x != link_)
    link_since_ = now_;
  link_ = x;
  link_text_ = std::move(why);
}

void model::say(std::string text, tone t) {
  said_ = std::move(text);
  said_as_ = t;
  said_at_ = now_;
}

// -- rows -----------------------------------------------------------------------

void model::arrange(view& x) {
  auto which = static_cast<tab>(&x - views_.data());
  if (x.stale) {
    x.stale = false;
    x.rows.clear();
    auto add = [&](const json_value& item) {
      auto made = row_of(which, item, now_);
      if (matches(made, x.filter))
        x.rows.push_back(std::move(made));
    };
    if (which == tab::events)
      std::for_each(events_.begin(), events_.end(), add);
    else
      std::for_each(x.items.begin(), x.items.end(), add);
    if (x.sorted_by)
      std::stable_sort(x.rows.begin(), x.rows.end(),
                       [&](const row& a, const row& b) {
                         return x.descending ? comes_before(b, a, *x.sorted_by)
                                             : comes_before(a, b, *x.sorted_by);
                       });
  }
  // The selected row may have moved; if it is gone, its place stays.
  auto at = std::find_if(x.rows.begin(), x.rows.end(),
                         [&](const row& y) { return y.id == x.selected; });
  if (at != x.rows.end())
    x.index = static_cast<size_t>(at - x.rows.begin());
  x.index = std::min(x.index, x.rows.empty() ? 0 : x.rows.size() - 1);
  // Who looks at the newest event wants to go on doing so.
  auto stays_on_top = which == tab::events && x.index == 0;
  if (!x.rows.empty())
    x.selected = stays_on_top ? std::string{} : x.rows[x.index].id;
}

size_t model::body_height() const {
  return height_ > lines_around ? height_ - lines_around : 1;
}

void model::select(size_t index) {
  auto& x = now_shown();
  arrange(x);
  if (x.rows.empty())
    return;
  x.index = std::min(index, x.rows.size() - 1);
  x.selected = x.rows[x.index].id;
}

void model::move(ptrdiff_t rows) {
  auto& x = now_shown();
  arrange(x);
  auto to = static_cast<ptrdiff_t>(x.index) + rows;
  select(static_cast<size_t>(std::max<ptrdiff_t>(to, 0)));
}

std::optional<subject> model::selected() const {
  if (pane_)
    return pane_->about();
  auto& x = views_[static_cast<size_t>(tab_)];
  if (x.index >= x.rows.size())
    return std::nullopt;
  return x.rows[x.index].about;
}

// -- what is wanted -------------------------------------------------------------

std::optional<list_source> model::wanted_list() const {
  auto list = [this](const char* path) { return list_source{tab_, url{path}}; };
  switch (tab_) {
  case tab::nodes:
    return list("/v1/nodes");
  case tab::jobs:
    return list("/v1/jobs");
  case tab::tasks: {
    auto result = list("/v1/tasks");
    if (scope_)
      result.target = result.target.with(
        scope_->kind == thing_kind::node ? "node" : "job", scope_->name);
    return result;
  }
  case tab::queue:
    return list("/v1/queue");
  case tab::gangs:
    return list("/v1/gangs");
  case tab::events:
    break;
  }
  return std::nullopt;
}

void model::go_to(tab x) {
  if (x == tab::tasks && tab_ != tab::tasks)
    scope_.reset();
  tab_ = x;
}

void model::turn_tabs(ptrdiff_t by) {
  constexpr auto count = static_cast<ptrdiff_t>(tab_count);
  auto next = (static_cast<ptrdiff_t>(tab_) + by + count) % count;
  go_to(static_cast<tab>(next));
}

void model::show_tasks_of(const subject& x) {
  if (x.kind == thing_kind::task)
    return;
  close();
  tab_ = tab::tasks;
  scope_ = x;
  now_shown() = {};
}

void model::sort_by_next() {
  auto& x = now_shown();
  auto next = x.sorted_by ? *x.sorted_by + 1 : 0;
  x.sorted_by.reset();
  if (next < headings_of(tab_).size())
    x.sorted_by = next;
  x.stale = true;
}

void model::open(pane_kind kind, std::optional<subject> about) {
  if (!about && kind != pane_kind::help)
    return;
  if (kind == pane_kind::logs && about->kind == thing_kind::node)
    return say("a node writes no logs; select a job or a task", tone::waiting);
  pane_.emplace(kind, about.value_or(subject{}));
  ++pane_serial_;
  pane_top_ = 0;
  pane_left_ = 0;
  pane_follows_ = kind == pane_kind::logs;
}

void model::close() {
  if (pane_)
    ++pane_serial_;
  pane_.reset();
}

// -- keys -----------------------------------------------------------------------

std::optional<action> model::press(const key& x) {
  if (x.is == key::code::quit) {
    over_ = true;
    return std::nullopt;
  }
  if (asking_ != asking::nothing)
    return press_asked(x);
  said_.clear();
  if (pane_)
    press_in_pane(x);
  else
    press_in_list(x);
  return std::nullopt;
}

std::optional<action> model::press_asked(const key& x) {
  auto kind = asking_;
  auto gives_up
    = x.is == key::code::escape
      || (kind == asking::confirmation && !is_text(x, "y") && !is_text(x, "Y"));
  if (kind == asking::filter && gives_up) {
    now_shown().filter.clear();
    now_shown().stale = true;
  }
  if (gives_up) {
    asking_ = asking::nothing;
    if (kind != asking::filter)
      say("nothing was changed", tone::plain);
    return std::nullopt;
  }
  if (kind == asking::confirmation) {
    asking_ = asking::nothing;
    return std::exchange(todo_, std::nullopt);
  }
  if (x.is == key::code::backspace)
    erase_last(input_);
  auto takes = kind == asking::filter
               || (x.text.size() == 1 && x.text[0] >= '0' && x.text[0] <= '9');
  constexpr size_t input_max = 60;
  if (x.is == key::code::text && takes && input_.size() < input_max)
    input_ += x.text;
  if (kind == asking::filter) {
    now_shown().filter = input_;
    now_shown().stale = true;
    now_shown().index = 0;
  }
  if (x.is != key::code::enter)
    return std::nullopt;
  asking_ = asking::nothing;
  uint64_t count = 0;
  auto end = input_.data() + input_.size();
  if (kind != asking::count || input_.empty()
      || std::from_chars(input_.data(), end, count).ec != std::errc{})
    return std::nullopt;
  return action{"POST", url{"/v1/jobs"} / scaled_.name / "scale",
                boost::json::object{{"count", count}},
                fmt::format("job {}: scaled to {}", scaled_.name, count)};
}

void model::press_in_pane(const key& x) {
  auto page = body_height() + 1;
  auto up = [this](size_t lines) {
    pane_follows_ = false;
    pane_top_ -= std::min(pane_top_, lines);
  };
  switch (x.is) {
  case key::code::up:
    return up(1);
  case key::code::page_up:
    return up(page);
  case key::code::home:
    return up(SIZE_MAX);
  // `draw_pane` brings them back to the last line.
  case key::code::down:
    pane_top_ += 1;
    return;
  case key::code::page_down:
    pane_top_ += page;
    return;
  case key::code::end:
    pane_top_ = pane::log_lines_max;
    pane_follows_ = pane_->kind() == pane_kind::logs;
    return;
  case key::code::left:
    pane_left_ -= std::min(pane_left_, shift);
    return;
  case key::code::right:
    pane_left_ += shift;
    return;
  case key::code::escape:
  case key::code::backspace:
    return close();
  case key::code::enter:
  case key::code::tab:
  case key::code::back_tab:
  case key::code::quit:
    return;
  case key::code::text:
    break;
  }
  if (x.text == "q" || (x.text == "?" && pane_->kind() == pane_kind::help))
    return close();
  if (x.text == "j" || x.text == "k")
    return press_in_pane({x.text == "j" ? key::code::down : key::code::up});
  if (x.text == "g" || x.text == "G")
    return press_in_pane({x.text == "g" ? key::code::home : key::code::end});
  if (x.text == " ")
    return press_in_pane({key::code::page_down});
  if (x.text == "f")
    pane_follows_ = pane_->kind() == pane_kind::logs && !pane_follows_;
  else if (pane_->kind() != pane_kind::help)
    press_letter(x.text);
}

void model::press_in_list(const key& x) {
  auto page = static_cast<ptrdiff_t>(body_height());
  auto& shown = now_shown();
  switch (x.is) {
  case key::code::up:
    return move(-1);
  case key::code::down:
    return move(1);
  case key::code::page_up:
    return move(-page);
  case key::code::page_down:
    return move(page);
  case key::code::home:
    return select(0);
  case key::code::end:
    return select(SIZE_MAX);
  case key::code::left:
  case key::code::back_tab:
    return turn_tabs(-1);
  case key::code::right:
  case key::code::tab:
    return turn_tabs(1);
  case key::code::enter:
    arrange(shown);
    return open(pane_kind::thing, selected());
  case key::code::escape:
    if (!shown.filter.empty())
      shown.filter.clear();
    else
      scope_.reset();
    shown.stale = true;
    return;
  case key::code::backspace:
  case key::code::quit:
    return;
  case key::code::text:
    break;
  }
  if (x.text.size() == 1 && x.text[0] >= '1'
      && x.text[0] < '1' + static_cast<int>(tab_count))
    return go_to(static_cast<tab>(x.text[0] - '1'));
  if (x.text == "j" || x.text == "k")
    return move(x.text == "j" ? 1 : -1);
  if (x.text == "g" || x.text == "G")
    return select(x.text == "g" ? 0 : SIZE_MAX);
  if (x.text == "q") {
    over_ = true;
  } else if (x.text == "/") {
    asking_ = asking::filter;
    input_ = shown.filter;
  } else if (x.text == "o") {
    sort_by_next();
  } else if (x.text == "O") {
    shown.descending = !shown.descending;
    shown.stale = true;
  } else {
    arrange(shown);
    press_letter(x.text);
  }
}

void model::press_letter(const std::string& x) {
  if (x == "?")
    return open(pane_kind::help, {});
  constexpr std::string_view letters = "wltducsrnb";
  if (x.size() != 1 || letters.find(x[0]) == std::string_view::npos)
    return;
  auto about = selected();
  if (!about)
    return say("nothing is selected", tone::waiting);
  switch (x[0]) {
  case 'w':
    return open(pane_kind::why, about);
  case 'l':
    return open(pane_kind::logs, about);
  case 't':
    return show_tasks_of(*about);
  case 'd':
    return ask_node(*about, "drain");
  case 'c':
    return ask_node(*about, "cordon");
  case 'u':
    return ask_node(*about, "uncordon");
  case 's':
    return ask_job_or_task(*about, "stop");
  case 'r':
    return ask_job_or_task(*about, "restart");
  case 'b':
    return ask_job_or_task(*about, "rollback");
  case 'n':
    return ask_count(*about);
  default:
    return;
  }
}

void model::ask(std::string question, action then) {
  asking_ = asking::confirmation;
  question_ = std::move(question);
  todo_ = std::move(then);
}

void model::ask_node(const subject& x, std::string_view verb) {
  if (x.kind != thing_kind::node)
    return say(fmt::format("{} is not a node; select one with 1", to_text(x)),
               tone::waiting);
  auto question = verb == "drain" ? fmt::format("Move all tasks of {} "
                                                "elsewhere?",
                                                x.name)
                  : verb == "cordon"
                    ? fmt::format("Place nothing more on {}?", x.name)
                    : fmt::format("Let {} take work again?", x.name);
  auto said = verb == "drain"    ? "draining"
              : verb == "cordon" ? "cordoned"
                                 : "takes work again";
  ask(std::move(question), {"POST",
                            url{"/v1/nodes"} / x.name / verb,
                            {},
                            fmt::format("node {}: {}", x.name, said)});
}

void model::ask_job_or_task(const subject& x, std::string_view verb) {
  if (x.kind == thing_kind::node
      || (verb == "rollback" && x.kind == thing_kind::task))
    return say(fmt::format("{} is not a job{}; select one with 2", to_text(x),
                           verb == "rollback" ? "" : " or a task"),
               tone::waiting);
  auto question
    = verb == "rollback"
        ? fmt::format("Take {} back to the spec before?", to_text(x))
        : fmt::format("{}{} {}?", static_cast<char>(verb[0] - 'a' + 'A'),
                      verb.substr(1), to_text(x));
  auto said = verb == "stop"      ? "stopping"
              : verb == "restart" ? "restarting"
                                  : "going back to the spec before";
  auto path = x.kind == thing_kind::job ? "/v1/jobs" : "/v1/tasks";
  ask(std::move(question), {"POST",
                            url{path} / x.name / verb,
                            {},
                            fmt::format("{}: {}", to_text(x), said)});
}

void model::ask_count(const subject& x) {
  if (x.kind != thing_kind::job)
    return say(fmt::format("{} is not a job; select one with 2", to_text(x)),
               tone::waiting);
  asking_ = asking::count;
  question_ = fmt::format("Tasks of {}: ", x.name);
  input_.clear();
  scaled_ = x;
}

} // namespace troupe::tools::console
