// SPDX-License-Identifier: Apache-2.0
// Pattern sets of one subject, compiled into one Vectorscan database.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct hs_database;
struct hs_scratch;

namespace probewall::rules {

struct HsDatabaseDeleter {
  void operator()(hs_database* db) const;
};
struct HsScratchDeleter {
  void operator()(hs_scratch* scratch) const;
};
using HsScratch = std::unique_ptr<hs_scratch, HsScratchDeleter>;

/// The regular expression for one line of a pattern list: "re:EXPR" is EXPR itself, anything else
/// is literal text with `*` for any run of bytes. `whole`: must cover the whole subject.
std::string pattern_to_regex(std::string_view pattern, bool whole);

class PatternDatabase {
 public:
  struct Bad {
    std::size_t index = 0;  ///< of the expression that does not compile
    std::string message;
  };

  /// Which processors the database is made for.
  enum class Target : std::uint8_t { kThisMachine, kAnyMachine };
  /// kMany: `^` and `$` hold at every line's beginning and end.
  enum class Lines : std::uint8_t { kOne, kMany };

  /// Ids given out by scan() are indexes into `regexes`. All match without case, `.` any byte.
  /// Returns false and fills `bad` when one does not compile.
  bool compile(const std::vector<std::string>& regexes, Bad* bad,
               Target target = Target::kThisMachine, Lines lines = Lines::kOne);
  /// Takes the database that the build made of `regexes`; false when there is none, or none that
  /// this machine and library can use.
  bool take_prebuilt(const std::vector<std::string>& regexes, Lines lines = Lines::kOne);
  std::string serialise() const;  ///< "" when empty()
  bool empty() const { return db_ == nullptr; }
  /// Grows `scratch` until it serves this database too. One scratch per thread.
  void reserve(HsScratch& scratch) const;
  /// Appends the indexes of all expressions that match `text`, each once, to `matched`.
  void scan(std::string_view text, hs_scratch* scratch, std::vector<std::uint32_t>& matched) const;
  /// Whether any expression matches.
  bool matches(std::string_view text, hs_scratch* scratch) const;

 private:
  std::unique_ptr<hs_database, HsDatabaseDeleter> db_;
};

}  // namespace probewall::rules
