// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/commands.hpp"

namespace probewall::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

std::string bash(const std::vector<CompletionWord>& all) {
  std::string out =
      "_probewall() {\n"
      "  local word path=\"\"\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"$word\" in -*) ;; *) path=\"${path:+$path }$word\" ;; esac\n"
      "  done\n"
      "  local words=\"\"\n"
      "  case \"$path\" in\n";
  for (const auto& entry : all)
    out += fmt::format("    \"{}\") words=\"{}\" ;;\n", joined(entry.path), joined(entry.words));
  return out +
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
         "}\n"
         "complete -o default -F _probewall probewall\n";
}

std::string zsh(const std::vector<CompletionWord>& all) {
  // zsh runs bash's completion functions itself.
  return "#compdef probewall\nautoload -U +X bashcompinit && bashcompinit\n" + bash(all);
}

std::string fish(const std::vector<CompletionWord>& all) {
  std::string out = "complete -c probewall -f\n";
  for (const auto& entry : all) {
    const std::string condition = entry.path.empty()
                                      ? "__fish_use_subcommand"
                                      : "__fish_seen_subcommand_from " + entry.path.back();
    for (const auto& word : entry.words) {
      out += word.starts_with("--")
                 ? fmt::format("complete -c probewall -n '{}' -l {}\n", condition, word.substr(2))
                 : fmt::format("complete -c probewall -n '{}' -a {}\n", condition, word);
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const std::string& shell, const std::vector<CompletionWord>& words) {
  if (shell == "bash") return bash(words);
  return shell == "zsh" ? zsh(words) : fish(words);
}

}  // namespace probewall::cli
