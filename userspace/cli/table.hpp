// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace probewall::cli {

/// Aligned columns. Cells must be sanitised; width counts code points.
class Table {
 public:
  /// A heading that begins with '>' aligns its column to the right.
  explicit Table(std::vector<std::string> headings);
  void row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  std::string text() const;  ///< with a line feed after each line; the last column is not padded

 private:
  std::vector<bool> right_;
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace probewall::cli
