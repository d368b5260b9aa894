// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <algorithm>

#include "cli/text.hpp"

namespace probewall::cli {
namespace {

std::size_t width_of(const std::string& text) {
  // Continuation bytes take no column.
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {
  for (auto& heading : headings_) {
    right_.push_back(heading.starts_with('>'));
    if (right_.back()) heading.erase(0, 1);
  }
}

void Table::row(std::vector<std::string> cells) {
  cells.resize(headings_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& heading : headings_) widths.push_back(width_of(heading));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells, bool bold) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string pad(widths[i] - width_of(cells[i]), ' ');
      const bool last = i + 1 == cells.size();
      text += right_[i] ? pad + cells[i] : cells[i] + (last ? "" : pad);
      if (!last) text += "  ";
    }
    while (text.ends_with(' ')) text.pop_back();
    out += (bold ? coloured(text, Colour::kBold) : text) + "\n";
  };
  line(headings_, true);
  for (const auto& row : rows_) line(row, false);
  return out;
}

}  // namespace probewall::cli
