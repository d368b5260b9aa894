// SPDX-License-Identifier: Apache-2.0
#include "dataplane/pin_list.hpp"

#include <algorithm>
#include <filesystem>

#include "dataplane/dataplane.hpp"
#include "dataplane/identity.hpp"
#include "dataplane/preflight.hpp"

namespace probewall {

namespace fs = std::filesystem;

Result<PinList> list_pins(const std::string& versioned_directory) {
  PinList out;
  std::error_code ec;
  fs::directory_iterator it{versioned_directory, ec};
  if (ec == std::errc::no_such_file_or_directory) return out;
  if (ec == std::errc::permission_denied) {
    return fail(ExitStatus::kPermission,
                versioned_directory + " can be read by root only: use sudo");
  }
  if (ec) return fail(ec.value(), "read " + versioned_directory);
  for (const fs::directory_iterator end; !ec && it != end; it.increment(ec)) {
    const auto name = it->path().filename().native();
    std::error_code ignored;
    const bool own = (name.starts_with("pw_") || name.starts_with(kLinkPinHead)) &&
                     it->symlink_status(ignored).type() == fs::file_type::regular;
    (own ? out.own : out.foreign).push_back(it->path());
  }
  if (ec) return fail(ec.value(), "read " + versioned_directory);
  std::sort(out.foreign.begin(), out.foreign.end());
  return out;
}

std::string foreign_pins(const std::string& pin_directory) {
  const auto pins = list_pins(versioned(pin_directory));
  std::string text;
  if (!pins) return text;
  for (const auto& path : pins->foreign) {
    text += text.empty() ? "" : ", ";
    for (const char c : path) text += c > ' ' && c < 0x7f ? c : '?';
  }
  return text.empty() ? text : "not Probewall's, left alone: " + text;
}

}  // namespace probewall
