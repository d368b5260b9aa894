// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/offline.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "control/api_json.hpp"

namespace probewall::cli {
namespace {

std::uint64_t dropped_of(const Json& packets) {
  return count(packets, "drop_ban") + count(packets, "drop_feed") + count(packets, "rate_limited") +
         count(packets, "drop_fragment");
}

void print_head(const Json& status) {
  const char* mode = flag(status, "enforcing") ? "enforcing: blocked sources are dropped"
                                               : "observing: nothing is dropped, only counted";
  if (!flag(status, "running")) {
    print_line(fmt::format("Probewall {}: {}; {}.", text(status, "version"),
                           coloured("the daemon is not running", Colour::kRed), mode));
    return;
  }
  print_line(fmt::format("Probewall {} is {} (pid {}) for {}, {}.", text(status, "version"),
                         coloured("running", Colour::kGreen), count(status, "pid"),
                         short_time(count(status, "uptime_s")), mode));
}

void print_interfaces(const Json& status) {
  Table table({"INTERFACE", "XDP", "ATTACHED BY", ">PASSED", ">DROPPED", "WHY THIS MODE"});
  const bool counted = flag(status, "running");  // packet counts are not read from the pins
  for (const Json& interface : list(status, "interfaces")) {
    const Json& packets = at(interface, "packets");
    table.row(
        {text(interface, "name"), text(interface, "xdp_mode"),
         has(interface, "kind") && !text(interface, "kind").empty() ? text(interface, "kind") : "-",
         counted ? with_commas(count(packets, "pass") + count(packets, "tagged")) : "-",
         counted ? with_commas(dropped_of(packets)) : "-", text(interface, "why")});
  }
  print_line(table.empty() ? "\nNo interface is attached: no packet is looked at."
                           : "\n" + table.text());
}

void print_numbers(const Json& status) {
  const auto line = [](const char* name, const std::string& value) {
    print_line(fmt::format("{:<18}{}", name, value));
  };
  line("Bans in force",
       fmt::format("{} ({} in the kernel's tables)", with_commas(count(status, "bans_active")),
                   with_commas(count(status, "bans_enforced"))));
  if (!flag(status, "running")) return;
  line("Requests seen", with_commas(count(status, "requests")));
  line("Detections", with_commas(count(status, "detections")));
  line("Records lost", with_commas(count(status, "records_lost")));
  line("Transport", text(status, "transport"));
}

int show(const Context& context, const std::string& body) {
  if (context.json()) {
    print_line(body);
    return finish(0);
  }
  const auto status = parse_json(body);
  if (!status) return report(status.error());
  print_head(*status);
  print_interfaces(*status);
  print_numbers(*status);
  for (const Json& warning : list(*status, "warnings")) {
    const auto* s = warning.if_string();
    if (s != nullptr)
      print_line(coloured("Warning: ", Colour::kYellow) + sanitize({s->data(), s->size()}));
  }
  return finish(0);
}

}  // namespace

int status(const Context& context) {
  const auto body = context.api().get("/v1/status");
  if (body) return show(context, *body);
  const auto words = may_read_pins(context, body.error());
  if (!words) return report(words.error());
  const auto pinned = offline_status(context.config_or_default());
  // Without pinned state there is nothing to tell but that the daemon is not there.
  if (!pinned) return report(body.error());
  notice(*words);
  return show(context, to_json(*pinned));
}

}  // namespace probewall::cli
