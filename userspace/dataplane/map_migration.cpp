// SPDX-License-Identifier: Apache-2.0
#include "dataplane/map_migration.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/unique_fd.hpp"

namespace probewall {
namespace {

struct Shape {
  std::uint32_t type, key_size, value_size, max_entries, flags;
};

Shape wanted_shape(const bpf_map* map) {
  Shape s{bpf_map__type(map), bpf_map__key_size(map), bpf_map__value_size(map),
          bpf_map__max_entries(map), bpf_map__map_flags(map)};
  // libbpf gives a perf event array one entry per CPU when its size is left open.
  if (s.type == BPF_MAP_TYPE_PERF_EVENT_ARRAY && s.max_entries == 0) {
    s.max_entries = static_cast<std::uint32_t>(libbpf_num_possible_cpus());
  }
  return s;
}

/// Tables whose loss an operator would notice; the rest is state that fills itself again.
bool is_durable(std::string_view name) {
  return name.starts_with("pw_block") || name.starts_with("pw_allow") || name == "pw_ports" ||
         name == "pw_settings";
}

Result<void> copy_entries(int from, int to, const Shape& shape, const std::string& name) {
  std::vector<char> key(shape.key_size), next(shape.key_size), value(shape.value_size);
  for (const void* previous = nullptr; bpf_map_get_next_key(from, previous, next.data()) == 0;
       previous = key.data()) {
    key = next;
    if (bpf_map_lookup_elem(from, key.data(), value.data()) != 0) continue;
    if (bpf_map_update_elem(to, key.data(), value.data(), BPF_ANY) != 0) {
      const int error = errno;
      if (error == E2BIG || error == ENOSPC || error == ENOMEM) {
        return fail(ExitStatus::kConfigInvalid,
                    name + " holds more entries than the " + std::to_string(shape.max_entries) +
                        " now configured: raise block.max_addresses or block.max_prefixes, or run "
                        "`probewall bans flush`");
      }
      return fail(error, "copy " + name);
    }
  }
  return {};
}

constexpr std::string_view kOldPin = "_old";

/// Prefilters of earlier versions. Nothing in them is not in the tables too, so a start makes its
/// own from those; their programs go on with these until they are replaced.
constexpr const char* kFormerMaps[] = {"pw_block_hints", "pw_block_near", "pw_block_far",
                                       "pw_block_short", "pw_block_shape"};

std::vector<std::string> old_pins(const std::string& versioned_directory) {
  std::vector<std::string> out;
  std::error_code ec;
  for (std::filesystem::directory_iterator it{versioned_directory, ec}, end; !ec && it != end;
       it.increment(ec)) {
    if (it->path().native().ends_with(kOldPin)) out.push_back(it->path());
  }
  return out;
}

}  // namespace

Result<void> migrate_pinned_map(const bpf_map* map) {
  const char* const path = bpf_map__pin_path(map);
  const UniqueFd old{path != nullptr ? bpf_obj_get(path) : -1};
  if (!old) {
    if (path == nullptr || errno == ENOENT) return {};
    return fail(errno, std::string{"open "} + path);
  }
  bpf_map_info info{};
  __u32 length = sizeof info;
  if (bpf_obj_get_info_by_fd(old.get(), &info, &length) != 0) {
    return fail(errno, std::string{"look at "} + path);
  }
  const Shape want = wanted_shape(map);
  const std::string name = bpf_map__name(map);
  const bool same_entries = info.type == want.type && info.key_size == want.key_size &&
                            info.value_size == want.value_size;
  // What fills itself again (counters, flows) begins anew in its new shape.
  if (!same_entries && is_durable(name)) {
    return fail(ExitStatus::kFailed,
                std::string{path} +
                    " was made by another version of Probewall and has another shape: "
                    "`probewall detach` removes it, blocks included");
  }
  if (same_entries && info.max_entries == want.max_entries && info.map_flags == want.flags) {
    return {};
  }

  bpf_map_create_opts options{};
  options.sz = sizeof options;
  options.map_flags = want.flags;
  const UniqueFd fresh{bpf_map_create(static_cast<bpf_map_type>(want.type), name.c_str(),
                                      want.key_size, want.value_size, want.max_entries, &options)};
  if (!fresh) return fail(errno, "create map " + name);
  if (is_durable(name)) {
    if (auto copied = copy_entries(old.get(), fresh.get(), want, name); !copied) return copied;
  }
  const std::string staged = std::string{path} + "_new";
  unlink(staged.c_str());  // left behind by a start that died here
  if (bpf_obj_pin(fresh.get(), staged.c_str()) != 0) return fail(errno, "pin " + staged);
  const std::string kept = path + std::string{kOldPin};
  unlink(kept.c_str());  // of a start that died: nothing was attached to it any more, or is
                         // replaced now
  const bool moved = std::rename(path, kept.c_str()) == 0;
  if (!moved || std::rename(staged.c_str(), path) != 0) {
    const int error = errno;
    if (moved) std::rename(kept.c_str(), path);
    unlink(staged.c_str());
    return fail(error, std::string{"replace "} + path);
  }
  return {};
}

void keep_migrated_maps(const std::string& versioned_directory) {
  for (const auto& path : old_pins(versioned_directory)) unlink(path.c_str());
  for (const char* name : kFormerMaps) unlink((versioned_directory + "/" + name).c_str());
}

void undo_migrated_maps(const std::string& versioned_directory) {
  for (const auto& path : old_pins(versioned_directory)) {
    const std::string pin = path.substr(0, path.size() - kOldPin.size());
    std::rename(path.c_str(), pin.c_str());
  }
}

}  // namespace probewall
