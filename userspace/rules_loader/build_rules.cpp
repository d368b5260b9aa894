// SPDX-License-Identifier: Apache-2.0
// Runs during the build: compiles the rule files once and writes what prebuilt.hpp describes.
//     build_rules OUT.bin RULES-DIRECTORY
// A mistake in a shipped rule file stops the build here, with file, line and what to do.
#include <cstdio>
#include <fstream>

#include "core/rules/compiler.hpp"
#include "core/rules/prebuilt.hpp"
#include "rules_loader/rule_files.hpp"

namespace probewall::rules {

std::string_view prebuilt_blob() { return {}; }

namespace {

int run(const std::string& out, const std::string& directory) {
  const auto files = read_rule_files(directory);
  if (!files) throw CompileError{files.error().message};
  std::string blob;
  for (const RuleText& file : *files) {
    append_prebuilt(blob, prebuilt_key(file.text), pack_tree(read_yaml(file)));
  }
  Compiler compiler;
  const auto compiled = compiler.compile(*files, {}, {}, PatternDatabase::Target::kAnyMachine);
  for (std::size_t s = 0; s < kSubjects; ++s) {
    using Lines = PatternDatabase::Lines;
    const std::vector<std::string>& regexes = compiler.regexes()[s];
    const SubjectPatterns& subject = compiled->subjects[s];
    if (!subject.db.empty()) {
      append_prebuilt(blob, prebuilt_key(regexes, Lines::kOne), subject.db.serialise());
    }
    if (!subject.joined.empty()) {
      append_prebuilt(blob, prebuilt_key(regexes, Lines::kMany), subject.joined.serialise());
    }
  }
  std::ofstream file(out, std::ios::binary);
  file << blob;
  file.close();
  if (!file) throw CompileError{out + ": cannot be written"};
  return 0;
}

}  // namespace
}  // namespace probewall::rules

int main(int argc, char** argv) {
  try {
    if (argc != 3)
      throw probewall::rules::CompileError{"usage: build_rules OUT.bin RULES-DIRECTORY"};
    return probewall::rules::run(argv[1], argv[2]);
  } catch (const probewall::rules::CompileError& e) {
    std::fprintf(stderr, "%s\n", e.message.c_str());
    return 1;
  }
}
