// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/offline.hpp"
#include "cli/show_answer.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "config/units.hpp"
#include "dataplane/dataplane.hpp"

namespace probewall::cli {
namespace {

using admin::Op;

constexpr std::chrono::seconds kReloadPatience{90};  // the daemon itself gives up after 60

/// Sends one change and prints what came of it.
int change(const Context& context, const admin::Request& request, const std::string& words) {
  const auto reply = context.admin().call(request);
  if (!reply) return report(reply.error());
  print_line(context.json() ? fmt::format("{{\"changed\":{},\"enforcing\":{}}}", reply->count,
                                          reply->enforcing != 0)
                            : words);
  return finish(0);
}

int change_all(const Context& context, Op op, const std::vector<std::string>& texts,
               const std::string& reason, const char* done, const char* nothing) {
  std::uint64_t changed = 0;
  for (const auto& word : texts) {
    const auto prefix = IpPrefix::parse(word);
    if (!prefix)
      return report(
          {"'" + word + "' is no address or prefix; write e.g. 198.51.100.7 or 2001:db8::/32", 0,
           ExitStatus::kUsage});
    const auto reply = context.admin().call(admin_request(op, *prefix, 0, reason));
    if (!reply) return report(reply.error());
    changed += reply->count;
    if (!context.json())
      print_line(fmt::format("{} {}", prefix->to_string(), reply->count > 0 ? done : nothing));
  }
  if (context.json()) print_line(fmt::format("{{\"changed\":{}}}", changed));
  return finish(0);
}

void print_allow(const Json& answer) {
  Table table({"PREFIX", "REACHES", "BECAUSE IT IS"});
  for (const Json& entry : list(answer, "allow")) {
    std::string reasons;
    for (const Json& reason : list(entry, "reasons")) {
      if (const auto* s = reason.if_string())
        reasons += (reasons.empty() ? "" : ", ") + sanitize({s->data(), s->size()});
    }
    table.row({text(entry, "prefix"), text(entry, "scope") == "ssh" ? "SSH ports" : "everything",
               reasons});
  }
  print(table.empty() ? "Nothing is exempt from blocking.\n" : table.text());
}

}  // namespace

int allow_list(const Context& context) { return show_answer(context, "/v1/allow", print_allow); }

int allow_add(const Context& context, const std::vector<std::string>& prefixes,
              const std::string& reason) {
  return change_all(context, Op::kAllowAdd, prefixes, reason, "is never blocked from now on.",
                    "was never blocked already.");
}

int allow_delete(const Context& context, const std::vector<std::string>& prefixes) {
  return change_all(context, Op::kAllowDelete, prefixes, "", "can be blocked again.",
                    "is not on the operator's allow list; nothing to do.");
}

int enforce_on(const Context& context, std::optional<std::chrono::seconds> confirm) {
  const std::uint64_t seconds = confirm ? static_cast<std::uint64_t>(confirm->count()) : 0;
  return change(context, admin_request(Op::kEnforceOn, {}, seconds),
                confirm ? fmt::format("Enforcing for {}: run `probewall enforce confirm` within "
                                      "that time, else it goes back to observing.",
                                      format_duration(*confirm))
                        : "Enforcing: blocked sources are dropped from now on.");
}

int enforce_confirm(const Context& context) {
  return change(context, admin_request(Op::kConfirm), "Confirmed: enforcing stays on.");
}

int enforce_off(const Context& context) {
  return change(context, admin_request(Op::kEnforceOff),
                "Observing: nothing is dropped, only counted.");
}

int detach(const Context& context) {
  const auto reply = context.admin().call(admin_request(Op::kDetach));
  std::uint64_t count = 0;
  if (reply) {
    count = reply->count;
  } else {
    const auto pins = take_pins(context, reply.error());
    if (!pins) return report(pins.error());
    const auto detached = detach_everything(context.config_or_default().paths.pin_directory);
    if (!detached) return report(detached.error());
    notice("probewalld is not running; detached by way of the pinned state");
    count = *detached;
  }
  const auto foreign = foreign_pins(context.config_or_default().paths.pin_directory);
  if (!foreign.empty()) notice(foreign);
  print_line(
      context.json()
          ? fmt::format("{{\"detached\":{}}}", count)
          : fmt::format("Detached from {} interface{}: no packet is looked at or dropped any more.",
                        count, count == 1 ? "" : "s"));
  return finish(0);
}

int reload(const Context& context) {
  std::vector<std::string> changed, restart;
  std::string error;
  const auto take = [&](const admin::Reply& reply) {
    switch (static_cast<admin::ReloadPart>(reply.action)) {
      case admin::ReloadPart::kChanged:
        return changed.emplace_back(reply.message), void();
      case admin::ReloadPart::kRestart:
        return restart.emplace_back(reply.message), void();
      case admin::ReloadPart::kError:
        error += reply.message;
    }
  };
  const auto reply = context.admin().call(admin_request(Op::kReload), take, kReloadPatience);
  if (!reply) {
    return report(error.empty() ? reply.error() : Error{error, 0, reply.error().status});
  }
  if (context.json()) {
    const auto quoted = [](std::vector<std::string> keys) {  // our own: nothing to escape
      for (auto& key : keys) key = fmt::format("\"{}\"", key);
      return fmt::format("[{}]", fmt::join(keys, ","));
    };
    print_line(fmt::format("{{\"rules\":{},\"changed\":{},\"needs_restart\":{}}}", reply->count,
                           quoted(changed), quoted(restart)));
    return finish(0);
  }
  print_line(changed.empty() ? fmt::format("Reloaded: nothing was changed, {} rules.", reply->count)
                             : fmt::format("Reloaded: {} rules; changed: {}.", reply->count,
                                           fmt::join(changed, ", ")));
  if (!restart.empty())
    print_line(fmt::format("Needs a restart of probewalld: {}.", fmt::join(restart, ", ")));
  return finish(0);
}

}  // namespace probewall::cli
