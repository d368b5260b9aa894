// SPDX-License-Identifier: Apache-2.0
// The memory of a mmapable array map.
#pragma once

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "dataplane/unique_fd.hpp"
#include "probewall/result.hpp"

namespace probewall {

/// All elements of one map; the mapping ends with the object. Element sizes are multiples of 8.
template <typename T>
class MappedMap {
 public:
  MappedMap() = default;
  /// Read-only mappings need a descriptor that may write too: the kernel refuses others.
  static Result<MappedMap> of(int fd, bool read_only, const std::string& what) {
    bpf_map_info info{};
    __u32 length = sizeof info;
    if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return fail(errno, "look at " + what);
    if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size != sizeof(T)) {
      return fail(ExitStatus::kFailed, what + " has another shape than this version's");
    }
    MappedMap out;
    out.entries_ = info.max_entries;
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    out.bytes_ = (out.entries_ * sizeof(T) + page - 1) / page * page;
    void* at =
        mmap(nullptr, out.bytes_, PROT_READ | (read_only ? 0 : PROT_WRITE), MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) return fail(errno, "map " + what + " into memory");
    out.data_ = static_cast<T*>(at);
    return out;
  }
  MappedMap(MappedMap&& other) noexcept { swap(other); }
  MappedMap& operator=(MappedMap&& other) noexcept {
    swap(other);
    return *this;
  }
  ~MappedMap() {
    if (data_ != nullptr) munmap(data_, bytes_);
  }

  T* get() const { return data_; }
  std::uint32_t entries() const { return entries_; }

 private:
  void swap(MappedMap& other) {
    std::swap(data_, other.data_);
    std::swap(entries_, other.entries_);
    std::swap(bytes_, other.bytes_);
  }

  T* data_ = nullptr;
  std::uint32_t entries_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace probewall
