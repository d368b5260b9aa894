// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "core/http/chunk_decoder.hpp"
#include "core/http/request_parser.hpp"

namespace probewall {
namespace {

using Kind = BodyFraming::Kind;
constexpr HashSecret kSecret{};

RequestHead head_with(const std::string& headers) {
  return parse_request_head("POST / HTTP/1.1\r\n" + headers + "\r\n", kSecret);
}

struct FramingCase {
  const char* what;
  const char* headers;
  Kind kind;
  std::uint64_t length;
  bool may_skip;
  bool odd;
  bool invalid;
};
std::ostream& operator<<(std::ostream& out, const FramingCase& c) { return out << c.what; }

class Framing : public ::testing::TestWithParam<FramingCase> {};

TEST_P(Framing, FollowsWhatALenientServerWouldDo) {
  const FramingCase& c = GetParam();
  const RequestHead head = head_with(c.headers);
  const BodyFraming f = body_framing(head);
  EXPECT_EQ(f.kind, c.kind);
  EXPECT_EQ(f.length, c.length);
  EXPECT_EQ(f.may_skip, c.may_skip);
  EXPECT_EQ(head.odd, c.odd);
  EXPECT_EQ(head.content_length_invalid, c.invalid);
}

INSTANTIATE_TEST_SUITE_P(
    Headers, Framing,
    ::testing::Values(
        FramingCase{"none", "", Kind::kNone, 0, false, false, false},
        FramingCase{"length", "Content-Length: 5\r\n", Kind::kLength, 5, true, false, false},
        FramingCase{"length zero", "Content-Length: 0\r\n", Kind::kNone, 0, false, false, false},
        FramingCase{"lower case", "content-length:5\r\n", Kind::kLength, 5, true, false, false},
        FramingCase{"same twice", "Content-Length: 5\r\nContent-Length: 5\r\n", Kind::kLength, 5,
                    false, true, false},
        FramingCase{"list", "Content-Length: 5, 5\r\n", Kind::kLength, 5, false, true, false},
        FramingCase{"two different", "Content-Length: 5\r\nContent-Length: 6\r\n", Kind::kLength, 5,
                    false, true, true},
        FramingCase{"plus sign", "Content-Length: +5\r\n", Kind::kLength, 5, false, true, true},
        FramingCase{"trailing text", "Content-Length: 5abc\r\n", Kind::kLength, 5, false, true,
                    true},
        FramingCase{"negative", "Content-Length: -5\r\n", Kind::kNone, 0, false, true, true},
        FramingCase{"too large", "Content-Length: 99999999999999999999\r\n", Kind::kNone, 0, false,
                    true, true},
        FramingCase{"empty", "Content-Length:\r\n", Kind::kNone, 0, false, true, true},
        FramingCase{"chunked", "Transfer-Encoding: chunked\r\n", Kind::kChunked, 0, false, false,
                    false},
        FramingCase{"Chunked", "Transfer-Encoding: CHUNKED\r\n", Kind::kChunked, 0, false, false,
                    false},
        FramingCase{"gzip, chunked", "Transfer-Encoding: gzip, chunked\r\n", Kind::kChunked, 0,
                    false, true, false},
        FramingCase{"both", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Kind::kChunked,
                    0, false, true, false},
        FramingCase{"chunked not last", "Content-Length: 5\r\nTransfer-Encoding: chunked, x\r\n",
                    Kind::kLength, 5, false, true, false},
        FramingCase{"xchunked", "Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n",
                    Kind::kLength, 5, false, true, false}));

TEST(Framing, CountsHeadersBeyondTheOnesKept) {
  std::string headers;
  for (int i = 0; i < 300; ++i) headers += "X: y\r\n";
  const RequestHead head = head_with(headers + "Content-Length: 9\r\n");
  EXPECT_EQ(head.headers.size(), kMaxHeaders);
  EXPECT_EQ(body_framing(head).length, 9u);
}

struct ChunkCase {
  const char* what;
  std::string text;
  ChunkDecoder::Result result;
  std::string data;
  std::string left;
};
std::ostream& operator<<(std::ostream& out, const ChunkCase& c) { return out << c.what; }

class Chunks : public ::testing::TestWithParam<ChunkCase> {};

/// Decodes `pieces` of a text; stops at the first final result.
ChunkDecoder::Result decode(std::string_view text, std::size_t piece, std::string& data,
                            std::string& left) {
  ChunkDecoder d;
  data.clear();
  auto result = ChunkDecoder::Result::kMore;
  while (!text.empty() && result == ChunkDecoder::Result::kMore) {
    std::string_view part = text.substr(0, piece);
    const std::size_t before = part.size();
    result = d.feed(part, [&](std::string_view bytes) {
      data += bytes;
      return true;
    });
    text.remove_prefix(before - part.size());
  }
  left = text;
  return result;
}

TEST_P(Chunks, DecodeTheSameInPiecesOfAnySize) {
  const ChunkCase& c = GetParam();
  for (std::size_t piece = 1; piece <= c.text.size(); ++piece) {
    std::string data, left;
    ASSERT_EQ(decode(c.text, piece, data, left), c.result) << piece;
    if (c.result != ChunkDecoder::Result::kInvalid) {
      EXPECT_EQ(data, c.data) << piece;
      EXPECT_EQ(left, c.left) << piece;
    }
  }
}

using R = ChunkDecoder::Result;
INSTANTIATE_TEST_SUITE_P(
    Bodies, Chunks,
    ::testing::Values(
        ChunkCase{"one", "5\r\nhello\r\n0\r\n\r\nGET", R::kDone, "hello", "GET"},
        ChunkCase{"two", "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", R::kDone, "hello", ""},
        ChunkCase{"bare LF", "5\nhello\n0\n\n", R::kDone, "hello", ""},
        ChunkCase{"extension", "5;a=\"b\"\r\nhello\r\n0;x\r\n\r\n", R::kDone, "hello", ""},
        ChunkCase{"trailers", "1\r\na\r\n0\r\nX: 1\r\nY: 2\r\n\r\nrest", R::kDone, "a", "rest"},
        ChunkCase{"upper-case hex", "A\r\n0123456789\r\n0\r\n\r\n", R::kDone, "0123456789", ""},
        ChunkCase{"leading zeros", "0005\r\nhello\r\n000\r\n\r\n", R::kDone, "hello", ""},
        ChunkCase{"space after size", "5 \r\nhello\r\n0\r\n\r\n", R::kDone, "hello", ""},
        ChunkCase{"unfinished", "5\r\nhel", R::kMore, "hel", ""},
        ChunkCase{"no size", "\r\nhello", R::kInvalid, "", ""},
        ChunkCase{"not hex", "xyz\r\n", R::kInvalid, "", ""},
        ChunkCase{"size overflow", "11112222333344445\r\n", R::kInvalid, "", ""},
        ChunkCase{"data longer than its size", "2\r\nhello\r\n", R::kInvalid, "", ""}));

TEST(Chunks, UncapturedDataInsideAChunkIsPassedOver) {
  ChunkDecoder d;
  std::string data;
  const auto keep = [&](std::string_view b) {
    data += b;
    return true;
  };
  std::string_view first = "a\r\n01";
  ASSERT_EQ(d.feed(first, keep), R::kMore);
  ASSERT_EQ(d.data_left(), 8u);
  d.skip_data(8);
  std::string_view rest = "\r\n0\r\n\r\n";
  EXPECT_EQ(d.feed(rest, keep), R::kDone);
  EXPECT_EQ(data, "01");
}

}  // namespace
}  // namespace probewall
