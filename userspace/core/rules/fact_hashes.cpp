// SPDX-License-Identifier: Apache-2.0
#include "core/rules/fact_hashes.hpp"

#include <cstring>

#include "core/http/text.hpp"

namespace probewall::rules {
namespace {

std::optional<std::uint32_t> hash_text(std::string_view text, std::uint64_t seed = 0) {
  if (text.empty()) return std::nullopt;
  return static_cast<std::uint32_t>(hash_bytes(text.data(), text.size(), seed + 7) >> 32);
}

constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ull;

/// Tells header names apart: their first and last eight bytes and their length.
std::uint64_t ends_of(std::string_view name) {
  std::uint64_t first = 0, last = 0;
  if (name.size() >= 8) {
    std::memcpy(&first, name.data(), 8);
    std::memcpy(&last, name.data() + name.size() - 8, 8);
  } else {
    for (const char c : name) first = first << 8 | static_cast<unsigned char>(c);
  }
  return fold_product(first ^ name.size() * kOdd, last ^ 0xff51afd7ed558ccdull);
}

}  // namespace

void FactHashes::begin(const Features& features) {
  features_ = &features;
  known_ = 0;
}

void FactHashes::keep_contents() {
  constexpr auto bit = [](FactValue kind) { return 1u << static_cast<unsigned>(kind); };
  known_ &= ~(bit(FactValue::kRequest) | bit(FactValue::kServer) | bit(FactValue::kPort) |
              bit(FactValue::kEndpoint));
}

std::optional<std::uint32_t> FactHashes::of_key(const Request& request) {
  return hash_text(request.head.auth_hash);
}

std::optional<std::uint32_t> FactHashes::value(FactValue kind) {
  const auto i = static_cast<std::size_t>(kind);
  if ((known_ >> i & 1) == 0) {
    known_ |= 1u << i;
    values_[i] = compute(kind);
  }
  return values_[i];
}

std::optional<std::uint32_t> FactHashes::compute(FactValue kind) {
  const Request& r = *features_->request;
  const auto address = [&] {
    return *hash_text({reinterpret_cast<const char*>(r.flow.server.bytes.data()), 16});
  };
  switch (kind) {
    case FactValue::kRequest:
      return static_cast<std::uint32_t>(r.id);
    case FactValue::kServer:
      return address();
    case FactValue::kPort:
      return r.flow.server_port;
    case FactValue::kEndpoint:
      return address() ^ (r.flow.server_port * 0x9e3779b9u);
    case FactValue::kPath:
      return hash_text(features_->path);
    case FactValue::kTarget:
      return hash_text(r.head.target, hash_text(r.head.method).value_or(0));
    case FactValue::kKey:
      // A session's changes by itself: who has many of these tries no keys.
      return r.head.session_key ? std::nullopt : of_key(r);
    case FactValue::kAuthStyle:
      return hash_text(auth_style(r));
    case FactValue::kModel:
      return hash_text(features_->model);
    case FactValue::kUserAgent:
      return hash_text(features_->user_agent);
    case FactValue::kPrompt:
      return hash_text(features_->prompt);
    case FactValue::kRpcMethod:
      return hash_text(r.llm.rpc_method);
    case FactValue::kBody:
      return hash_text(r.body_prefix);
    case FactValue::kHeaderShape:
      return header_shape();
    case FactValue::kUrlHost:
      return url_host();
    case FactValue::kLabel:
    case FactValue::kStatus:
    case FactValue::kCount:
      break;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> FactHashes::header_shape() const {
  const HeaderList& headers = features_->request->head.headers;
  if (headers.empty()) return std::nullopt;
  std::uint64_t h = headers.size();
  for (const HeaderView header : headers) h = fold_product(h ^ ends_of(header.name), kOdd);
  return static_cast<std::uint32_t>(h >> 32);
}

/// Host and port of the first URL in a field that is no prose.
std::optional<std::uint32_t> FactHashes::url_host() const {
  for (const BodyField& field : features_->fields) {
    const std::size_t scheme = field.value.find("://");
    if (is_prose(field.name) || scheme == std::string_view::npos || scheme > 6) continue;
    const std::string_view rest = field.value.substr(scheme + 3);
    return hash_text(rest.substr(0, find_any<'/', '?', '#'>(rest)));
  }
  return std::nullopt;
}

}  // namespace probewall::rules
