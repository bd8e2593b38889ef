#include "tools/troupe/console/terminal.hpp"

#include <algorithm>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cwchar>

#include <curses.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace troupe::tools::console {

namespace {

// How long a terminal takes to send the rest of what begins with Escape.
constexpr int escape_delay_ms = 25;

constexpr wint_t control_c = 3;
constexpr wint_t control_l = 12;
constexpr wint_t control_z = 26;

short pair_of(tone x) {
  switch (x) {
  case tone::good:
    return 1;
  case tone::waiting:
    return 2;
  case tone::bad:
    return 3;
  case tone::plain:
  case tone::faint:
  case tone::strong:
    break;
  }
  return 0;
}

bool begin_colours() {
  auto* no_color = std::getenv("NO_COLOR");
  if ((no_color != nullptr && *no_color != '\0') || !has_colors())
    return false;
  start_color();
  use_default_colors();
  init_pair(pair_of(tone::good), COLOR_GREEN, -1);
  init_pair(pair_of(tone::waiting), COLOR_YELLOW, -1);
  init_pair(pair_of(tone::bad), COLOR_RED, -1);
  return true;
}

std::optional<key> key_of_code(wint_t code) {
  switch (code) {
  case KEY_UP:
    return key{key::code::up};
  case KEY_DOWN:
    return key{key::code::down};
  case KEY_LEFT:
    return key{key::code::left};
  case KEY_RIGHT:
    return key{key::code::right};
  case KEY_PPAGE:
    return key{key::code::page_up};
  case KEY_NPAGE:
    return key{key::code::page_down};
  case KEY_HOME:
    return key{key::code::home};
  case KEY_END:
    return key{key::code::end};
  case KEY_ENTER:
    return key{key::code::enter};
  case KEY_BACKSPACE:
    return key{key::code::backspace};
  case KEY_BTAB:
    return key{key::code::back_tab};
  default:
    return std::nullopt;
  }
}

std::string utf8_of(wchar_t x) {
  std::mbstate_t state{};
  char bytes[MB_LEN_MAX];
  auto size = std::wcrtomb(bytes, x, &state);
  return size == static_cast<size_t>(-1) ? std::string{}
                                         : std::string(bytes, size);
}

std::optional<key> key_of_character(wint_t x) {
  switch (x) {
  case control_c:
    return key{key::code::quit};
  case L'\r':
  case L'\n':
    return key{key::code::enter};
  case L'\t':
    return key{key::code::tab};
  case 27:
    return key{key::code::escape};
  case 8:
  case 127:
    return key{key::code::backspace};
  default:
    break;
  }
  if (x < 32)
    return std::nullopt;
  auto text = utf8_of(static_cast<wchar_t>(x));
  return text.empty() ? std::nullopt
                      : std::optional{key{key::code::text, text}};
}

} // namespace

expected<std::unique_ptr<terminal>, std::string> terminal::open() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0)
    return make_unexpected<std::string>(
      "the console needs a terminal. For programs there are `troupe nodes`, "
      "`troupe tasks` and `troupe events -f`, with -o json");
  std::unique_ptr<terminal> result{new terminal};
  auto* screen = newterm(nullptr, stdout, stdin);
  if (screen == nullptr) {
    auto* term = std::getenv("TERM");
    return make_unexpected(
      "cannot draw on a terminal of type \""
      + std::string{term != nullptr ? term : ""}
      + "\". Set TERM to what it is, such as xterm-256color");
  }
  result->screen_ = screen;
  set_term(screen);
  set_escdelay(escape_delay_ms);
  raw();
  noecho();
  nonl();
  keypad(stdscr, TRUE);
  nodelay(stdscr, TRUE);
  curs_set(0);
  result->colour_ = begin_colours();
  return result;
}

terminal::~terminal() {
  if (screen_ == nullptr)
    return;
  endwin();
  delscreen(static_cast<SCREEN*>(screen_));
}

std::pair<size_t, size_t> terminal::size() const {
  return {static_cast<size_t>(std::max(COLS, 1)),
          static_cast<size_t>(std::max(LINES, 1))};
}

int terminal::attributes_of(paint x) const {
  auto result = x.chosen ? A_REVERSE : A_NORMAL;
  if (x.t == tone::strong)
    result |= A_BOLD;
  if (x.t == tone::faint && !x.chosen)
    result |= A_DIM;
  if (colour_)
    result |= COLOR_PAIR(pair_of(x.t));
  else if (x.t == tone::bad)
    result |= A_BOLD;
  return static_cast<int>(result);
}

void terminal::draw(const grid& x) {
  erase();
  for (size_t row = 0; row < x.height(); ++row)
    for (size_t column = 0; column < x.width();) {
      // Cells that look alike go together.
      auto look = x.at(row, column).look;
      auto from = column;
      std::string text;
      for (; column < x.width() && x.at(row, column).look == look; ++column)
        text += x.at(row, column).glyph;
      attrset(attributes_of(look));
      mvaddstr(static_cast<int>(row), static_cast<int>(from), text.c_str());
    }
  attrset(A_NORMAL);
  refresh();
}

std::optional<key> terminal::next_key() {
  for (;;) {
    wint_t code = 0;
    auto kind = wget_wch(stdscr, &code);
    if (kind == ERR)
      return std::nullopt;
    if (kind == OK && code == control_l) {
      redraw();
      continue;
    }
    if (kind == OK && code == control_z) {
      suspend();
      continue;
    }
    auto result
      = kind == KEY_CODE_YES ? key_of_code(code) : key_of_character(code);
    // What nobody knows is skipped, and so is the sign of a new size.
    if (result)
      return result;
  }
}

void terminal::redraw() {
  clearok(curscr, TRUE);
}

void terminal::suspend() {
  endwin();
  std::raise(SIGTSTP);
  refresh();
  redraw();
}

} // namespace troupe::tools::console
