// SPDX-License-Identifier: Apache-2.0
// Who is logged in over SSH. An open connection to the SSH port proves nothing (anyone can make
// one), so the evidence is a process: sshd names itself after the user alone only when he has
// logged in.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <unordered_map>

#include "dataplane/network_watch.hpp"

namespace probewall {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// The running file is root's sshd: a title alone can be set by any local user.
bool runs_sshd(const fs::path& process) {
  std::error_code ec;
  std::string name = fs::read_symlink(process / "exe", ec).filename().string();
  if (ec) return false;
  // An upgraded sshd keeps its sessions; the kernel then adds this to the link.
  constexpr std::string_view kDeleted = " (deleted)";
  if (name.ends_with(kDeleted)) name.resize(name.size() - kDeleted.size());
  if (name != "sshd" && name != "sshd-session") return false;
  struct stat file {};
  return stat((process / "exe").c_str(), &file) == 0 && file.st_uid == 0;
}

/// "sshd: alice@pts/0" is a session, "sshd: alice" one without terminal or command (`ssh -N`).
/// Before authentication, and in the helpers, the title has brackets ("[accepted]", "alice [priv]",
/// "unknown [net]", "... [listener] ...").
bool is_session_title(std::string_view title) {
  title = title.substr(0, title.find('\0'));
  for (const std::string_view head : {"sshd: ", "sshd-session: "}) {
    if (!title.starts_with(head)) continue;
    title.remove_prefix(head.size());
    return title.find_first_not_of(' ') != std::string_view::npos &&
           title.find('[') == std::string_view::npos;
  }
  return false;
}

struct Connection {
  IpAddress peer;
  std::uint16_t local_port = 0;
};

IpAddress parse_proc_address(std::string_view hex) {
  // /proc/net/tcp prints each 32-bit word of the address as the host reads it.
  IpAddress out;
  std::array<std::uint32_t, 4> words{};
  for (std::size_t i = 0; i < hex.size() / 8; ++i) {
    std::from_chars(hex.data() + 8 * i, hex.data() + 8 * i + 8, words[i], 16);
  }
  if (hex.size() == 8) {
    std::array<std::uint8_t, 4> b{};
    std::memcpy(b.data(), words.data(), 4);
    return IpAddress::from_v4((std::uint32_t{b[0]} << 24) | (b[1] << 16) | (b[2] << 8) | b[3]);
  }
  std::memcpy(out.bytes.data(), words.data(), 16);
  return out;
}

using Connections = std::unordered_map<std::string, Connection>;  // by socket inode

/// ESTABLISHED sockets of one /proc/PID/net/tcp{,6} table.
void add_established(const fs::path& table, Connections& out) {
  std::ifstream file{table};
  std::string line;
  std::getline(file, line);  // headings
  while (std::getline(file, line)) {
    std::istringstream fields{line};
    std::string number, local, remote, state, queues, timer, retransmit, uid, timeout, inode;
    fields >> number >> local >> remote >> state >> queues >> timer >> retransmit >> uid >>
        timeout >> inode;
    const auto colon = remote.find(':'), local_colon = local.find(':');
    if (!fields || state != "01" || colon == std::string::npos ||
        local_colon == std::string::npos) {
      continue;
    }
    Connection c{parse_proc_address(std::string_view{remote}.substr(0, colon)), 0};
    const char* port = local.c_str() + local_colon + 1;
    std::from_chars(port, local.c_str() + local.size(), c.local_port, 16);
    out.emplace(std::move(inode), c);
  }
}

/// Inodes of the sockets a process holds.
std::vector<std::string> sockets_of(const fs::path& process) {
  std::vector<std::string> out;
  std::error_code ec;
  for (fs::directory_iterator it{process / "fd", ec}, end; !ec && it != end; it.increment(ec)) {
    std::error_code link_error;
    const std::string target = fs::read_symlink(it->path(), link_error).string();
    constexpr std::string_view kHead = "socket:[";
    if (link_error || !target.starts_with(kHead)) continue;
    out.push_back(target.substr(kHead.size(), target.size() - kHead.size() - 1));
  }
  return out;
}

void add_peers(const fs::path& process, const Connections& connections,
               const std::vector<std::uint16_t>& ports, std::vector<NeverBlock>& out) {
  for (const auto& inode : sockets_of(process)) {
    const auto found = connections.find(inode);
    if (found == connections.end()) continue;
    const Connection& c = found->second;
    if (std::find(ports.begin(), ports.end(), c.local_port) == ports.end()) continue;
    out.push_back({IpPrefix::of(c.peer, c.peer.is_v4() ? 32 : 128),
                   {PW_ALLOW_SSH_PORT, PW_ALLOW_SSH_PEER, {}}});
  }
}

}  // namespace

Result<std::vector<NeverBlock>> never_block_from_ssh(const std::vector<std::uint16_t>& ssh_ports) {
  std::vector<NeverBlock> out;
  std::map<std::string, Connections> tables;  // by network namespace
  std::error_code ec;
  fs::directory_iterator it{"/proc", ec};
  if (ec) return fail(ec.value(), "read /proc");
  for (const fs::directory_iterator end; !ec && it != end; it.increment(ec)) {
    const fs::path& process = it->path();
    const std::string pid = process.filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (!is_session_title(read_text(process / "cmdline")) || !runs_sshd(process)) continue;
    std::error_code link_error;
    const std::string netns = fs::read_symlink(process / "ns" / "net", link_error).string();
    auto [table, fresh] = tables.try_emplace(netns);
    if (fresh) {
      add_established(process / "net" / "tcp", table->second);
      add_established(process / "net" / "tcp6", table->second);
    }
    add_peers(process, table->second, ssh_ports, out);
  }
  return out;
}

}  // namespace probewall
