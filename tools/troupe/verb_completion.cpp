#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

namespace {

// What a verb takes decides what is offered after it. Flags come from the verb's
// own help, so that they are always those of the program at hand.

constexpr std::string_view bash_script
  = R"sh(# Load it with: source <(troupe completion bash)
_troupe() {
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  local verb=${COMP_WORDS[1]} words=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    words='@VERBS@'
  elif [[ $current == -* ]]; then
    words=$(troupe "$verb" --help 2>/dev/null | grep -oE -- '^ +(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+')
  elif [[ $before == -o || $before == --output ]]; then
    words='table wide json jsonl name'
  elif [[ $before == --job ]]; then
    words=$(troupe jobs -o name 2>/dev/null)
  elif [[ $before == --node ]]; then
    words=$(troupe nodes -o name 2>/dev/null)
  else
    case $verb in
      @JOBS@) words=$(troupe jobs -o name 2>/dev/null) ;;
      @TASKS@) words=$(troupe tasks -o name --limit 1000 2>/dev/null) ;;
      @BOTH@) words=$(troupe jobs -o name 2>/dev/null; troupe tasks -o name --limit 1000 2>/dev/null) ;;
      @NODES@) words=$(troupe nodes -o name 2>/dev/null) ;;
      help) words='@VERBS@' ;;
      completion) words='bash zsh fish' ;;
      *) COMPREPLY=($(compgen -f -- "$current")); return ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _troupe troupe
)sh";

constexpr std::string_view zsh_script = R"sh(#compdef troupe
# Load it with: source <(troupe completion zsh)
_troupe() {
  local verb=${words[2]} before=${words[CURRENT-1]}
  local -a offered
  if ((CURRENT == 2)); then
    offered=(
@DESCRIBED@    )
    _describe 'verb' offered
    return
  fi
  if [[ ${words[CURRENT]} == -* ]]; then
    offered=(${(f)"$(troupe $verb --help 2>/dev/null | grep -oE -- '^ +(-[a-zA-Z], )?--[a-z-]+' | grep -oE -- '--[a-z-]+')"})
  elif [[ $before == -o || $before == --output ]]; then
    offered=(table wide json jsonl name)
  else
    case $verb in
      @JOBS@) offered=(${(f)"$(troupe jobs -o name 2>/dev/null)"}) ;;
      @TASKS@) offered=(${(f)"$(troupe tasks -o name --limit 1000 2>/dev/null)"}) ;;
      @BOTH@) offered=(${(f)"$(troupe jobs -o name 2>/dev/null; troupe tasks -o name --limit 1000 2>/dev/null)"}) ;;
      @NODES@) offered=(${(f)"$(troupe nodes -o name 2>/dev/null)"}) ;;
      help) offered=(@VERBS@) ;;
      completion) offered=(bash zsh fish) ;;
      *) _files; return ;;
    esac
  fi
  compadd -a offered
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _troupe "$@"
else
  compdef _troupe troupe
fi
)sh";

constexpr std::string_view fish_script
  = R"sh(# Load it with: troupe completion fish | source
function __troupe_flags
  set -l words (commandline -opc)
  troupe $words[2] --help 2>/dev/null | string match -r -- '^ +(?:-[a-zA-Z], )?--[a-z-]+' | string match -r -- '--[a-z-]+'
end
function __troupe_in
  set -l words (commandline -opc)
  test (count $words) -gt 1; and contains -- $words[2] $argv
end
complete -c troupe -f -n 'test (count (commandline -opc)) -eq 1' -a '@VERBS@'
complete -c troupe -f -n 'test (count (commandline -opc)) -gt 1; and string match -q -- "-*" (commandline -ct)' -a '(__troupe_flags)'
complete -c troupe -f -n '__troupe_in @JOBS@' -a '(troupe jobs -o name 2>/dev/null)'
complete -c troupe -f -n '__troupe_in @TASKS@' -a '(troupe tasks -o name --limit 1000 2>/dev/null)'
complete -c troupe -f -n '__troupe_in @BOTH@' -a '(troupe jobs -o name 2>/dev/null; troupe tasks -o name --limit 1000 2>/dev/null)'
complete -c troupe -f -n '__troupe_in @NODES@' -a '(troupe nodes -o name 2>/dev/null)'
complete -c troupe -f -n '__troupe_in completion' -a 'bash zsh fish'
complete -c troupe -F -n '__troupe_in run'
)sh";

constexpr std::array<std::string_view, 3> job_verbs{"job", "scale", "delete"};
constexpr std::array<std::string_view, 2> task_verbs{"task", "exec"};
constexpr std::array<std::string_view, 4> both_verbs{"why", "logs", "stop",
                                                     "restart"};
constexpr std::array<std::string_view, 4> node_verbs{"node", "cordon",
                                                     "uncordon", "label"};

std::string filled(std::string_view script, std::string_view between) {
  std::string result{script};
  auto replace = [&](std::string_view mark, const std::string& text) {
    for (auto at = result.find(mark); at != std::string::npos;
         at = result.find(mark, at + text.size()))
      result.replace(at, mark.size(), text);
  };
  std::string names;
  std::string described;
  for (auto& group : verb_groups())
    for (auto& x : group.verbs) {
      names += (names.empty() ? "" : " ") + std::string{x.name};
      described += fmt::format("      '{}:{}'\n", x.name, x.summary);
    }
  replace("@VERBS@", names);
  replace("@DESCRIBED@", described);
  replace("@JOBS@", fmt::format("{}", fmt::join(job_verbs, between)));
  replace("@TASKS@", fmt::format("{}", fmt::join(task_verbs, between)));
  replace("@BOTH@", fmt::format("{}", fmt::join(both_verbs, between)));
  replace("@NODES@", fmt::format("{}", fmt::join(node_verbs, between)));
  return result;
}

} // namespace

int run_completion(int argc, char** argv) {
  std::string shell;
  command_line line{"completion", "Writes a completion script for a shell"};
  line.word("SHELL", shell, "bash, zsh or fish");
  line.example("source <(troupe completion bash)", "for this shell");
  line.example("troupe completion fish | source", "the same in fish");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  if (shell == "bash")
    print(filled(bash_script, "|"));
  else if (shell == "zsh")
    print(filled(zsh_script, "|"));
  else if (shell == "fish")
    print(filled(fish_script, " "));
  else
    return finish(line.wrong("knows bash, zsh and fish"));
  return exit_code::done;
}

} // namespace troupe::tools
