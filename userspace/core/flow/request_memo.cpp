// SPDX-License-Identifier: Apache-2.0
#include "core/flow/request_memo.hpp"

#include "probewall/ip.hpp"

namespace probewall {

const RequestMemo::Reading* RequestMemo::find(std::string_view head, std::string_view body) {
  hash_ = 0;
  if (head.size() + body.size() > kMaxBytes) return nullptr;
  hash_ = hash_bytes(body.data(), body.size(), hash_bytes(head.data(), head.size())) | 1;
  if (places_.empty()) return nullptr;
  const Place& place = places_[(hash_ >> 32) % kPlaces];
  return place.head == head && place.body == body && place.reading.content != 0 ? &place.reading
                                                                                : nullptr;
}

std::uint64_t RequestMemo::keep(std::string_view head, std::string_view body, const LlmFields& llm,
                                Classified kind) {
  if (hash_ == 0) return 0;
  std::uint32_t& seen = seen_[(hash_ >> 32) % kSeen];
  const auto tag = static_cast<std::uint32_t>(hash_);
  if (seen != tag) {
    seen = tag;
    return 0;
  }
  if (places_.empty()) places_.resize(kPlaces);
  Place& place = places_[(hash_ >> 32) % kPlaces];
  place.head = head;
  place.body = body;
  place.reading.llm = llm;
  place.reading.kind = kind;
  return place.reading.content = ++contents_;
}

}  // namespace probewall
