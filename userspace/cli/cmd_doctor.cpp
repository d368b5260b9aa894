// SPDX-License-Identifier: Apache-2.0
// Looks for what commonly keeps Probewall from working, and says how to mend it.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <vector>

#include "cli/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/offline.hpp"
#include "cli/text.hpp"
#include "events/json_append.hpp"

namespace probewall::cli {
namespace {

enum class Health { kFine, kWarning, kFailure };
struct Finding {
  Health health;
  std::string name;
  std::string words;
};

constexpr long kBpfFs = 0xcafe4a11;  // BPF_FS_MAGIC

Finding check_kernel() {
  utsname name{};
  uname(&name);
  int major = 0, minor = 0;
  std::sscanf(name.release, "%d.%d", &major, &minor);
  if (major > 6 || (major == 6 && minor >= 1)) return {Health::kFine, "kernel", name.release};
  return {Health::kFailure, "kernel",
          fmt::format("{} is older than 6.1; upgrade the kernel", name.release)};
}

Finding check_btf() {
  if (access("/sys/kernel/btf/vmlinux", R_OK) == 0)
    return {Health::kFine, "BTF", "/sys/kernel/btf/vmlinux"};
  return {Health::kFailure, "BTF",
          "/sys/kernel/btf/vmlinux is missing; use a kernel built with CONFIG_DEBUG_INFO_BTF"};
}

Finding check_bpffs(const Config& config) {
  std::filesystem::path path = config.paths.pin_directory;
  struct statfs status {};
  while (statfs(path.c_str(), &status) != 0 && path.has_relative_path()) path = path.parent_path();
  if (static_cast<long>(static_cast<unsigned long>(status.f_type) & 0xffffffffu) == kBpfFs) {
    return {Health::kFine, "bpffs", config.paths.pin_directory};
  }
  return {Health::kFailure, "bpffs",
          config.paths.pin_directory +
              " lies on no bpf file system; mount one: mount -t bpf bpf /sys/fs/bpf"};
}

/// What a daemon that ended left in force, which somebody who cannot get in may be looking for.
void check_left_behind(const Context& context, const Error& unreachable,
                       std::vector<Finding>& findings) {
  if (!may_read_pins(context, unreachable)) return;
  const auto status = offline_status(context.config_or_default());
  if (!status) return;
  for (const auto& interface : status->interfaces) {
    if (interface.xdp_mode == "off") continue;
    findings.push_back(
        {Health::kWarning, "XDP on " + interface.name,
         fmt::format("{}: still attached, {}; start probewalld, or take it away: probewall detach",
                     interface.xdp_mode,
                     status->enforcing
                         ? fmt::format("and drops what {} blocks name", status->bans_enforced)
                         : "and drops nothing, as it was observing")});
  }
}

void check_daemon(const Context& context, std::vector<Finding>& findings) {
  const auto body = context.api().get("/v1/status");
  if (!body) {
    findings.push_back({Health::kFailure, "daemon", body.error().message});
    check_left_behind(context, body.error(), findings);
    return;
  }
  const auto status = parse_json(*body);
  if (!status) {
    findings.push_back({Health::kFailure, "daemon", status.error().message});
    return;
  }
  findings.push_back(
      {Health::kFine, "daemon", fmt::format("running, pid {}", count(*status, "pid"))});
  for (const Json& interface : list(*status, "interfaces")) {
    const std::string mode = text(interface, "xdp_mode");
    const bool attached = mode == "native" || mode == "generic";
    findings.push_back({!attached           ? Health::kFailure
                        : mode == "generic" ? Health::kWarning
                                            : Health::kFine,
                        "XDP on " + text(interface, "name"), mode + ": " + text(interface, "why")});
  }
  if (list(*status, "interfaces").empty()) {
    findings.push_back({Health::kFailure, "interfaces",
                        "none is attached; set `interfaces` and restart probewalld"});
  }
  if (!flag(*status, "enforcing")) {
    findings.push_back({Health::kWarning, "mode",
                        "observing: nothing is dropped; `probewall enforce on` changes that"});
  }
  if (const auto lost = count(*status, "records_lost"); lost > 0) {
    findings.push_back({Health::kWarning, "capture",
                        fmt::format("{} records were lost; raise capture.memory", lost)});
  }
  for (const Json& warning : list(*status, "warnings")) {
    if (const auto* s = warning.if_string()) {
      findings.push_back({Health::kWarning, "daemon says", sanitize({s->data(), s->size()})});
    }
  }
}

const char* word_of(Health health) {
  return health == Health::kFine ? "ok" : health == Health::kWarning ? "warning" : "failure";
}

void show(const Context& context, const std::vector<Finding>& findings) {
  std::string json;
  for (const Finding& finding : findings) {
    if (context.json()) {
      json += fmt::format("{}{{\"check\":", json.empty() ? "" : ",");
      append_json_string(json, finding.name);
      json += fmt::format(",\"result\":\"{}\",\"details\":", word_of(finding.health));
      append_json_string(json, finding.words);
      json += '}';
      continue;
    }
    const auto colour = finding.health == Health::kFine      ? Colour::kGreen
                        : finding.health == Health::kWarning ? Colour::kYellow
                                                             : Colour::kRed;
    print_line(fmt::format("{}  {:<16}  {}",
                           coloured(fmt::format("{:<7}", word_of(finding.health)), colour),
                           finding.name, sanitize(finding.words)));
  }
  if (context.json()) print_line("{\"checks\":[" + json + "]}");
}

}  // namespace

int doctor(const Context& context) {
  std::vector<Finding> findings{check_kernel(), check_btf()};
  const auto config = context.config();
  findings.push_back(config ? Finding{Health::kFine, "configuration", context.config_path()}
                            : Finding{Health::kFailure, "configuration", config.error().message});
  findings.push_back(check_bpffs(context.config_or_default()));
  check_daemon(context, findings);
  show(context, findings);
  Health worst = Health::kFine;
  for (const Finding& finding : findings) worst = std::max(worst, finding.health);
  return finish(worst == Health::kFailure ? 1 : worst == Health::kWarning ? 10 : 0);
}

}  // namespace probewall::cli
