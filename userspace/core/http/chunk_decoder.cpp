// SPDX-License-Identifier: Apache-2.0
#include "core/http/chunk_decoder.hpp"

namespace probewall {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

ChunkDecoder::Result ChunkDecoder::end_of_size() {
  state_ = left_ == 0 ? State::kTrailer : State::kData;
  digits_ = 0;
  line_has_text_ = false;
  return Result::kMore;
}

ChunkDecoder::Result ChunkDecoder::step(char c) {
  switch (state_) {
    case State::kSize: {
      if (const int v = hex_value(c); v >= 0) {
        // Leading zeros are free for some servers; 16 digits already hold any 64-bit size.
        if (left_ >> 60 != 0 || digits_ == 255) return Result::kInvalid;
        left_ = left_ * 16 + static_cast<unsigned>(v);
        ++digits_;
        return Result::kMore;
      }
      if (digits_ == 0) return c == ' ' || c == '\t' ? Result::kMore : Result::kInvalid;
      if (c == '\n') return end_of_size();
      if (c != ';' && c != ' ' && c != '\t' && c != '\r') return Result::kInvalid;
      state_ = State::kExtension;
      return Result::kMore;
    }
    case State::kExtension:
      return c == '\n' ? end_of_size() : Result::kMore;
    case State::kDataEnd:
      if (c == '\n') {
        state_ = State::kSize;
        return Result::kMore;
      }
      return c == '\r' ? Result::kMore : Result::kInvalid;
    case State::kTrailer:
      if (c == '\n') {
        if (!line_has_text_) return Result::kDone;
        line_has_text_ = false;
      } else if (c != '\r') {
        line_has_text_ = true;
      }
      return Result::kMore;
    case State::kData:
      break;
  }
  return Result::kInvalid;
}

}  // namespace probewall
