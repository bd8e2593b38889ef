#include "tools/troupe/verbs.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>

#include "tools/troupe/command_line.hpp"
#include "tools/troupe/exit_code.hpp"
#include "tools/troupe/table.hpp"

namespace troupe::tools {

namespace {

constexpr auto running = std::to_array<verb>({
  {"run", "submit jobs from files or flags", run_run},
  {"stop", "stop jobs or tasks", run_stop},
  {"restart", "stop jobs or tasks and place them anew", run_restart},
  {"scale", "change how many tasks a job has", run_scale},
  {"rollback", "take jobs back to the last spec that ran well", run_rollback},
  {"delete", "stop jobs and forget them", run_delete},
});

constexpr auto looking = std::to_array<verb>({
  {"jobs", "list jobs", run_jobs},
  {"tasks", "list tasks", run_tasks},
  {"nodes", "list nodes", run_nodes},
  {"gangs", "list gangs: tasks that start together", run_gangs},
  {"queue", "list what waits, and why", run_queue},
  {"events", "list or follow what happens", run_events},
  {"cluster", "show totals of the cluster", run_cluster},
  {"console", "look and act on this terminal, live", run_console},
  {"job", "show a job in full", run_job},
  {"task", "show a task in full", run_task},
});

constexpr auto debugging = std::to_array<verb>({
  {"why", "say why something waits, runs there, moved or ended", run_why},
  {"logs", "show what tasks wrote", run_logs},
  {"exec", "run a command beside a task", run_exec},
  {"doctor", "say what is missing on this machine, and what mends it",
   run_doctor},
});

constexpr auto operating = std::to_array<verb>({
  {"plan", "say what a change would do, and do nothing", run_plan},
  {"simulate", "play a scenario on a virtual clock", run_simulate},
  {"replay", "decide again what a journal holds", run_replay},
  {"drain", "move the tasks of nodes elsewhere", run_drain},
  {"cordon", "place nothing more on nodes", run_cordon},
  {"uncordon", "let nodes take work again", run_uncordon},
  {"label", "set and remove labels of a node", run_label},
  {"backup", "copy the journal of a running controller", run_backup},
  {"restore", "make a data directory from a backup", run_restore},
  {"settings", "show and change settings of the cluster", run_settings},
});

constexpr auto rest_of_them = std::to_array<verb>({
  {"completion", "write a completion script for a shell", run_completion},
  {"version", "show the version of this program", run_version},
  {"help", "show this, or the help of a verb", run_help},
});

/// The first group is given by whoever can run daemons.
auto groups = std::to_array<verb_group>({
  {"Begin", {}},
  {"Run things", running},
  {"Look at things", looking},
  {"Find out", debugging},
  {"Operate the cluster", operating},
  {"About", rest_of_them},
});

int unknown_verb(std::string_view given) {
  std::vector<std::string> known;
  for (auto& group : groups)
    for (auto& x : group.verbs)
      known.emplace_back(x.name);
  auto sentence = fmt::format("unknown verb \"{}\"", inert(given));
  if (auto near = nearest_word(given, known))
    sentence += fmt::format("; did you mean `troupe {}`?", *near);
  fmt::print(stderr, "troupe: {}\nSee `troupe help`.\n", sentence);
  return exit_code::bad_input;
}

/// Moves `--address X`, `--token X` and `--tls-ca X` before the verb into the
/// environment, where every verb looks. Answers how many words that were, or nothing if a
/// value is missing.
std::optional<int> take_globals(int argc, char** argv) {
  constexpr std::array<std::pair<std::string_view, const char*>, 3> globals{
    {{"--address", "TROUPE_ADDRESS"},
     {"--token", "TROUPE_TOKEN"},
     {"--tls-ca", "TROUPE_TLS_CA"}}};
  int taken = 0;
  while (taken + 1 < argc) {
    std::string_view word{argv[taken + 1]};
    auto before = taken;
    for (auto& [name, variable] : globals) {
      if (word == name) {
        if (taken + 2 >= argc)
          return std::nullopt;
        ::setenv(variable, argv[taken + 2], 1);
        taken += 2;
      } else if (word.starts_with(name) && word[name.size()] == '=') {
        ::setenv(variable, argv[taken + 1] + name.size() + 1, 1);
        taken += 1;
      }
      if (taken != before)
        break;
    }
    if (taken == before)
      break;
  }
  return taken;
}

} // namespace

void set_daemon_verbs(std::span<const verb> daemons) {
  groups.front().verbs = daemons;
}

std::span<const verb_group> verb_groups() {
  return groups;
}

const verb* find_verb(std::string_view name) {
  for (auto& group : groups)
    for (auto& x : group.verbs)
      if (x.name == name)
        return &x;
  return nullptr;
}

bool is_node_daemon(int argc, char** argv) {
  constexpr auto with_value = std::to_array<std::string_view>(
    {"-o", "--output", "--address", "--token", "--tls-ca"});
  auto named = false;
  for (int i = 1; i < argc; ++i) {
    std::string_view word{argv[i]};
    auto name = word.substr(0, word.find('='));
    if (std::find(with_value.begin(), with_value.end(), name)
        != with_value.end())
      i += word == name ? 1 : 0;
    else if (word.starts_with('-'))
      return word != "-h" && word != "--help";
    else
      named = true;
  }
  return !named;
}

std::string help_text() {
  std::string result = "Troupe runs containers and programs on a cluster.\n\n"
                       "Usage: troupe VERB [OPTION]...\n";
  for (auto& group : groups) {
    result += fmt::format("\n{}:\n", group.title);
    for (auto& x : group.verbs)
      result += fmt::format("  {:<12} {}\n", x.name, x.summary);
  }
  result += "\nEverywhere:\n"
            "  --address URL   of the controller [TROUPE_ADDRESS, "
            "http://127.0.0.1:4640]\n"
            "  --token TOKEN   who asks [TROUPE_TOKEN]\n"
            "  --tls-ca FILE   authority to trust for https [TROUPE_TLS_CA]\n"
            "\n`troupe VERB --help` tells more, with examples. Begin with "
            "`troupe doctor`.\n";
  return result;
}

int run_command_line(int argc, char** argv) {
  auto taken = take_globals(argc, argv);
  if (!taken) {
    fmt::print(stderr, "troupe: {} needs a value\n", inert(argv[argc - 1]));
    return exit_code::bad_input;
  }
  argc -= *taken;
  argv += *taken;
  if (argc < 2) {
    fmt::print(stderr, "{}", help_text());
    return exit_code::bad_input;
  }
  std::string_view name{argv[1]};
  if (name == "--help" || name == "-h")
    name = "help";
  if (name == "--version" || name == "-V")
    name = "version";
  auto* found = find_verb(name);
  return found != nullptr ? found->run(argc - 1, argv + 1) : unknown_verb(name);
}

} // namespace troupe::tools
