// SPDX-License-Identifier: Apache-2.0
#include "core/rules/prebuilt.hpp"

#include <cstring>

#include "probewall/ip.hpp"

namespace probewall::rules {
namespace {

constexpr std::uint64_t kFormat = 2;  ///< goes into every key: change it with what is stored

struct EntryHead {
  PrebuiltKey key{};
  std::uint64_t size = 0;
};

constexpr std::size_t padded(std::size_t n) { return (n + 7) / 8 * 8; }

void put_number(std::string& out, std::uint32_t value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void pack(std::string& out, const YamlNode& node) {
  out += static_cast<char>(node.kind);
  put_number(out, static_cast<std::uint32_t>(node.line));
  put_number(out, static_cast<std::uint32_t>(node.text.size()));
  out += node.text;
  put_number(out, static_cast<std::uint32_t>(node.items.size()));
  for (const YamlNode& item : node.items) pack(out, item);
  put_number(out, static_cast<std::uint32_t>(node.entries.size()));
  for (const auto& [name, value] : node.entries) {
    pack(out, name);
    pack(out, value);
  }
}

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}

  YamlNode node() {
    YamlNode out;
    out.kind = static_cast<YamlNode::Kind>(take(1).front());
    out.line = static_cast<int>(number());
    out.text = take(number());
    out.items.resize(number());
    for (YamlNode& item : out.items) item = node();
    out.entries.resize(number());
    for (auto& [name, value] : out.entries) {
      name = node();
      value = node();
    }
    return out;
  }

 private:
  std::string_view take(std::size_t n) {
    const std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  std::uint32_t number() {
    std::uint32_t value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view rest_;
};

}  // namespace

PrebuiltKey prebuilt_key(std::string_view text) {
  return {hash_bytes(text.data(), text.size(), kFormat),
          hash_bytes(text.data(), text.size(), ~kFormat)};
}

PrebuiltKey prebuilt_key(const std::vector<std::string>& regexes, PatternDatabase::Lines lines) {
  std::string all = lines == PatternDatabase::Lines::kMany ? "lines" : "patterns";
  for (const std::string& regex : regexes) {
    all += '\0';
    all += regex;
  }
  return prebuilt_key(all);
}

std::string_view find_prebuilt(const PrebuiltKey& key) {
  const std::string_view blob = prebuilt_blob();
  for (std::size_t at = 0; at + sizeof(EntryHead) <= blob.size();) {
    EntryHead head;
    std::memcpy(&head, blob.data() + at, sizeof head);
    at += sizeof head;
    if (head.key == key) return blob.substr(at, head.size);
    at += padded(head.size);
  }
  return {};
}

void append_prebuilt(std::string& blob, const PrebuiltKey& key, std::string_view bytes) {
  const EntryHead head{key, bytes.size()};
  blob.append(reinterpret_cast<const char*>(&head), sizeof head);
  blob += bytes;
  blob.resize(padded(blob.size()));
}

std::string pack_tree(const YamlNode& root) {
  std::string out;
  pack(out, root);
  return out;
}

YamlNode unpack_tree(std::string_view bytes) { return Unpacker{bytes}.node(); }

}  // namespace probewall::rules
