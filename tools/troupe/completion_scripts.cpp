#include "tools/troupe/completion.hpp"

namespace troupe::tools {

namespace {

// Each asks `troupe completion --offer -- WORDS`, which answers lines of a word,
// a tab and what it means; a line `:files` asks for names of files as well.

constexpr std::string_view bash_script
  = R"sh(# Load it with: source <(troupe completion bash)
_troupe() {
  local line=${COMP_LINE:0:COMP_POINT} words=() word meaning done=
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  local current=${words[-1]}
  # Bash replaces only what stands behind the last = or :
  [[ $current == *[=:]* ]] && done=${current%"${current##*[=:]}"}
  COMPREPLY=()
  while IFS=$'\t' read -r word meaning; do
    if [[ $word == :files ]]; then
      local files=()
      mapfile -t files < <(compgen -f -- "${current#"$done"}")
      COMPREPLY+=("${files[@]}")
      compopt -o filenames 2>/dev/null
    else
      COMPREPLY+=("${word#"$done"}")
      [[ $word == *[=.] ]] && compopt -o nospace 2>/dev/null
    fi
  done < <("${words[0]}" completion --offer -- "${words[@]:1}" 2>/dev/null)
}
complete -F _troupe troupe
)sh";

constexpr std::string_view zsh_script = R"sh(#compdef troupe
# Load it with: source <(troupe completion zsh)
_troupe() {
  local -a whole begun
  local word meaning files=
  while IFS=$'\t' read -r word meaning; do
    if [[ $word == :files ]]; then
      files=1
    elif [[ $word == *[=.] ]]; then
      begun+=("${word//:/\\:}:$meaning")
    else
      whole+=("${word//:/\\:}:$meaning")
    fi
  done < <(${words[1]} completion --offer -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( ${#whole} )) && _describe -V 'troupe' whole
  (( ${#begun} )) && _describe -V 'troupe' begun -S ''
  [[ -n $files ]] && _files
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _troupe "$@"
elif (( $+functions[compdef] )); then
  compdef _troupe troupe
else
  print -u2 'troupe: first run: autoload -Uz compinit && compinit'
fi
)sh";

constexpr std::string_view fish_script
  = R"sh(# Load it with: troupe completion fish | source
function __troupe_offer
  set -l current (commandline -ct)
  set -l words (commandline -opc) "$current"
  for line in ($words[1] completion --offer -- $words[2..-1] 2>/dev/null)
    if test "$line" = ':files'
      __fish_complete_path "$current"
    else
      echo $line
    end
  end
end
complete -c troupe -f -a '(__troupe_offer)'
)sh";

} // namespace

std::string_view completion_script(std::string_view shell) {
  if (shell == "bash")
    return bash_script;
  if (shell == "zsh")
    return zsh_script;
  return shell == "fish" ? fish_script : std::string_view{};
}

} // namespace troupe::tools
