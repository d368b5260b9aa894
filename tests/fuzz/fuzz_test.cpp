// SPDX-License-Identifier: Apache-2.0
// Runs the fuzz entries over their corpus: each file, each of its prefixes, and random changes with
// a fixed seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz/entries.hpp"

namespace probewall::fuzz {
namespace {

struct Entry {
  const char* name;
  const char* (*run)(std::string_view);
};

class Parsers : public ::testing::TestWithParam<Entry> {
 protected:
  static std::vector<std::string> corpus() {
    std::vector<std::filesystem::path> files;
    for (const auto& f :
         std::filesystem::directory_iterator(std::string{FUZZ_CORPUS "/"} + GetParam().name)) {
      files.push_back(f.path());
    }
    std::sort(files.begin(), files.end());
    std::vector<std::string> texts;
    for (const auto& path : files) {
      std::ifstream in(path, std::ios::binary);
      texts.emplace_back(std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{});
    }
    return texts;
  }
  /// A copy at its exact size, so that a read past the end is seen by the sanitizer.
  static void expect_kept(std::string_view input) {
    const std::vector<char> exact(input.begin(), input.end());
    const char* broken = GetParam().run({exact.data(), exact.size()});
    ASSERT_EQ(broken, nullptr) << broken
                               << " with: " << ::testing::PrintToString(std::string{input});
  }
};

TEST_P(Parsers, KeepTheirPromisesOnEveryPrefixOfTheCorpus) {
  const auto texts = corpus();
  ASSERT_FALSE(texts.empty());
  for (const std::string& text : texts) {
    for (std::size_t n = 0; n <= text.size(); ++n) {
      ASSERT_NO_FATAL_FAILURE(expect_kept(std::string_view{text}.substr(0, n)));
    }
  }
}

TEST_P(Parsers, KeepTheirPromisesOnRandomChanges) {
  std::mt19937 random{20251230};
  const auto texts = corpus();
  for (const std::string& original : texts) {
    if (original.empty()) continue;
    for (int round = 0; round < 1500; ++round) {
      std::string text = original;
      for (unsigned changes = 1 + random() % 6; changes > 0; --changes) {
        const std::size_t at = random() % text.size();
        switch (random() % 4) {
          case 0:
            text[at] = static_cast<char>(random());
            break;
          case 1:
            text[at] = static_cast<char>(text[at] ^ (1 << random() % 8));
            break;
          case 2:
            text.insert(at, text.substr(random() % text.size(), random() % 40));
            break;
          default:
            text.erase(at, random() % 8);
            if (text.empty()) text = original;
            break;
        }
      }
      ASSERT_NO_FATAL_FAILURE(expect_kept(text));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Entries, Parsers,
                         ::testing::Values(Entry{"head", fuzz_head}, Entry{"json", fuzz_json},
                                           Entry{"chunks", fuzz_chunks},
                                           Entry{"stream", fuzz_stream},
                                           Entry{"records", fuzz_records},
                                           Entry{"http2", fuzz_http2}),
                         [](const auto& param_info) { return std::string{param_info.param.name}; });

}  // namespace
}  // namespace probewall::fuzz
