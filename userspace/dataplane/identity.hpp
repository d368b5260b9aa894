// SPDX-License-Identifier: Apache-2.0
// Tells our own programs from other people's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "probewall/result.hpp"

namespace probewall {

struct ProgramInfo {
  std::uint32_t id = 0;
  std::string name;
  std::string tag;  ///< 16 hex digits
  std::vector<std::uint32_t> map_ids;
};
Result<ProgramInfo> program_info(std::uint32_t id);
/// "`name` (id 7, tag 0123456789abcdef); look at it with `bpftool prog show id 7`".
std::string describe(const ProgramInfo& program);

/// The maps pinned in one directory. A program is ours when it has our name and uses one of them,
/// so that an instance with other pins counts as a stranger.
class Identity {
 public:
  /// An absent directory gives an identity that owns nothing.
  static Result<Identity> of(const std::string& versioned_directory);
  bool owns(const ProgramInfo& program, std::string_view name) const;
  bool owns_id(std::uint32_t program_id, std::string_view name) const;
  /// The pin of a bpf_link that attaches program `program_id` to `ifindex`; "" when there is none.
  std::string link_pin(unsigned ifindex, std::uint32_t program_id) const;
  const std::vector<std::string>& link_pins() const { return link_pins_; }

 private:
  std::unordered_set<std::uint32_t> map_ids_;
  std::vector<std::string> link_pins_;
};

inline constexpr const char* kXdpProgram = "pw_xdp";
inline constexpr const char* kTcInProgram = "pw_tc_in";
inline constexpr const char* kTcOutProgram = "pw_tc_out";
inline constexpr const char* kLinkPinHead = "link_xdp_";

}  // namespace probewall
