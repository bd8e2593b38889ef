#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <sys/mman.h>
#include <unistd.h>

#include "messages/ids.hpp"

#include "tools/troupe/completion.hpp"
#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

namespace {

// Whoever presses a key waits for this.
constexpr std::chrono::milliseconds patience{1'000};
// More are not read, only scrolled past.
constexpr std::string_view names_max = "1000";

/// What `f` writes to stdout.
template <class F>
std::string output_of(F f) {
  auto memory = ::memfd_create("help", MFD_CLOEXEC);
  auto before = ::dup(STDOUT_FILENO);
  if (memory < 0 || before < 0)
    return {};
  std::fflush(stdout);
  ::dup2(memory, STDOUT_FILENO);
  f();
  std::fflush(stdout);
  ::dup2(before, STDOUT_FILENO);
  ::close(before);
  std::string result(static_cast<size_t>(::lseek(memory, 0, SEEK_END)), '\0');
  auto size = ::pread(memory, result.data(), result.size(), 0);
  ::close(memory);
  result.resize(size < 0 ? 0 : static_cast<size_t>(size));
  return result;
}

std::string help_of(const std::string& name) {
  auto* found = find_verb(name);
  if (found == nullptr)
    return {};
  auto verb = name;
  std::string option = "--help";
  char* words[] = {verb.data(), option.data(), nullptr};
  return output_of([&] { found->run(2, words); });
}

/// Names that need no quotes in any shell; the others nobody completes.
bool is_plain(const std::string& name) {
  return !name.empty() && name.front() != '-'
         && name.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789._-")
              == std::string::npos;
}

url target_of(named what, const std::string& front) {
  switch (what) {
  case named::jobs:
    return url{"/v1/jobs"};
  case named::nodes:
    return url{"/v1/nodes"};
  case named::tasks:
    break;
  }
  // Of a million tasks, those of the job whose name has been written.
  auto dot = front.rfind('.');
  return url{"/v1/tasks"}.with(
    "job", dot == std::string::npos ? "" : front.substr(0, dot));
}

std::vector<std::string>
names_of(const connection& to, named what, const std::string& front) {
  auto reply = rest{to}.call_with(
    {.target = target_of(what, front).with("limit", names_max),
     .timeout = patience});
  std::vector<std::string> result;
  if (!reply)
    return result;
  for (auto& x : elements(field(*reply, "items")))
    if (auto name = text(x, what == named::tasks ? "id" : "name");
        is_plain(name))
      result.push_back(name);
  return result;
}

/// What the line itself says about where the controller is.
connection connection_of(const std::vector<std::string>& words) {
  auto result = connection_of_environment();
  auto take = [&](std::string_view option, std::string& to) {
    for (size_t i = 0; i < words.size(); ++i) {
      if (words[i] == option && i + 1 < words.size())
        to = words[i + 1];
      if (words[i].starts_with(option) && words[i][option.size()] == '=')
        to = words[i].substr(option.size() + 1);
    }
  };
  take("--address", result.address);
  take("--token", result.token);
  take("--tls-ca", result.authority);
  return result;
}

void print_offers(const std::vector<std::string>& words) {
  completion_sources from;
  for (auto& group : verb_groups())
    for (auto& x : group.verbs)
      from.verbs.push_back({std::string{x.name}, std::string{x.summary}});
  from.help = help_of;
  auto to = connection_of(words);
  from.names = [&](named what, const std::string& front) {
    return names_of(to, what, front);
  };
  auto result = complete(words, from);
  for (auto& x : result.offers)
    print(x.meaning.empty() ? x.word + '\n' : x.word + '\t' + x.meaning + '\n');
  if (result.files)
    print(":files\n");
}

} // namespace

int run_completion(int argc, char** argv) {
  std::string shell;
  std::vector<std::string> words;
  bool offers = false;
  command_line line{"completion", "Writes a completion script for a shell"};
  line.optional_word("SHELL", shell, "bash, zsh or fish");
  line.flag("--offer", offers,
            "what a shell may put in place of the last WORD");
  line.rest("WORD...", words, "a command line that is being written");
  line.example("source <(troupe completion bash)", "for this shell");
  line.example("troupe completion fish | source", "the same in fish");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  if (offers) {
    if (!words.empty())
      print_offers(words);
    return exit_code::done;
  }
  auto script = completion_script(shell);
  if (script.empty())
    return finish(line.wrong("knows bash, zsh and fish"));
  print(script);
  return exit_code::done;
}

} // namespace troupe::tools
