// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/offline.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "config/units.hpp"
#include "control/api_json.hpp"

namespace probewall::cli {
namespace {

using admin::Op;

constexpr const char* kDead = "probewalld is not running; working on the kernel's pinned state";

/// Hands every ban to `visit`, page by page from the daemon or, when it is dead, from the pins.
/// False: some may be missing.
Result<bool> each_ban(const Context& context, const std::function<void(const Json&)>& visit) {
  std::string target = "/v1/bans?limit=5000";
  bool complete = true;
  for (bool first = true;; first = false) {
    auto body = context.api().get(target);
    if (!body && first) {
      const auto words = may_read_pins(context, body.error());
      if (!words) return tl::unexpected(words.error());
      const auto pinned = offline_bans(context.config_or_default());
      if (!pinned) return tl::unexpected(body.error());
      notice(*words);
      body = to_json(*pinned);
    }
    if (!body) return tl::unexpected(body.error());
    const auto page = parse_json(*body);
    if (!page) return tl::unexpected(page.error());
    for (const Json& ban : list(*page, "bans")) visit(ban);
    complete = complete && flag(*page, "complete");
    if (!has(*page, "next")) return complete;
    target = "/v1/bans?limit=5000&after=" + raw_text(*page, "next");
  }
}

constexpr const char* kIncomplete =
    "this list is not complete: the daemon is still reading what is in force; ask again in a "
    "moment";

std::string reasons_of(const Json& ban) {
  std::string words;
  for (const Json& rule : list(ban, "rules")) {
    if (words.size() > 60) return words + ", ...";
    words += (words.empty() ? "" : ", ") + text(rule, "rule");
  }
  return words.empty() ? text(ban, "note", 80) : words;
}

Result<std::vector<IpPrefix>> parse_prefixes(const std::vector<std::string>& texts) {
  std::vector<IpPrefix> prefixes;
  for (const auto& word : texts) {
    const auto prefix = IpPrefix::parse(word);
    if (!prefix) {
      return fail(ExitStatus::kUsage, "'" + word +
                                          "' is no address or prefix; write e.g. 198.51.100.7, "
                                          "198.51.100.0/24 or 2001:db8:1:2::/64");
    }
    prefixes.push_back(*prefix);
  }
  return prefixes;
}

/// Sources of IPv6 are banned by prefix, so deleting one address means that prefix as well.
std::vector<IpPrefix> with_source_prefix(const Context& context,
                                         const std::vector<IpPrefix>& prefixes) {
  std::vector<IpPrefix> out;
  for (const IpPrefix& prefix : prefixes) {
    out.push_back(prefix);
    if (!prefix.is_v4() && prefix.is_single()) {
      const IpPrefix source =
          source_of(prefix.address, context.config_or_default().block.ipv6_prefix);
      if (source != prefix) out.push_back(source);
    }
  }
  return out;
}

Result<Deletion> delete_one(const Context& context, const IpPrefix& prefix, bool& told) {
  const auto reply = context.admin().call(admin_request(Op::kBanDelete, prefix));
  if (reply) {
    Deletion deletion{reply->count > 0, {}};
    if (reply->action != 0) deletion.still = prefix_of(*reply);
    return deletion;
  }
  const auto pins = take_pins(context, reply.error());
  if (!pins) return tl::unexpected(pins.error());
  auto removed = offline_delete(context.config_or_default(), prefix);
  if (!removed) {
    // No pinned tables: nothing is blocked, so what should be absent is absent.
    if (removed.error().errno_value == ENOENT) return Deletion{};
    return removed;
  }
  if (!std::exchange(told, true)) notice(kDead);
  return removed;
}

std::string blocker(const IpPrefix& prefix, const IpPrefix& still) {
  return still == prefix ? "a feed's entry" : still.to_string();
}

/// Says what became of each prefix. What still blocked one may have gone right after it.
void tell_deleted(const std::vector<std::pair<IpPrefix, Deletion>>& done) {
  std::vector<IpPrefix> told;
  for (auto one = done.begin(); one != done.end(); ++one) {
    const auto& [prefix, deletion] = *one;
    const auto gone = [&still = deletion.still](const auto& later) {
      return later.second.was_there && later.first == still;
    };
    const bool covered = deletion.still && std::none_of(one + 1, done.end(), gone);
    if (!covered) {
      if (deletion.was_there)
        print_line(fmt::format("{} is no longer blocked.", prefix.to_string()));
      continue;
    }
    const IpPrefix& still = *deletion.still;
    if (!deletion.was_there && std::find(told.begin(), told.end(), still) != told.end()) continue;
    told.push_back(still);
    print_line(fmt::format(
        "{} {}, but {} still blocks it. Undo: probewall bans del {}", prefix.to_string(),
        deletion.was_there ? "has no ban of its own any more" : "has no ban of its own",
        blocker(prefix, still), still.to_string()));
  }
}

int tell_count(const Context& context, const char* name, std::uint64_t count,
               const std::string& words) {
  print_line(context.json() ? fmt::format("{{\"{}\":{}}}", name, count) : words);
  return finish(0);
}

}  // namespace

int bans_list(const Context& context) {
  Table table({"SOURCE", "ACTION", "BY", ">LEFT", ">SCORE", "WHY"});
  std::string json;
  std::uint64_t total = 0;
  const auto listed = each_ban(context, [&](const Json& ban) {
    ++total;
    if (context.json()) {
      json += (json.empty() ? "" : ",") + compact(ban);
      return;
    }
    table.row({text(ban, "source"), text(ban, "action"), text(ban, "origin"),
               has(ban, "seconds_left") ? short_time(count(ban, "seconds_left")) : "for good",
               number(ban, "score") > 0 ? points(number(ban, "score")) : "-", reasons_of(ban)});
  });
  if (!listed) return report(listed.error());
  if (context.json()) {
    print_line(fmt::format("{{\"bans\":[{}],\"total\":{},\"complete\":{}}}", json, total, *listed));
  } else {
    print(total == 0 && *listed ? "No source is blocked.\n" : table.text());
  }
  if (!*listed) notice(kIncomplete);
  return finish(0);
}

int bans_add(const Context& context, const BanOptions& options) {
  const auto prefixes = parse_prefixes(options.prefixes);
  if (!prefixes) return report(prefixes.error());
  const auto seconds = options.ttl ? static_cast<std::uint64_t>(options.ttl->count()) : 0;
  for (const IpPrefix& prefix : *prefixes) {
    const auto reply =
        context.admin().call(admin_request(Op::kBanAdd, prefix, seconds, options.reason));
    if (!reply) return report(reply.error());
    if (context.json()) continue;
    const std::string length =
        options.ttl ? "for " + format_duration(*options.ttl) : "until you remove it";
    print_line(fmt::format("Blocked {} {}{}. Undo: probewall bans del {}", prefix.to_string(),
                           length, reply->action != 0 ? "; a feed's entry blocks it longer" : "",
                           prefix.to_string()));
  }
  if (context.json()) print_line(fmt::format("{{\"added\":{}}}", prefixes->size()));
  return finish(0);
}

int bans_delete(const Context& context, const std::vector<std::string>& texts) {
  const auto prefixes = parse_prefixes(texts);
  if (!prefixes) return report(prefixes.error());
  std::uint64_t deleted = 0, covered = 0;
  bool told = false;
  std::vector<std::pair<IpPrefix, Deletion>> done;
  for (const IpPrefix& prefix : with_source_prefix(context, *prefixes)) {
    const auto deletion = delete_one(context, prefix, told);
    if (!deletion) {
      if (!context.json()) tell_deleted(done);
      return report(deletion.error());
    }
    if (deletion->was_there) ++deleted;
    if (deletion->still) ++covered;
    done.emplace_back(prefix, *deletion);
  }
  if (!context.json()) tell_deleted(done);
  if (deleted + covered > 0 && !context.json()) return finish(0);
  return tell_count(context, "deleted", deleted, "Nothing to do: no such ban.");
}

int bans_flush(const Context& context) {
  const auto reply = context.admin().call(admin_request(Op::kBanFlush));
  std::uint64_t removed = 0;
  if (reply) {
    removed = reply->count;
  } else {
    const auto pins = take_pins(context, reply.error());
    if (!pins) return report(pins.error());
    const auto flushed = offline_flush(context.config_or_default());
    if (!flushed && flushed.error().errno_value != ENOENT) return report(flushed.error());
    notice(kDead);
    removed = flushed.value_or(0);
  }
  return tell_count(
      context, "deleted", removed,
      fmt::format("Removed {} ban{}.", with_commas(removed), removed == 1 ? "" : "s"));
}

int bans_export(const Context& context) {
  if (!context.json()) print_line("# prefix, end, reason: `probewall bans import` reads this");
  std::uint64_t of_feeds = 0;
  const auto listed = each_ban(context, [&](const Json& ban) {
    if (raw_text(ban, "action") != "block") return;
    // Imported, it would be the operator's and stay when the feed has long dropped it.
    if (raw_text(ban, "origin") == "feed") {
      ++of_feeds;
      return;
    }
    if (context.json()) return print_line(compact(ban));
    const std::string why = reasons_of(ban);
    print_line(fmt::format("{} {} {}", text(ban, "source"),
                           has(ban, "until") ? text(ban, "until") : "forever",
                           why.empty() ? text(ban, "origin") : why));
  });
  if (!listed) return report(listed.error());
  if (of_feeds > 0)
    notice(fmt::format("left out: {} of feeds, which each machine reads itself", of_feeds));
  if (!*listed) return report({kIncomplete, 0, ExitStatus::kFailed});
  return finish(0);
}

}  // namespace probewall::cli
