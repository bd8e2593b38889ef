#include "tools/troupe/console/pane.hpp"

#include <algorithm>

namespace troupe::tools::console {

namespace {

// A line longer than this is broken: nobody reads it, and it has to end.
constexpr size_t line_max = 16'384;
// A screenful; the tasks' own list shows all.
constexpr std::string_view tasks_shown = "50";

constexpr std::string_view help
  = "  1 .. 6  Tab       nodes, jobs, tasks, queue, events, gangs\n"
    "  Up Down j k       select; PgUp PgDn Home End as well\n"
    "  Enter  w  l       show it in full; why it is so; what it writes\n"
    "  t                 its tasks; Esc shows all tasks again\n"
    "  /                 show only what holds a text; Esc shows all again\n"
    "  o  O              sort by the next column; turn the order\n"
    "\n"
    "  d                 drain a node: move its tasks elsewhere\n"
    "  c  u              cordon a node; uncordon it, which undoes a drain, "
    "too\n"
    "  s  r              stop, restart a job or task\n"
    "  n  b              scale a job; roll it back to the spec before\n"
    "\n"
    "  f                 in logs: follow the end, or stay\n"
    "  Left Right        move long lines\n"
    "  Ctrl-L            draw everything anew\n"
    "  Esc  q            back; on a list, q leaves\n"
    "\n"
    "Whatever changes something asks first.\n"
    "Bars: \xe2\x96\x88 used, \xe2\x96\x92 reserved, \xc2\xb7 free.\n";

std::string_view path_of(thing_kind x) {
  switch (x) {
  case thing_kind::job:
    return "/v1/jobs";
  case thing_kind::task:
    return "/v1/tasks";
  case thing_kind::node:
    return "/v1/nodes";
  }
  return "";
}

/// What is before the last carriage return of a line has been written over.
std::string_view last_version(std::string_view line) {
  while (line.ends_with('\r'))
    line.remove_suffix(1);
  auto at = line.rfind('\r');
  return at == std::string_view::npos ? line : line.substr(at + 1);
}

} // namespace

std::string pane::title() const {
  switch (kind_) {
  case pane_kind::thing:
    return to_text(about_);
  case pane_kind::why:
    return "why " + about_.name;
  case pane_kind::logs:
    return "logs of " + to_text(about_);
  case pane_kind::help:
    return "keys";
  }
  return "";
}

std::vector<url> pane::sources() const {
  auto self = url{path_of(about_.kind)} / about_.name;
  if (kind_ == pane_kind::why)
    return {self / "why"};
  if (kind_ != pane_kind::thing)
    return {};
  auto tasks = url{"/v1/tasks"}.with("limit", tasks_shown);
  if (about_.kind == thing_kind::job)
    return {self, tasks.with("job", about_.name)};
  if (about_.kind == thing_kind::node)
    return {self, tasks.with("node", about_.name)};
  return {self};
}

void pane::take(size_t source, json_value view) {
  views_.resize(std::max(views_.size(), source + 1));
  views_[source] = std::move(view);
  failure_.clear();
}

void pane::add_log(std::string_view piece) {
  while (!piece.empty()) {
    auto size = std::min(piece.find('\n'), piece.size());
    if (!line_open_)
      log_.emplace_back();
    auto room = line_max - std::min(line_max, log_.back().size());
    log_.back() += piece.substr(0, std::min(size, room));
    line_open_ = size == piece.size();
    piece.remove_prefix(std::min(size + 1, piece.size()));
  }
  while (log_.size() > log_lines_max)
    log_.pop_front();
}

void pane::end_log(const std::string& why) {
  line_open_ = false;
  log_.push_back("\x1b[2m" + why + "\x1b[0m");
}

std::string pane::text(const screen& s) const {
  auto view = [this](size_t i) -> const json_value& {
    static const json_value nothing;
    return i < views_.size() ? views_[i] : nothing;
  };
  if (kind_ == pane_kind::why)
    return show_why(view(0), s);
  auto& tasks = field(view(1), "items");
  switch (about_.kind) {
  case thing_kind::job:
    return show_job(view(0), tasks, s);
  case thing_kind::task:
    return show_task(view(0), s);
  case thing_kind::node:
    return show_node(view(0), tasks, s);
  }
  return {};
}

std::vector<std::string> pane::lines(const screen& s) const {
  std::vector<std::string> result;
  if (kind_ == pane_kind::logs) {
    for (auto& line : log_)
      result.push_back(inert_output(last_version(line)));
    if (result.empty())
      result.emplace_back(failure_.empty() ? "Nothing yet." : failure_);
    return result;
  }
  std::string all{kind_ == pane_kind::help ? std::string{help} : failure_};
  if (all.empty())
    all = views_.empty() ? "Asking..." : text(s);
  std::string_view rest{all};
  while (!rest.empty()) {
    auto size = std::min(rest.find('\n'), rest.size());
    result.emplace_back(rest.substr(0, size));
    rest.remove_prefix(std::min(size + 1, rest.size()));
  }
  return result;
}

} // namespace troupe::tools::console
