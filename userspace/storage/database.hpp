// SPDX-License-Identifier: Apache-2.0
// SQLite's handles with owners, and its errors as Result. The only user of sqlite3.h besides its
// .cpp is decision_store.cpp.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "probewall/result.hpp"

namespace probewall::storage {

/// One prepared statement. Bind from 1, then step until it says false, then reset.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* raw) : raw_(raw, &sqlite3_finalize) {}

  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, double value);
  Statement& bind(int index, std::string_view value);  ///< stored as a blob: any bytes
  /// true: a row is there; false: done.
  Result<bool> step();
  /// step() without rows, then reset.
  Result<void> run();
  void reset();

  std::int64_t integer(int column) const { return sqlite3_column_int64(raw_.get(), column); }
  double number(int column) const { return sqlite3_column_double(raw_.get(), column); }
  bool is_null(int column) const { return sqlite3_column_type(raw_.get(), column) == SQLITE_NULL; }
  std::string text(int column) const;

 private:
  std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> raw_{nullptr, &sqlite3_finalize};
};

class Database {
 public:
  static Result<Database> open(const std::string& file, bool read_only);

  Result<void> execute(const char* sql);
  Result<Statement> prepare(std::string_view sql) const;
  /// First column of the first row; 0 without rows.
  Result<std::int64_t> integer(std::string_view sql) const;
  /// "ok" or what is wrong with the file's structure.
  Result<std::string> quick_check() const;
  int changes() const { return sqlite3_changes(raw_.get()); }

 private:
  explicit Database(sqlite3* raw) : raw_(raw, &sqlite3_close_v2) {}
  std::unique_ptr<sqlite3, decltype(&sqlite3_close_v2)> raw_;
};

/// errno_value of errors that mean "this file is no usable database".
inline constexpr int kCorrupt = -SQLITE_CORRUPT;

}  // namespace probewall::storage
