// SPDX-License-Identifier: Apache-2.0
// Keys in odd places are cut before anything is shown; what looks like one and is none stays.
#include "core/http/shown_text.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace probewall {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string host(std::string_view text) {
  std::string scratch;
  return std::string{host_without_keys(text, scratch)};
}

void expect_cut(const Pairs& pairs) {
  for (const auto& [text, shown] : pairs) {
    EXPECT_EQ(without_keys(text), shown) << text;
    EXPECT_EQ(without_keys("x " + text), "x " + shown) << text;
    EXPECT_EQ(without_keys(text + " and so on, at some length"),
              shown + " and so on, at some length")
        << text;
  }
}

TEST(ShownText, CutsKeysOfKnownMakers) {
  expect_cut({
      {"sk-prod-7f3a9c1e5b2d8f40", "sk-…"},
      {"sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz", "sk-…"},
      {"sk_live_51H8a9sdKJH2l3k4j5", "sk_…"},
      {"sk-ant-api03-Zx9y8W7v-6U5t4S3r", "sk-…"},
      {"AIzaSyA1234567890abcdefghijklmnopqrstu", "AIza…"},
      {"hf_abcdefABCDEF0123456789xyzXYZ012345", "hf_…"},
      {"gsk_A1b2C3d4E5f6G7h8I9j0K1l2M3n4", "gsk_…"},
      {"xai-A1b2C3d4E5f6G7h8I9j0K1l2M3n4", "xai-…"},
      {"nvapi-A1b2C3d4E5f6G7h8-I9j0K1l2M3n4", "nvapi-…"},
      {"ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8", "ghp_…"},
      {"github_pat_11ABCDE0Y0aBcDeFgHiJkL_mNoPq", "github_pat_…"},
      {"AKIAIOSFODNN7EXAMPLE", "AKIA…"},
      {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P", "eyJ…"},
      {"eyJhbGciOiJIUzI1NiJ9.e30.x", "eyJ…"},
  });
}

TEST(ShownText, CutsWhatFollowsAWordForKeys) {
  expect_cut({
      {"Bearer 7f3a9c1e5b2d8f40", "Bearer …"},
      {"Authorization: Bearer secretword", "Authorization: Bearer …"},
      {"authorization: bearer secretword", "authorization: bearer …"},
      {"Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic …"},
      {R"("Authorization": "Bearer secretword")", R"("Authorization": "Bearer …")"},
      {"authorization%3A%20Bearer%20secretword", "authorization%3A%20Bearer%20…"},
  });
}

TEST(ShownText, CutsKeysInAddresses) {
  expect_cut({
      {"/v1/models%3Fkey=K", "/v1/models%3Fkey=…"},
      {"/v1/models%3fapi_key%3DK", "/v1/models%3fapi_key%3D…"},
      {"/v1/models;key=K", "/v1/models;key=…"},
      {"/v1/models;a=b;token=K&b=1", "/v1/models;a=b;token=…&b=1"},
      {"/key/sk-7f3a9c1e5b2d8f40/info", "/key/sk-…/info"},
      {"/mcp/sk-7f3a9c1e5b2d8f40/sse", "/mcp/sk-…/sse"},
      {"/key%2Fsk-7f3a9c1e5b2d8f40%2Finfo", "/key%2Fsk-…%2Finfo"},
      {"https://bob:hunter2@example.org/x", "https://bob:…@example.org/x"},
  });
  EXPECT_EQ(host("u:K@h"), "u:…@h");
  EXPECT_EQ(host("K@h:80"), "…@h:80");
  EXPECT_EQ(host("sk-7f3a9c1e5b2d8f40.example.org"), "sk-….example.org");
}

TEST(ShownText, CutsEveryKeyOfAText) {
  EXPECT_EQ(without_keys("a sk-7f3a9c1e5b2d8f40 b hf_abcdefABCDEF0123456789 c ?key=K"),
            "a sk-… b hf_… c ?key=…");
}

TEST(ShownText, LeavesWordsIdsAndModels) {
  for (const char* text : {"",
                           "-",
                           "=",
                           "@",
                           "z",
                           "J",
                           "K",
                           "%",
                           "sk-",
                           "sk-learn",
                           "sk-learn-contrib pipelines",
                           "scikit-learn and sk-learn 0.24",
                           "sk-1234",
                           "task-0123456789abcdef0123",
                           "disk-7f3a9c1e5b2d8f40",
                           "hf_hub_download",
                           "hf_transfer",
                           "hf_mistral7b_instruct",
                           "gpt-4o-mini-2024-07-18",
                           "claude-3-5-sonnet-20241022",
                           "deepseek-r1:14b",
                           "Qwen/Qwen2.5-Coder-7B-Instruct-GGUF",
                           "meta-llama/Llama-3.1-70B-Instruct",
                           "chatcmpl-9xYzAbCdEfGhIjKl",
                           "call_a1b2c3d4e5f6g7h8",
                           "req_01AbCdEfGh",
                           "bob@example.com",
                           "the bearer of bad news",
                           "Bearer authentication is required",
                           "standard-bearer",
                           "Authorization: required",
                           "about authorization and organization",
                           "sorted(a, key=len)",
                           "max_tokens=4096&tokenizer=bpe",
                           "token=tokenizer",
                           "primary_key=True",
                           "?monkey=1",
                           "eyJhbGciOiJIUzI1NiJ9 is base64",
                           "7b1f1c0e-6a43-4a0e-9d2f-560992348896",
                           "AKIA",
                           "AIza is a prefix",
                           "AKIAnanas2000times",
                           "/v1/models/key/info",
                           "a_b-c=d%20e",
                           "git@github.com:user/repo.git",
                           "https://example.org/a:b@c",
                           "Mozilla/5.0 (X11; Linux)"}) {
    std::string scratch;
    const std::string_view kept = without_keys(text, scratch);
    EXPECT_EQ(kept, text);
    EXPECT_EQ(kept.size(), std::string_view{text}.size());
  }
}

TEST(ShownText, FindsAKeyAtEveryOffset) {
  for (std::size_t before = 0; before < 70; ++before) {
    const std::string pad(before, ' ');
    EXPECT_EQ(without_keys(pad + "Bearer 7f3a9c1e5b2d8f40"), pad + "Bearer …") << before;
    EXPECT_EQ(without_keys(pad + "sk-7f3a9c1e5b2d8f40" + pad), pad + "sk-…" + pad) << before;
    EXPECT_EQ(without_keys(pad + "AKIAIOSFODNN7EXAMPLE"), pad + "AKIA…") << before;
    EXPECT_EQ(without_keys(pad), pad) << before;
  }
}

TEST(ShownText, AnyCutOfAKeyShowsNoMoreThanItsBeginning) {
  const std::string key = "sk-7f3a9c1e5b2d8f407f3a9c1e5b2d8f40";
  for (std::size_t size = 3 + 8; size <= key.size(); ++size)
    EXPECT_EQ(without_keys(key.substr(0, size)), "sk-…") << size;
}

}  // namespace
}  // namespace probewall
