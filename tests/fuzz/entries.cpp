// SPDX-License-Identifier: Apache-2.0
#include "fuzz/entries.hpp"

#include <algorithm>
#include <string>

#include "core/http/chunk_decoder.hpp"
#include "core/http/head_scanner.hpp"
#include "core/http/request_parser.hpp"
#include "core/http/shown_text.hpp"
#include "core/llm/classify.hpp"
#include "core/llm/fields_reader.hpp"
#include "core/llm/json_text.hpp"
#include "core/llm/refusal.hpp"
#include "core/rules/body_fields.hpp"

namespace probewall::fuzz {
namespace {

bool is_valid_utf8(const std::string& s) {
  std::string copy = s;
  make_valid_utf8(copy, s.size() + 1);
  return copy == s;
}

struct Decoded {
  std::string data;
  std::size_t used = 0;
  ChunkDecoder::Result result = ChunkDecoder::Result::kMore;
};

Decoded decode(std::string_view input, std::size_t piece) {
  ChunkDecoder d;
  Decoded out;
  while (out.used < input.size() && out.result == ChunkDecoder::Result::kMore) {
    std::string_view part = input.substr(out.used, piece);
    const std::size_t before = part.size();
    out.result = d.feed(part, [&](std::string_view bytes) {
      out.data += bytes;
      return true;
    });
    out.used += before - part.size();
  }
  return out;
}

/// Two ways to the same list.
bool same_fields(std::string_view body, const LlmFields& read) {
  for (const bool keep_prose : {false, true}) {
    rules::FieldList walked, known;
    rules::read_body_fields(body, walked, keep_prose);
    rules::read_known_fields(body, read.scalars, known, keep_prose);
    const auto equal = [](const rules::BodyField& a, const rules::BodyField& b) {
      return a.name == b.name && a.value == b.value && a.is_string == b.is_string;
    };
    if (!std::equal(walked.begin(), walked.end(), known.begin(), known.end(), equal)) return false;
  }
  return true;
}

}  // namespace

const char* fuzz_head(std::string_view input) {
  HeadScanner whole;
  const HeadStatus status = whole.scan(input);
  HeadScanner pieces;
  HeadStatus in_pieces = HeadStatus::kNeedMore;
  for (std::size_t n = 0; n <= input.size() && in_pieces == HeadStatus::kNeedMore; n += 3) {
    in_pieces = pieces.scan(input.substr(0, n));
  }
  if (in_pieces == HeadStatus::kNeedMore) in_pieces = pieces.scan(input);
  if (in_pieces != status) return "pieces are judged unlike the whole";
  if (status == HeadStatus::kOk && pieces.head_size() != whole.head_size())
    return "other head size";
  const auto text = status == HeadStatus::kOk ? input.substr(0, whole.head_size()) : input;
  const RequestHead head = parse_request_head(text, {});
  if (head.headers.size() > kMaxHeaders) return "too many headers";
  if (status == HeadStatus::kOk && (head.method.empty() || head.path.empty())) {
    return "accepted head without method or path";
  }
  if (head.content_length && head.content_length_invalid) return "length both valid and invalid";
  if (head.auth == AuthKind::kNone && !head.auth_hash.empty()) return "hash without key";
  const BodyFraming framing = body_framing(head);
  if (framing.may_skip && (head.transfer_encoding || !head.content_length)) return "unsafe skip";
  classify(head, {});
  asks_for_key(403, input, false);
  if (without_keys(input).size() > 2 * input.size()) return "cutting makes text longer";
  impl_of_answer(input);
  return nullptr;
}

const char* fuzz_json(std::string_view input) {
  const LlmFields f = read_llm_fields(input);
  if (f.complete && !f.is_json) return "complete without beginning";
  if (f.model.size() > 256 || f.user_text.size() > LlmFields::kTextBytes ||
      f.system_text.size() > LlmFields::kTextBytes || f.roles.size() > 64 || f.urls.size() > 8 ||
      f.top_keys.size() > 32) {
    return "a bound was passed";
  }
  if (!is_valid_utf8(f.model) || !is_valid_utf8(f.user_text) || !is_valid_utf8(f.system_text) ||
      !is_valid_utf8(f.rpc_method) || !is_valid_utf8(f.client_name)) {
    return "text is not UTF-8";
  }
  for (const auto& role : f.roles) {
    if (role.size() > 32 || !is_valid_utf8(role)) return "role";
  }
  if (f.scalars_known && !same_fields(input.substr(0, f.document_size), f)) {
    return "fields read in passing are others";
  }
  JsonEnd whole;
  const std::size_t end = whole.feed(input);
  JsonEnd pieces;
  std::size_t piece_end = JsonEnd::npos;
  for (std::size_t at = 0; at < input.size() && piece_end == JsonEnd::npos; at += 3) {
    piece_end = pieces.feed(input.substr(at, 3));
    if (piece_end != JsonEnd::npos) piece_end += at;
  }
  if (end != piece_end) return "document ends elsewhere in pieces";
  if (end == JsonEnd::npos) return nullptr;
  const LlmFields cut = read_llm_fields(input.substr(0, end));
  return cut.model == f.model && cut.user_text == f.user_text ? nullptr
                                                              : "bytes behind the end count";
}

const char* fuzz_chunks(std::string_view input) {
  const Decoded whole = decode(input, input.size() + 1);
  const Decoded bytes = decode(input, 1);
  if (whole.result != bytes.result || whole.used != bytes.used) return "pieces end elsewhere";
  return whole.data == bytes.data ? nullptr : "pieces give other data";
}

}  // namespace probewall::fuzz
