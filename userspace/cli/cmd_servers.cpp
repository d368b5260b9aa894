// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/show_answer.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"

namespace probewall::cli {
namespace {

constexpr std::size_t kShownModels = 4;

std::string endpoint(const Json& server) {
  const auto address = text(server, "server");
  const bool v6 = address.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", address, v6 ? "]" : "", count(server, "port"));
}

std::string models_text(const Json& server) {
  std::string words;
  std::size_t shown = 0;
  const auto& models = list(server, "models");
  for (const Json& model : models) {
    const auto* s = model.if_string();
    if (s == nullptr || shown == kShownModels) continue;
    words += (shown++ > 0 ? ", " : "") + sanitize({s->data(), s->size()}, 40);
  }
  const auto more = models.size() - shown;
  if (more > 0) words += fmt::format(" and {}{} more", more, flag(server, "models_cut") ? "+" : "");
  if (more == 0 && flag(server, "models_cut")) words += " and more";
  return words.empty() ? "-" : words;
}

std::string open_to(const Json& server) {
  if (flag(server, "exposed"))
    return coloured("exposed: " + text(at(server, "exposure"), "access"), Colour::kRed);
  return count(server, "refusals") > 0 ? "asks for a key" : "no stranger was served";
}

std::string minute(const std::string& time) { return time.substr(0, 16) + "Z"; }

void print_exposure(const Json& server) {
  const Json& exposure = at(server, "exposure");
  print_line(fmt::format("\n{} serves strangers who show no key, since {}.", endpoint(server),
                         minute(text(exposure, "since"))));
  print_line(fmt::format("  Evidence  {} at {}", text(exposure, "evidence"),
                         minute(text(exposure, "at"))));
  print_line(fmt::format("  To do     {}.", text(exposure, "fix")));
}

void print_servers(const Json& answer) {
  const auto& servers = list(answer, "servers");
  Table table({"SERVER", "PRODUCT", "TO STRANGERS", "LAST ANSWER", "MODELS"});
  for (const Json& server : servers) {
    table.row({endpoint(server), text(server, "impl"), open_to(server),
               minute(text(server, "last_seen")), models_text(server)});
  }
  print(table.empty() ? "No answer of an LLM server was seen yet.\n" : table.text());
  for (const Json& server : servers) {
    if (flag(server, "exposed")) print_exposure(server);
  }
}

}  // namespace

int servers_list(const Context& context) {
  return show_answer(context, "/v1/servers", print_servers);
}

}  // namespace probewall::cli
