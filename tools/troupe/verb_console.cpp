#include <csignal>

#include <fmt/format.h>
#include <unistd.h>

#include "tools/troupe/console/feed.hpp"
#include "tools/troupe/console/model.hpp"
#include "tools/troupe/console/terminal.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

namespace {

// How late a new size of the window may be seen, and a second that has passed.
constexpr std::chrono::milliseconds patience{200};

volatile std::sig_atomic_t told_to_end = 0;

void end_on_signals() {
  for (auto x : {SIGTERM, SIGHUP, SIGINT})
    std::signal(x, [](int) { told_to_end = 1; });
}

timestamp wall_time() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  timestamp result;
  result.ms
    = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  return result;
}

void run(const connection& to, console::terminal& window) {
  console::model model{to.address};
  console::feed feed{to, model};
  model.set_time(wall_time());
  while (!model.over() && told_to_end == 0) {
    while (auto key = window.next_key())
      if (auto todo = model.press(*key))
        feed.act(std::move(*todo));
    model.set_time(wall_time());
    auto [width, height] = window.size();
    model.resize(width, height);
    feed.turn(console::feed::clock::now());
    window.draw(model.draw());
    feed.wait(STDIN_FILENO, patience);
  }
}

} // namespace

int run_console(int argc, char** argv) {
  connection to;
  command_line line{"console",
                    "Shows the cluster live on this terminal, and lets keys "
                    "act on it"};
  declare(line, to);
  line.example("troupe console", "then ? tells the keys");
  line.example("troupe console --address http://10.0.0.1:4640",
               "a cluster elsewhere");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  auto window = console::terminal::open();
  if (!window)
    return report({exit_code::bad_input, window.error()});
  end_on_signals();
  run(to, **window);
  return exit_code::done;
}

} // namespace troupe::tools
