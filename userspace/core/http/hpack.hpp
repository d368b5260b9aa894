// SPDX-License-Identifier: Apache-2.0
// Header compression of HTTP/2 (RFC 7541), read by libnghttp2 within a bound on memory.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace probewall {

/// What all HTTP/2 readers of one assembler hold, in bytes. Readers add to it and take off again.
struct Http2Ledger {
  std::size_t bytes = 0;
};

/// Receives the fields of a header block. The views die with the call.
class FieldSink {
 public:
  virtual ~FieldSink() = default;
  virtual void on_field(std::string_view name, std::string_view value) = 0;
};

/// One direction's decoder. It follows the size updates that the encoder itself sends, so the
/// peer's SETTINGS need not be seen. Needs every block of its direction from the first one on:
/// after a missed block, reset() it. An empty table never makes up a field, it only refuses
/// references to what it has not seen.
class HpackReader {
 public:
  /// Memory one direction may take: a table of 64 KiB, and one long field.
  static constexpr std::size_t kMaxBytes = 192 * 1024;
  static constexpr std::size_t kMaxTable = 64 * 1024;

  explicit HpackReader(Http2Ledger& ledger);
  ~HpackReader();
  HpackReader(const HpackReader&) = delete;
  HpackReader& operator=(const HpackReader&) = delete;

  /// Reads the next bytes of a block, in pieces of any size. False: it cannot be decoded, or would
  /// take too much memory; every later block fails too until reset().
  bool feed(std::string_view bytes, FieldSink& out);
  /// The block is over. False when it stops inside a field.
  bool end(FieldSink& out);
  /// Begins anew with an empty table.
  void reset();
  bool usable() const { return inflater_ != nullptr; }

 private:
  struct Account {
    Http2Ledger* ledger = nullptr;
    std::size_t bytes = 0;
  };
  struct Delete {
    void operator()(nghttp2_hd_inflater* p) const { nghttp2_hd_inflate_del(p); }
  };
  bool inflate(std::string_view bytes, bool last, FieldSink& out);

  static void* allocate(std::size_t size, void* account);
  static void* allocate_zeroed(std::size_t count, std::size_t size, void* account);
  static void* reallocate(void* block, std::size_t size, void* account);
  static void release(void* block, void* account);

  Account account_;
  nghttp2_mem memory_{};
  std::unique_ptr<nghttp2_hd_inflater, Delete> inflater_;
};

}  // namespace probewall
