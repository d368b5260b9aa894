// SPDX-License-Identifier: Apache-2.0
#include "core/rules/pattern_db.hpp"

#include <fmt/format.h>
#include <hs.h>

#include <cassert>
#include <cstdlib>

#include "core/rules/prebuilt.hpp"

namespace probewall::rules {
namespace {

/// Scanned text is bounded by the capture cap (8 KiB), so 64 KiB is never reached by honest use.
constexpr std::size_t kMaxScan = 65536;

int on_match(unsigned id, unsigned long long, unsigned long long, unsigned, void* context) {
  static_cast<std::vector<std::uint32_t>*>(context)->push_back(id);
  return 0;
}

int stop_at_match(unsigned, unsigned long long, unsigned long long, unsigned, void*) { return 1; }

}  // namespace

void HsDatabaseDeleter::operator()(hs_database* db) const { hs_free_database(db); }
void HsScratchDeleter::operator()(hs_scratch* scratch) const { hs_free_scratch(scratch); }

std::string pattern_to_regex(std::string_view pattern, bool whole) {
  if (pattern.starts_with("re:")) return std::string{pattern.substr(3)};
  std::string out = whole ? "^" : "";
  for (const char c : pattern) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                       (byte >= 'A' && byte <= 'Z') || byte == '/' || byte == '_' || byte == '-';
    if (c == '*') {
      out += ".*";
    } else if (plain) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", byte);
    }
  }
  if (whole) out += "$";
  return out;
}

bool PatternDatabase::compile(const std::vector<std::string>& regexes, Bad* bad, Target target,
                              Lines lines) {
  db_.reset();
  if (regexes.empty()) return true;
  std::vector<const char*> expressions;
  const unsigned flag = HS_FLAG_CASELESS | HS_FLAG_DOTALL | HS_FLAG_SINGLEMATCH |
                        (lines == Lines::kMany ? HS_FLAG_MULTILINE : 0u);
  std::vector<unsigned> flags(regexes.size(), flag);
  std::vector<unsigned> ids;
  for (const std::string& regex : regexes) {
    ids.push_back(static_cast<unsigned>(expressions.size()));
    expressions.push_back(regex.c_str());
  }
  hs_database_t* db = nullptr;
  hs_compile_error_t* error = nullptr;
  // A platform without named features is the oldest processor the library runs on.
  const hs_platform_info_t any_machine{HS_TUNE_FAMILY_GENERIC, 0, 0, 0};
  if (hs_compile_multi(expressions.data(), flags.data(), ids.data(),
                       static_cast<unsigned>(regexes.size()), HS_MODE_BLOCK,
                       target == Target::kAnyMachine ? &any_machine : nullptr, &db,
                       &error) != HS_SUCCESS) {
    bad->index = error->expression < 0 ? 0 : static_cast<std::size_t>(error->expression);
    bad->message = error->message;
    hs_free_compile_error(error);
    return false;
  }
  db_.reset(db);
  return true;
}

bool PatternDatabase::take_prebuilt(const std::vector<std::string>& regexes, Lines lines) {
  if (regexes.empty()) return false;
  const std::string_view bytes = find_prebuilt(prebuilt_key(regexes, lines));
  hs_database_t* db = nullptr;
  if (bytes.empty() || hs_deserialize_database(bytes.data(), bytes.size(), &db) != HS_SUCCESS) {
    return false;
  }
  db_.reset(db);
  return true;
}

std::string PatternDatabase::serialise() const {
  char* bytes = nullptr;
  std::size_t size = 0;
  if (empty() || hs_serialize_database(db_.get(), &bytes, &size) != HS_SUCCESS) return {};
  std::string out{bytes, size};
  std::free(bytes);  // the library's default allocator is malloc
  return out;
}

void PatternDatabase::reserve(HsScratch& scratch) const {
  if (empty()) return;
  hs_scratch_t* raw = scratch.release();
  [[maybe_unused]] const hs_error_t rc = hs_alloc_scratch(db_.get(), &raw);
  assert(rc == HS_SUCCESS);  // only lack of memory fails here
  scratch.reset(raw);
}

void PatternDatabase::scan(std::string_view text, hs_scratch* scratch,
                           std::vector<std::uint32_t>& matched) const {
  if (empty() || text.empty()) return;
  const auto size = static_cast<unsigned>(std::min(text.size(), kMaxScan));
  hs_scan(db_.get(), text.data(), size, 0, scratch, on_match, &matched);
}

bool PatternDatabase::matches(std::string_view text, hs_scratch* scratch) const {
  if (empty() || text.empty()) return false;
  const auto size = static_cast<unsigned>(std::min(text.size(), kMaxScan));
  return hs_scan(db_.get(), text.data(), size, 0, scratch, stop_at_match, nullptr) ==
         HS_SCAN_TERMINATED;
}

}  // namespace probewall::rules
