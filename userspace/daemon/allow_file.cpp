// SPDX-License-Identifier: Apache-2.0
#include "daemon/allow_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "dataplane/unique_fd.hpp"

namespace probewall {

Result<std::vector<AllowFileEntry>> read_allow_file(const std::string& path) {
  std::ifstream file{path};
  if (!file) {
    if (errno == ENOENT) return std::vector<AllowFileEntry>{};
    return fail(errno, "read " + path);
  }
  std::vector<AllowFileEntry> entries;
  std::size_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const auto hash = line.find('#');
    const auto text = line.substr(0, hash);
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string::npos) continue;
    const auto last = text.find_last_not_of(" \t\r");
    const auto prefix = IpPrefix::parse(text.substr(first, last - first + 1));
    if (!prefix) {
      return fail(ExitStatus::kConfigInvalid,
                  path + ":" + std::to_string(number) +
                      ": not an address or prefix; correct or delete the line");
    }
    if (entries.size() == kMaxAllowFileEntries) return fail(E2BIG, "read " + path);
    const auto words =
        hash == std::string::npos ? std::string::npos : line.find_first_not_of(" \t", hash + 1);
    entries.push_back({*prefix, words == std::string::npos ? "" : line.substr(words)});
  }
  return entries;
}

namespace {

Result<void> write_fresh(const std::string& path, const std::string& text) {
  UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644)};
  if (!fd) return fail(errno, "write " + path);
  for (std::size_t done = 0; done < text.size();) {
    const auto n = ::write(fd.get(), text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return fail(errno, "write " + path);
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  if (fsync(fd.get()) != 0) return fail(errno, "flush " + path);
  return {};
}

}  // namespace

Result<void> write_allow_file(const std::string& path, const std::vector<AllowFileEntry>& entries) {
  std::string text = "# Written by probewalld; change it with probewall allow add|del.\n";
  for (const auto& e : entries) {
    text += e.prefix.to_string();
    if (!e.reason.empty()) text += " # " + e.reason;
    text += '\n';
  }
  const std::string fresh = path + ".new";
  unlink(fresh.c_str());  // of a daemon that died here
  if (auto written = write_fresh(fresh, text); !written) {
    unlink(fresh.c_str());  // it takes room that may be what is missing
    return written;
  }
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return fail(errno, "replace " + path);
  // The rename is durable only when the directory is.
  const auto parent = std::filesystem::path{path}.parent_path();
  const UniqueFd directory{::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory && fsync(directory.get()) != 0) return fail(errno, "flush " + parent.string());
  return {};
}

}  // namespace probewall
