// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker_boot.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "daemon/guard_protocol.hpp"

namespace probewall {
namespace {

constexpr std::string_view kConfigMark = "config\n";

/// Tabs and line feeds part words and lines.
std::string blanked(std::string text) {
  for (auto& c : text) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return text;
}

/// "interface" NAME IFINDEX SLOT NATIVE KIND REPLACED WHY, tab separated; WHY is last and free
/// text.
std::string encode_interface(const AttachReport& r) {
  return "interface\t" + r.interface + '\t' + std::to_string(r.ifindex) + '\t' +
         std::to_string(r.slot) + '\t' + (r.native ? "1" : "0") + '\t' +
         std::to_string(static_cast<int>(r.kind)) + '\t' + (r.replaced ? "1" : "0") + '\t' +
         blanked(r.why) + '\n';
}

/// "rule" SIZE NAME, then SIZE bytes of text and a line feed.
std::string encode_rule(const RuleText& rule) {
  return "rule\t" + std::to_string(rule.text.size()) + '\t' + blanked(rule.name) + '\n' +
         rule.text + '\n';
}

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> words;
  for (;;) {
    const auto tab = line.find('\t');
    words.emplace_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return words;
    line.remove_prefix(tab + 1);
  }
}

std::uint64_t number(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 10); }

bool decode_line(const std::vector<std::string>& words, WorkerBoot& boot) {
  if (words[0] == "interface" && words.size() == 8) {
    boot.interfaces.push_back(
        {words[1], static_cast<unsigned>(number(words[2])), static_cast<unsigned>(number(words[3])),
         words[4] == "1", static_cast<AttachKind>(number(words[5])), words[6] == "1", words[7]});
    return true;
  }
  if (words.size() != 2) return false;
  if (words[0] == "rings")
    boot.rings = static_cast<std::uint32_t>(number(words[1]));
  else if (words[0] == "enforcing")
    boot.enforcing = words[1] == "1";
  else if (words[0] == "guard_pid")
    boot.guard_pid = static_cast<long>(number(words[1]));
  else if (words[0] == "guard_started_ns")
    boot.guard_started_ns = number(words[1]);
  else if (words[0] == "disabled_at")
    boot.config.rules.disabled_at = words[1];
  else if (words[0] == "shadow_at")
    boot.config.rules.shadow_at = words[1];
  else
    return false;
  return true;
}

}  // namespace

std::string encode_boot(const WorkerBoot& boot) {
  std::string text = "rings\t" + std::to_string(boot.rings) + "\nenforcing\t" +
                     (boot.enforcing ? "1" : "0") + "\nguard_pid\t" +
                     std::to_string(boot.guard_pid) + "\nguard_started_ns\t" +
                     std::to_string(boot.guard_started_ns) + '\n';
  // Places are no settings, so the configuration below has none.
  text += "disabled_at\t" + blanked(boot.config.rules.disabled_at) + "\nshadow_at\t" +
          blanked(boot.config.rules.shadow_at) + '\n';
  for (const auto& r : boot.interfaces) text += encode_interface(r);
  for (const auto& rule : boot.rules) text += encode_rule(rule);
  text += kConfigMark;
  return text + to_toml(boot.config);
}

Result<WorkerBoot> decode_boot(const std::string& text) {
  WorkerBoot boot;
  std::string_view rest = text;
  while (!rest.starts_with(kConfigMark)) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) return fail(EBADMSG, "read the guard's boot document");
    const auto words = split(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    if (words[0] == "rule" && words.size() == 3 && number(words[1]) < rest.size()) {
      boot.rules.push_back({words[2], std::string{rest.substr(0, number(words[1]))}});
      rest.remove_prefix(number(words[1]) + 1);
    } else if (!decode_line(words, boot)) {
      return fail(EBADMSG, "read the guard's boot document");
    }
  }
  auto config = parse_config(rest.substr(kConfigMark.size()), "boot document");
  if (!config) return tl::unexpected(config.error());
  config->rules.disabled_at = std::move(boot.config.rules.disabled_at);
  config->rules.shadow_at = std::move(boot.config.rules.shadow_at);
  boot.config = std::move(*config);
  return boot;
}

Result<UniqueFd> sealed_memfd(const std::string& text) {
  UniqueFd fd{memfd_create("probewall-boot", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!fd) return fail(errno, "create memfd");
  for (std::size_t done = 0; done < text.size();) {
    const auto n = ::write(fd.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return fail(errno, "write memfd");
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
    return fail(errno, "seal memfd");
  }
  return fd;
}

Result<std::string> read_memfd(int fd) {
  std::string text;
  char chunk[8192];
  for (;;) {
    const auto n = ::pread(fd, chunk, sizeof chunk, static_cast<off_t>(text.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(errno, "read the guard's boot document");
    if (n == 0) return text;
    text.append(chunk, static_cast<std::size_t>(n));
  }
}

Result<UniqueFd> answer_memfd() {
  UniqueFd fd{memfd_create("probewall-answer", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  if (!fd) return fail(errno, "create memfd");
  if (ftruncate(fd.get(), guard::kAnswerBytes) != 0) return fail(errno, "size memfd");
  // A taken-over worker must not fill the memory through it.
  if (fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    return fail(errno, "seal memfd");
  }
  return fd;
}

std::string read_answer(int fd) {
  char text[guard::kAnswerBytes] = {};
  const auto n = ::pread(fd, text, sizeof text - 1, 0);
  std::string answer{text, strnlen(text, n > 0 ? static_cast<std::size_t>(n) : 0)};
  for (auto& c : answer) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return answer;
}

void write_answer(int fd, std::string_view text) {
  text = text.substr(0, guard::kAnswerBytes - 1);
  [[maybe_unused]] const auto n = ::pwrite(fd, text.data(), text.size(), 0);
}

}  // namespace probewall
