// SPDX-License-Identifier: Apache-2.0
#include "cli/orientation.hpp"

#include <algorithm>
#include <string_view>

namespace probewall {
namespace {

constexpr std::size_t kSlots = 1u << 17;
constexpr std::size_t kWays = 4;  ///< slots of a set: a new connection takes the oldest one's place
constexpr std::size_t kMaxMethod = 20;

bool begins_with_request_line(std::string_view text) {
  const std::size_t space = text.substr(0, kMaxMethod + 1).find(' ');
  if (space == std::string_view::npos || space < 3 || space + 1 >= text.size()) return false;
  const auto upper = [](char c) { return (c >= 'A' && c <= 'Z') || c == '-' || c == '_'; };
  const char next = text[space + 1];
  return std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(space), upper) &&
         (next == '/' || next == '*' || next == 'h' || next == 'H');
}

bool begins_with_status_line(std::string_view text) { return text.substr(0, 5) == "HTTP/"; }

/// Both directions of a connection give the same hash.
std::uint64_t connection_hash(const PacketView& p, bool src_is_low) {
  if (src_is_low) return hash_flow({p.src, p.dst, p.src_port, p.dst_port});
  return hash_flow({p.dst, p.src, p.dst_port, p.src_port});
}

}  // namespace

Orientation::Orientation(const std::vector<pw_port>& ports, bool all) {
  for (std::size_t port = 0; port < ports.size(); ++port) {
    const bool wanted = all || (ports[port].flags & (PW_PORT_LLM | PW_PORT_DECOY)) != 0;
    if (wanted) judged_[port / 64] |= std::uint64_t{1} << port % 64;
  }
}

Direction Orientation::of(const PacketView& packet) {
  const bool to_judged = judged(packet.dst_port);
  const bool from_judged = judged(packet.src_port);
  if (to_judged && from_judged) return of_ambiguous(packet);
  if (to_judged) return Direction::kFromClient;
  return from_judged ? Direction::kFromServer : Direction::kNotOurs;
}

Orientation::Slot& Orientation::slot_for(std::uint64_t hash, std::uint64_t tag) {
  Slot* const set = &slots_[(hash >> 32) % (kSlots / kWays) * kWays];
  ++clock_;
  Slot* oldest = set;
  for (Slot* slot = set; slot != set + kWays; ++slot) {
    if (slot->tag == tag) {
      slot->used = clock_;
      return *slot;
    }
    if (clock_ - slot->used > clock_ - oldest->used) oldest = slot;
  }
  return *oldest;
}

Direction Orientation::of_ambiguous(const PacketView& p) {
  if (slots_.empty()) slots_.resize(kSlots);
  const auto order = p.src <=> p.dst;
  const bool src_is_low = order == 0 ? p.src_port < p.dst_port : order < 0;
  const std::uint64_t hash = connection_hash(p, src_is_low);
  const std::uint64_t tag = hash | 1;  // 0 is an empty slot
  Slot& slot = slot_for(hash, tag);
  const auto remember = [&](bool src_is_client, bool handshake) {
    slot = {tag, clock_, src_is_client == src_is_low, handshake};
    return src_is_client ? Direction::kFromClient : Direction::kFromServer;
  };
  const bool known = slot.tag == tag;
  // A SYN says who the client is, but anyone can forge one: it does not turn a connection round
  // whose server has answered. The server's SYN-ACK says it for good.
  if (p.has(tcp_flag::kSyn)) {
    const bool answered = known && slot.from_handshake;
    if (p.has(tcp_flag::kAck)) return remember(false, true);
    if (!answered) return remember(true, false);
  } else if (!known) {
    const std::string_view text = as_text(p.payload);
    if (begins_with_request_line(text)) return remember(true, false);
    if (begins_with_status_line(text)) return remember(false, false);
    return Direction::kNotOurs;
  }
  return slot.client_is_low == src_is_low ? Direction::kFromClient : Direction::kFromServer;
}

}  // namespace probewall
