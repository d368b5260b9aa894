// SPDX-License-Identifier: Apache-2.0
#include "storage/decision_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "probewall/abi/maps.h"
#include "storage/database.hpp"
#include "storage/encode.hpp"

namespace probewall {

namespace fs = std::filesystem;
using storage::Database;
using storage::Statement;

namespace {

constexpr int kSchemaVersion = 1;
constexpr std::size_t kMaxEvidence = 8, kMaxEvidenceBytes = 512, kMaxNote = 256, kMaxReasons = 64;

// WAL with synchronous=NORMAL: a commit is one write to the page cache, which survives the process;
// only a power cut can lose the last ones.
constexpr const char* kPragmas =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;"
    "PRAGMA journal_size_limit=16777216; PRAGMA cache_size=-2048;";

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS decisions("
    " n INTEGER PRIMARY KEY AUTOINCREMENT, handle INTEGER NOT NULL, id BLOB, source BLOB NOT NULL,"
    " action INTEGER, origin INTEGER, made INTEGER, until INTEGER, score REAL, reasons BLOB, aims "
    "BLOB,"
    " requests INTEGER, evidence BLOB, level INTEGER, proven INTEGER, note BLOB,"
    " unblocked INTEGER, unblock_reason BLOB);"
    "CREATE INDEX IF NOT EXISTS decisions_handle ON decisions(handle);"
    "CREATE INDEX IF NOT EXISTS decisions_source ON decisions(source, n);"
    "CREATE INDEX IF NOT EXISTS decisions_running ON decisions(until) WHERE unblocked IS NULL;"
    "CREATE TABLE IF NOT EXISTS history("
    " source BLOB PRIMARY KEY, bans INTEGER NOT NULL, last INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS history_last ON history(last);"
    "PRAGMA user_version=1;";

constexpr const char* kColumns =
    "handle,id,source,action,origin,made,until,score,reasons,aims,requests,evidence,level,proven,"
    "note,"
    "unblocked,unblock_reason";

/// 16 address bytes and the length: equal prefixes are equal keys, whatever their text.
std::string source_key(const IpPrefix& source) {
  std::string key(reinterpret_cast<const char*>(source.address.bytes.data()), 16);
  key += static_cast<char>(source.length);
  return key;
}

IpPrefix source_from_key(const std::string& key) {
  IpPrefix source;
  if (key.size() == 17) {
    std::copy_n(key.begin(), 16, reinterpret_cast<char*>(source.address.bytes.data()));
    source.length = static_cast<std::uint8_t>(key[16]);
  }
  return source;
}

StoredDecision read_row(const Statement& row) {
  StoredDecision d;
  d.handle = static_cast<std::uint32_t>(row.integer(0));
  d.id = row.text(1);
  d.source = source_from_key(row.text(2));
  d.action = static_cast<Action>(row.integer(3));
  d.origin = static_cast<std::uint8_t>(row.integer(4));
  d.made_at_us = row.integer(5);
  d.until_us = row.integer(6);
  d.score = row.number(7);
  d.reasons = storage::decode_reasons(row.text(8));
  d.aims = storage::decode_aims(row.text(9));
  d.requests_seen = static_cast<std::uint64_t>(row.integer(10));
  d.evidence = storage::decode_list(row.text(11));
  d.level = static_cast<std::uint32_t>(row.integer(12));
  d.proven = row.integer(13) != 0;
  d.note = row.text(14);
  if (!row.is_null(15)) d.unblocked_at_us = row.integer(15);
  d.unblock_reason = row.text(16);
  return d;
}

bool counts_as_ban(const StoredDecision& d) {
  return d.origin == PW_ORIGIN_DETECTOR &&
         (d.action == Action::kBlock || d.action == Action::kRateLimit);
}

std::vector<std::string> bounded_evidence(const std::vector<std::string>& evidence) {
  const std::size_t skip = evidence.size() > kMaxEvidence ? evidence.size() - kMaxEvidence : 0;
  std::vector<std::string> kept(evidence.begin() + static_cast<std::ptrdiff_t>(skip),
                                evidence.end());
  for (auto& line : kept) line.resize(std::min(line.size(), kMaxEvidenceBytes));
  return kept;
}

std::vector<Reason> bounded_reasons(std::vector<Reason> reasons) {
  if (reasons.size() > kMaxReasons) reasons.resize(kMaxReasons);
  return reasons;
}

}  // namespace

struct DecisionStore::State {
  Database db;
  StoreOptions options;
  std::vector<std::string> warnings;
  std::uint64_t decisions = 0;
  std::uint64_t history = 0;
  Statement insert, count_ban, prune, prune_history;

  explicit State(Database opened, const StoreOptions& wanted)
      : db(std::move(opened)), options(wanted) {}

  Result<void> prepare();
  Result<void> prune_if_full();
  Result<std::vector<StoredDecision>> select(std::string_view where, std::string_view key,
                                             std::int64_t number, std::int64_t limit) const;
};

Result<void> DecisionStore::State::prepare() {
  const std::pair<Statement*, std::string> statements[] = {
      {&insert,
       fmt::format("INSERT INTO decisions({}) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,NULL,NULL)",
                   kColumns)},
      {&count_ban,
       "INSERT INTO history VALUES(?,1,?2) ON CONFLICT(source) DO UPDATE SET bans=bans+1, last=?2"},
      {&prune, "DELETE FROM decisions WHERE n IN (SELECT n FROM decisions ORDER BY n LIMIT ?)"},
      {&prune_history,
       "DELETE FROM history WHERE source IN (SELECT source FROM history ORDER BY last LIMIT ?)"}};
  for (const auto& [statement, sql] : statements) {
    auto prepared = db.prepare(sql);
    if (!prepared) return tl::unexpected(prepared.error());
    *statement = std::move(*prepared);
  }
  const auto rows = db.integer("SELECT count(*) FROM decisions");
  const auto sources = db.integer("SELECT count(*) FROM history");
  if (!rows) return tl::unexpected(rows.error());
  if (!sources) return tl::unexpected(sources.error());
  decisions = static_cast<std::uint64_t>(*rows);
  history = static_cast<std::uint64_t>(*sources);
  return {};
}

Result<void> DecisionStore::State::prune_if_full() {
  // One percent of slack, so that a full store does not delete a row per insert.
  const auto over = [](std::uint64_t rows, std::uint64_t max) { return rows > max + max / 100; };
  if (over(decisions, options.max_decisions)) {
    const auto excess = static_cast<std::int64_t>(decisions - options.max_decisions);
    if (auto done = prune.bind(1, excess).run(); !done) return done;
    decisions = options.max_decisions;
  }
  if (over(history, options.max_history)) {
    // The exact count: an insert that met a known source did not add a row.
    const auto rows = db.integer("SELECT count(*) FROM history");
    if (!rows) return tl::unexpected(rows.error());
    history = static_cast<std::uint64_t>(*rows);
    if (!over(history, options.max_history)) return {};
    const auto excess = static_cast<std::int64_t>(history - options.max_history);
    if (auto done = prune_history.bind(1, excess).run(); !done) return done;
    history = options.max_history;
  }
  return {};
}

Result<std::vector<StoredDecision>> DecisionStore::State::select(std::string_view where,
                                                                 std::string_view key,
                                                                 std::int64_t number,
                                                                 std::int64_t limit) const {
  auto statement = db.prepare(
      fmt::format("SELECT {} FROM decisions {} ORDER BY n DESC LIMIT ?3", kColumns, where));
  if (!statement) return tl::unexpected(statement.error());
  statement->bind(1, key).bind(2, number).bind(3, limit);
  std::vector<StoredDecision> rows;
  for (;;) {
    const auto row = statement->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return rows;
    rows.push_back(read_row(*statement));
  }
}

namespace {

/// Opens, checks the structure and brings the schema up. kCorrupt: the file is unusable.
Result<Database> open_checked(const std::string& file, bool read_only) {
  auto db = Database::open(file, read_only);
  if (!db) return db;
  const auto version = db->integer("PRAGMA user_version");
  if (!version) return tl::unexpected(version.error());
  if (*version > kSchemaVersion) {
    return fail(ExitStatus::kFailed,
                fmt::format("{} was written by a newer Probewall (format {}); use that version "
                            "or choose another storage.directory",
                            file, *version));
  }
  const auto check = db->quick_check();
  if (!check) return tl::unexpected(check.error());
  if (*check != "ok") return fail(storage::kCorrupt, file + ": " + *check);
  if (read_only) return db;
  if (auto set = db->execute(kPragmas); !set) return tl::unexpected(set.error());
  if (auto made = db->execute(kSchema); !made) return tl::unexpected(made.error());
  return db;
}

Result<std::string> move_aside(const std::string& file) {
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  std::string target = fmt::format("{}.corrupt-{}", file, now);
  std::error_code error;
  for (int n = 1; fs::exists(target, error); ++n)
    target = fmt::format("{}.corrupt-{}-{}", file, now, n);
  fs::rename(file, target, error);
  if (error) return fail(error.value(), "move the corrupt " + file + " aside");
  // A log of the old file must not be replayed into the fresh one.
  fs::remove(file + "-wal", error);
  fs::remove(file + "-shm", error);
  return target;
}

}  // namespace

Result<DecisionStore> DecisionStore::open(const std::string& directory,
                                          const StoreOptions& options) {
  const std::string file = directory + "/decisions.db";
  std::error_code error;
  if (options.read_only && !fs::exists(file, error)) return fail(ENOENT, "open " + file);
  if (!options.read_only) fs::create_directories(directory, error);
  if (error) return fail(error.value(), "make the directory " + directory);
  std::vector<std::string> warnings;
  auto db = open_checked(file, options.read_only);
  if (!db && db.error().errno_value == storage::kCorrupt && !options.read_only) {
    const auto aside = move_aside(file);
    if (!aside) return tl::unexpected(aside.error());
    warnings.push_back(fmt::format(
        "{} was corrupt ({}); it is kept as {} and a fresh one was started: reasons and ban "
        "history from before are gone, blocks in the kernel are not",
        file, db.error().message, *aside));
    db = open_checked(file, false);
  }
  if (!db) return tl::unexpected(db.error());
  auto state = std::make_unique<State>(std::move(*db), options);
  state->warnings = std::move(warnings);
  if (!options.read_only) {
    if (auto ready = state->prepare(); !ready) return tl::unexpected(ready.error());
    if (auto fits = state->prune_if_full(); !fits) return tl::unexpected(fits.error());
  }
  return DecisionStore(std::move(state));
}

DecisionStore::DecisionStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
DecisionStore::DecisionStore(DecisionStore&&) noexcept = default;
DecisionStore& DecisionStore::operator=(DecisionStore&&) noexcept = default;
DecisionStore::~DecisionStore() = default;

Result<void> DecisionStore::append(const StoredDecision& d) {
  State& s = *state_;
  if (s.options.read_only) return fail(EROFS, "decision store");
  // Decision and history belong together: both or none survive a crash.
  if (auto begun = s.db.execute("BEGIN IMMEDIATE"); !begun) return begun;
  const std::string key = source_key(d.source);
  auto stored = s.insert.bind(1, std::int64_t{d.handle})
                    .bind(2, d.id)
                    .bind(3, key)
                    .bind(4, std::int64_t{static_cast<std::uint8_t>(d.action)})
                    .bind(5, std::int64_t{d.origin})
                    .bind(6, d.made_at_us)
                    .bind(7, d.until_us)
                    .bind(8, d.score)
                    .bind(9, storage::encode_reasons(bounded_reasons(d.reasons)))
                    .bind(10, storage::encode_aims(d.aims))
                    .bind(11, static_cast<std::int64_t>(d.requests_seen))
                    .bind(12, storage::encode_list(bounded_evidence(d.evidence)))
                    .bind(13, std::int64_t{d.level})
                    .bind(14, std::int64_t{d.proven ? 1 : 0})
                    .bind(15, std::string_view{d.note}.substr(0, kMaxNote))
                    .run();
  const bool counted = counts_as_ban(d);
  if (stored && counted) stored = s.count_ban.bind(1, key).bind(2, d.made_at_us).run();
  if (stored) {
    ++s.decisions;
    if (counted) ++s.history;
    stored = s.prune_if_full();
  }
  if (stored) stored = s.db.execute("COMMIT");
  if (!stored) (void)s.db.execute("ROLLBACK");
  return stored;
}

Result<std::uint32_t> DecisionStore::mark_unblocked(const IpPrefix& source, std::int64_t at_us,
                                                    const std::string& reason) {
  auto statement = state_->db.prepare(
      "UPDATE decisions SET unblocked=?2, unblock_reason=?3 WHERE source=?1 AND unblocked IS NULL "
      "AND until>?2");
  if (!statement) return tl::unexpected(statement.error());
  statement->bind(1, source_key(source))
      .bind(2, at_us)
      .bind(3, std::string_view{reason}.substr(0, kMaxNote));
  if (auto done = statement->run(); !done) return tl::unexpected(done.error());
  return static_cast<std::uint32_t>(state_->db.changes());
}

Result<std::uint32_t> DecisionStore::mark_all_unblocked(std::int64_t at_us,
                                                        const std::string& reason) {
  auto statement = state_->db.prepare(
      "UPDATE decisions SET unblocked=?1, unblock_reason=?2 WHERE unblocked IS NULL AND until>?1");
  if (!statement) return tl::unexpected(statement.error());
  statement->bind(1, at_us).bind(2, std::string_view{reason}.substr(0, kMaxNote));
  if (auto done = statement->run(); !done) return tl::unexpected(done.error());
  return static_cast<std::uint32_t>(state_->db.changes());
}

Result<std::optional<StoredDecision>> DecisionStore::by_handle(std::uint32_t handle) const {
  auto rows = state_->select("WHERE handle=?2", "", handle, 1);
  if (!rows) return tl::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return std::move(rows->front());
}

Result<std::optional<StoredDecision>> DecisionStore::latest_for(const IpPrefix& source) const {
  auto rows = state_->select("WHERE source=?1", source_key(source), 0, 1);
  if (!rows) return tl::unexpected(rows.error());
  if (rows->empty()) return std::nullopt;
  return std::move(rows->front());
}

Result<std::vector<StoredDecision>> DecisionStore::recent(std::uint32_t limit) const {
  return state_->select("", "", 0, limit);
}

Result<std::vector<StoredDecision>> DecisionStore::running(std::int64_t now_us,
                                                           std::uint32_t limit) const {
  return state_->select("WHERE unblocked IS NULL AND until>?2", "", now_us, limit);
}

Result<std::vector<BanHistory>> DecisionStore::ban_history(std::uint32_t limit) const {
  auto statement =
      state_->db.prepare("SELECT source,bans,last FROM history ORDER BY last DESC LIMIT ?");
  if (!statement) return tl::unexpected(statement.error());
  statement->bind(1, std::int64_t{limit});
  std::vector<BanHistory> history;
  for (;;) {
    const auto row = statement->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return history;
    history.push_back({source_from_key(statement->text(0)),
                       static_cast<std::uint32_t>(statement->integer(1)), statement->integer(2)});
  }
}

Result<std::uint32_t> DecisionStore::next_handle() const {
  // The newest row has the last handle given out; the largest would stay put after a wrap.
  const auto last =
      state_->db.integer("SELECT handle FROM decisions WHERE handle!=0 ORDER BY n DESC LIMIT 1");
  if (!last) return tl::unexpected(last.error());
  const auto next = static_cast<std::uint32_t>(*last + 1);
  return next != 0 ? next : 1u;
}

const std::vector<std::string>& DecisionStore::warnings() const { return state_->warnings; }

}  // namespace probewall
