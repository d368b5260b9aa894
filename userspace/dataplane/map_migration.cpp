// SPDX-License-Identifier: Apache-2.0
#include "dataplane/map_migration.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string_view>

#include "dataplane/pinned_shape.hpp"
#include "dataplane/program_maps.hpp"

namespace probewall {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormer = "_old";

/// Prefilters of earlier versions. Nothing in them is not in the tables too, so a start makes its
/// own from those; their programs go on with these until they are replaced.
constexpr const char* kFormerMaps[] = {"pw_block_hints", "pw_block_near", "pw_block_far",
                                       "pw_block_short", "pw_block_shape"};
/// Hold entries; the other block tables are made from them.
constexpr const char* kBlockEntries[] = {"pw_block_ip4", "pw_block_ip6", "pw_block_prefix"};

bool is_block(std::string_view name) { return name.starts_with("pw_block"); }
bool is_allow(std::string_view name) { return name.starts_with("pw_allow"); }
/// Tables whose loss an operator would notice; the rest is state that fills itself again.
bool is_durable(std::string_view name) {
  return is_block(name) || is_allow(name) || name == "pw_ports" || name == "pw_settings";
}

std::vector<std::string> former_pins(const std::string& directory) {
  std::vector<std::string> out;
  std::error_code ec;
  for (fs::directory_iterator it{directory, ec}, end; !ec && it != end; it.increment(ec)) {
    const auto name = it->path().filename().native();
    if (name.starts_with("pw_") && name.ends_with(kFormer)) out.push_back(it->path());
  }
  return out;
}
std::string present_pin(const std::string& former) {
  return former.substr(0, former.size() - kFormer.size());
}

Result<void> copy_entries(int from, int to, const MapShape& shape, const std::string& name) {
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

class Migration {
 public:
  explicit Migration(const std::string& directory) : directory_(directory) {}

  Result<MigratedPins> run(std::span<bpf_object* const> objects) {
    give_back_lost_pins();
    for (bpf_object* object : objects) {
      bpf_map* map = nullptr;
      bpf_object__for_each_map(map, object) {
        const char* path = bpf_map__pin_path(map);
        if (path != nullptr) wanted_[fs::path{path}.filename()] = wanted_shape(map);
      }
    }
    if (auto done = open_pins(); !done) return tl::unexpected(done.error());
    if (auto done = regain_block_tables(); !done) return tl::unexpected(done.error());
    judge();
    for (const auto& [name, pin] : pins_) {
      if (auto done = make_fit(name, pin); !done) return tl::unexpected(done.error());
    }
    note_former_pins();
    return std::move(out_);
  }

 private:
  std::string path_of(const std::string& name) const { return directory_ + '/' + name; }

  /// A start that died between setting a map aside and making its successor.
  void give_back_lost_pins() {
    std::error_code ignored;
    for (const auto& former : former_pins(directory_)) {
      const auto present = present_pin(former);
      if (!fs::exists(present, ignored)) std::rename(former.c_str(), present.c_str());
    }
  }

  Result<void> open_pins() {
    for (const auto& [name, shape] : wanted_) {
      auto pin = open_pinned_map(path_of(name));
      if (!pin) return tl::unexpected(pin.error());
      if (*pin) pins_.emplace(name, std::move(**pin));
    }
    return {};
  }

  /// Pins that somebody removed: attached programs still have the tables.
  Result<void> regain_block_tables() {
    const bool any = std::any_of(pins_.begin(), pins_.end(),
                                 [](const auto& pin) { return is_block(pin.first); });
    if (!any) return {};
    for (const char* name : kBlockEntries) {
      if (pins_.contains(name)) continue;
      std::vector<std::uint32_t> ours;
      for (const auto& [other, pin] : pins_) ours.push_back(pin.id);
      const auto map = map_of_programs(name, ours);
      if (!map || bpf_obj_pin(map.get(), path_of(name).c_str()) != 0) {
        out_.blocks_lost = true;
        out_.rebuilt.push_back(std::string{name} + " (its pin was gone)");
        continue;
      }
      auto pin = open_pinned_map(path_of(name));
      if (!pin) return tl::unexpected(pin.error());
      pins_.emplace(name, std::move(**pin));
      out_.regained.emplace_back(name);
    }
    return {};
  }

  void judge() {
    out_.blocks = out_.blocks_lost;
    for (const auto& [name, pin] : pins_) {
      const auto& want = wanted_.at(name);
      if (pin.shape.same_entries(want) || !is_durable(name)) continue;
      out_.rebuilt.push_back(name + " (" + describe(pin.shape) + "; now " + describe(want) + ")");
      out_.blocks |= is_block(name);
      out_.allows |= is_allow(name);
    }
  }

  Result<void> make_fit(const std::string& name, const PinnedMap& pin) const {
    const auto& want = wanted_.at(name);
    const bool same_entries = pin.shape.same_entries(want);
    // As a whole: entries of the new tables must not be judged by bits of the former, nor the other
    // way round.
    if (is_block(name) && out_.blocks) return set_aside(name);
    if (is_allow(name) && out_.allows) {
      return same_entries && name != "pw_allow_hints" ? copy(name, pin, want) : set_aside(name);
    }
    if (pin.shape == want) return {};
    if (same_entries && is_durable(name) && want.type != BPF_MAP_TYPE_ARRAY_OF_MAPS)
      return copy(name, pin, want);
    return set_aside(name);
  }

  /// Loading makes and pins another. What is there under the former name is of a start that died:
  /// nothing was attached to it any more, or is replaced now.
  Result<void> set_aside(const std::string& name) const {
    const auto path = path_of(name), former = former_pin(directory_, name);
    unlink(former.c_str());
    if (std::rename(path.c_str(), former.c_str()) != 0)
      return fail(errno, "set " + path + " aside");
    return {};
  }

  Result<void> copy(const std::string& name, const PinnedMap& pin, const MapShape& want) const {
    bpf_map_create_opts options{};
    options.sz = sizeof options;
    options.map_flags = want.flags;
    const UniqueFd fresh{bpf_map_create(static_cast<bpf_map_type>(want.type), name.c_str(),
                                        want.key_size, want.value_size, want.max_entries,
                                        &options)};
    if (!fresh) return fail(errno, "create map " + name);
    if (auto copied = copy_entries(pin.fd.get(), fresh.get(), want, name); !copied) return copied;
    const auto path = path_of(name), staged = path + "_new", former = former_pin(directory_, name);
    unlink(staged.c_str());  // left behind by a start that died here
    if (bpf_obj_pin(fresh.get(), staged.c_str()) != 0) return fail(errno, "pin " + staged);
    if (auto moved = set_aside(name); !moved) {
      unlink(staged.c_str());
      return moved;
    }
    if (std::rename(staged.c_str(), path.c_str()) == 0) return {};
    const int error = errno;
    std::rename(former.c_str(), path.c_str());
    unlink(staged.c_str());
    return fail(error, "replace " + path);
  }

  /// Of this start, and of one that died before its programs were attached.
  void note_former_pins() {
    for (const auto& former : former_pins(directory_)) {
      const auto name = fs::path{present_pin(former)}.filename().native();
      out_.blocks |= std::find(std::begin(kBlockEntries), std::end(kBlockEntries), name) !=
                         std::end(kBlockEntries) &&
                     name != "pw_block_prefix";
      out_.allows |= is_allow(name);
      out_.settings |= name == "pw_settings";
      out_.ports |= name == "pw_ports";
    }
  }

  std::string directory_;
  std::map<std::string, MapShape> wanted_;
  std::map<std::string, PinnedMap> pins_;
  MigratedPins out_;
};

}  // namespace

Result<MigratedPins> migrate_pins(std::span<bpf_object* const> objects,
                                  const std::string& versioned_directory) {
  return Migration{versioned_directory}.run(objects);
}

std::string former_pin(const std::string& versioned_directory, const std::string& name) {
  return versioned_directory + '/' + name + std::string{kFormer};
}

void keep_migrated_maps(const std::string& versioned_directory) {
  for (const auto& path : former_pins(versioned_directory)) unlink(path.c_str());
  for (const char* name : kFormerMaps) unlink((versioned_directory + "/" + name).c_str());
}

void undo_migrated_maps(const std::string& versioned_directory) {
  for (const auto& former : former_pins(versioned_directory)) {
    std::rename(former.c_str(), present_pin(former).c_str());
  }
}

}  // namespace probewall
