// SPDX-License-Identifier: Apache-2.0
// One function per command. Each prints and returns the exit status (DESIGN.md, section 5).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/context.hpp"
#include "probewall/ip.hpp"

namespace probewall::cli {

int status(const Context& context);
int why(const Context& context, const std::string& ip);

struct BanOptions {
  std::vector<std::string> prefixes;
  std::optional<std::chrono::seconds> ttl;  ///< unset: until removed
  std::string reason;
};
int bans_list(const Context& context);
int bans_add(const Context& context, const BanOptions& options);
int bans_delete(const Context& context, const std::vector<std::string>& prefixes);
int bans_flush(const Context& context);
int bans_export(const Context& context);
int bans_import(const Context& context, const std::string& file);  ///< "-": standard input

int allow_list(const Context& context);
int allow_add(const Context& context, const std::vector<std::string>& prefixes,
              const std::string& reason);
int allow_delete(const Context& context, const std::vector<std::string>& prefixes);
int enforce_on(const Context& context, std::optional<std::chrono::seconds> confirm);
int enforce_confirm(const Context& context);
int enforce_off(const Context& context);
int detach(const Context& context);
int reload(const Context& context);

int events(const Context& context, bool follow, const std::vector<std::string>& types);
int servers_list(const Context& context);
int sources_top(const Context& context, unsigned count);

struct ReplayFlags {
  std::string file;
  bool ports_all = false;
};
int replay_file(const Context& context, const ReplayFlags& flags);
int config_check(const Context& context);
int config_show(const Context& context, bool running);
int rules_list(const Context& context);
struct RuleTestFlags {
  std::string file;           ///< a request as sent, or sessions; "-": standard input
  std::string rules;          ///< other rules than the configuration's: a directory or one file
  std::string added;          ///< rules to be tried on top of those: a directory or one file
  std::uint16_t port = 8000;  ///< where a request as sent goes
  bool together = false;      ///< all sessions in one world
};
int rules_test(const Context& context, const RuleTestFlags& flags);
int feeds_list(const Context& context);
int version(const Context& context);
int doctor(const Context& context);

/// The completion script of one shell for these command lines.
struct CompletionWord {
  std::vector<std::string> path;   ///< subcommands before it
  std::vector<std::string> words;  ///< subcommands and options possible there
};
std::string completion_script(const std::string& shell, const std::vector<CompletionWord>& words);

}  // namespace probewall::cli
