// SPDX-License-Identifier: Apache-2.0
#include "probewall/allow_reason.hpp"

#include <utility>

#include "probewall/abi/maps.h"

namespace probewall {

std::string describe_allow_reason(std::uint8_t reason) {
  static constexpr std::pair<std::uint8_t, const char*> kWords[] = {
      {PW_ALLOW_OWN_ADDRESS, "own address"},
      {PW_ALLOW_GATEWAY, "default gateway"},
      {PW_ALLOW_DNS, "DNS server"},
      {PW_ALLOW_TRUSTED_PROXY, "trusted proxy"},
      {PW_ALLOW_FLEET, "fleet engine"},
      {PW_ALLOW_OPERATOR, "operator's allow list"},
      {PW_ALLOW_SSH_PEER, "logged-in SSH peer"},
      {PW_ALLOW_CONFIG, "allow list of the configuration"}};
  std::string text;
  for (const auto& [bit, word] : kWords) {
    if ((reason & bit) == 0) continue;
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

}  // namespace probewall
