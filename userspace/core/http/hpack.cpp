// SPDX-License-Identifier: Apache-2.0
#include "core/http/hpack.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace probewall {
namespace {

/// In front of each block, so that its size is known when it is given back.
constexpr std::size_t kPrefix = alignof(std::max_align_t);

std::size_t size_of(void* block) {
  std::size_t size = 0;
  std::memcpy(&size, static_cast<char*>(block) - kPrefix, sizeof size);
  return size;
}

std::string_view view(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

HpackReader::HpackReader(Http2Ledger& ledger) {
  account_.ledger = &ledger;
  memory_ = {&account_, allocate, release, allocate_zeroed, reallocate};
  reset();
}

HpackReader::~HpackReader() = default;

void* HpackReader::allocate(std::size_t size, void* account) {
  auto& a = *static_cast<Account*>(account);
  const std::size_t whole = size + kPrefix;
  if (size > kMaxBytes || a.bytes + whole > kMaxBytes) return nullptr;
  auto* block = static_cast<char*>(std::malloc(whole));
  if (!block) return nullptr;
  std::memcpy(block, &whole, sizeof whole);
  a.bytes += whole;
  a.ledger->bytes += whole;
  return block + kPrefix;
}

void* HpackReader::allocate_zeroed(std::size_t count, std::size_t size, void* account) {
  if (size != 0 && count > kMaxBytes / size) return nullptr;
  void* block = allocate(count * size, account);
  if (block) std::memset(block, 0, count * size);
  return block;
}

void* HpackReader::reallocate(void* block, std::size_t size, void* account) {
  void* bigger = allocate(size, account);
  if (!bigger || !block) return bigger;
  std::memcpy(bigger, block, std::min(size, size_of(block) - kPrefix));
  release(block, account);
  return bigger;
}

void HpackReader::release(void* block, void* account) {
  if (!block) return;
  auto& a = *static_cast<Account*>(account);
  const std::size_t whole = size_of(block);
  a.bytes -= whole;
  a.ledger->bytes -= whole;
  std::free(static_cast<char*>(block) - kPrefix);
}

void HpackReader::reset() {
  inflater_.reset();
  nghttp2_hd_inflater* inflater = nullptr;
  if (nghttp2_hd_inflate_new2(&inflater, &memory_) != 0) return;
  inflater_.reset(inflater);
  // Only allows larger tables: the size in force changes with the encoder's own updates.
  if (nghttp2_hd_inflate_change_table_size(inflater, kMaxTable) != 0) inflater_.reset();
}

bool HpackReader::inflate(std::string_view bytes, bool last, FieldSink& out) {
  const auto* in = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t left = bytes.size();
  while (inflater_) {
    nghttp2_nv field{};
    int flags = 0;
    const auto used =
        nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, in, left, last ? 1 : 0);
    if (used < 0) {
      inflater_.reset();
      return false;
    }
    in += used;
    left -= static_cast<std::size_t>(used);
    if (flags & NGHTTP2_HD_INFLATE_EMIT) {
      out.on_field(view(field.name, field.namelen), view(field.value, field.valuelen));
    }
    if (flags & NGHTTP2_HD_INFLATE_FINAL) {
      nghttp2_hd_inflate_end_headers(inflater_.get());
      return true;
    }
    if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && left == 0) return !last;
  }
  return false;
}

bool HpackReader::feed(std::string_view bytes, FieldSink& out) {
  return bytes.empty() ? usable() : inflate(bytes, false, out);
}

bool HpackReader::end(FieldSink& out) { return inflate({}, true, out); }

}  // namespace probewall
