// SPDX-License-Identifier: Apache-2.0
#include "core/http/key_hash.hpp"

#include <bit>
#include <cstddef>

namespace probewall {
namespace {

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void absorb(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

/// Little endian by definition of SipHash, whatever the host is.
template <typename Byte>
std::uint64_t load_le(const Byte* p, std::size_t n) {
  std::uint64_t w = 0;
  for (std::size_t i = 0; i < n; ++i)
    w |= std::uint64_t{static_cast<std::uint8_t>(p[i])} << (8 * i);
  return w;
}

}  // namespace

std::uint64_t sip_hash(std::string_view text, const HashSecret& secret) {
  const std::uint64_t k0 = load_le(secret.data(), 8);
  const std::uint64_t k1 = load_le(secret.data() + 8, 8);
  SipState s{k0 ^ 0x736f6d6570736575ull, k1 ^ 0x646f72616e646f6dull, k0 ^ 0x6c7967656e657261ull,
             k1 ^ 0x7465646279746573ull};
  const std::uint64_t last = std::uint64_t{text.size() & 0xff} << 56;
  while (text.size() >= 8) {
    s.absorb(load_le(text.data(), 8));
    text.remove_prefix(8);
  }
  s.absorb(last | load_le(text.data(), text.size()));
  s.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) s.round();
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

std::string key_hash(std::string_view key, const HashSecret& secret) {
  if (key.empty()) return {};
  constexpr char kHex[] = "0123456789abcdef";
  const std::uint64_t h = sip_hash(key, secret);
  std::string out(16, '0');
  for (std::size_t i = 0; i < 16; ++i) out[i] = kHex[(h >> (60 - 4 * i)) & 15];
  return out;
}

}  // namespace probewall
