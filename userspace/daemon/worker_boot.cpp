// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker_boot.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace probewall {
namespace {

constexpr std::string_view kConfigMark = "config\n";

/// "interface" NAME IFINDEX SLOT NATIVE KIND REPLACED WHY, tab separated; WHY is last and free
/// text.
std::string encode_interface(const AttachReport& r) {
  std::string why = r.why;
  for (auto& c : why) {
    if (c == '\n' || c == '\t') c = ' ';
  }
  return "interface\t" + r.interface + '\t' + std::to_string(r.ifindex) + '\t' +
         std::to_string(r.slot) + '\t' + (r.native ? "1" : "0") + '\t' +
         std::to_string(static_cast<int>(r.kind)) + '\t' + (r.replaced ? "1" : "0") + '\t' + why +
         '\n';
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
  for (const auto& r : boot.interfaces) text += encode_interface(r);
  text += kConfigMark;
  return text + to_toml(boot.config);
}

Result<WorkerBoot> decode_boot(const std::string& text) {
  WorkerBoot boot;
  std::string_view rest = text;
  while (!rest.starts_with(kConfigMark)) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos || !decode_line(split(rest.substr(0, end)), boot)) {
      return fail(EBADMSG, "read the guard's boot document");
    }
    rest.remove_prefix(end + 1);
  }
  auto config = parse_config(rest.substr(kConfigMark.size()), "boot document");
  if (!config) return tl::unexpected(config.error());
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

}  // namespace probewall
