// SPDX-License-Identifier: Apache-2.0
#include "core/rules/yaml_node.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include "core/rules/prebuilt.hpp"

namespace probewall::rules {
namespace {

constexpr int kMaxDepth = 32;

struct Converter {
  const std::string& file;
  std::size_t nodes = 0;

  YamlNode convert(const YAML::Node& from, int depth) {
    YamlNode to;
    to.line = from.Mark().line + 1;
    if (++nodes > kMaxNodes || depth > kMaxDepth) {
      throw CompileError{fmt::format("{}:{}: too large or nested too deeply", file, to.line)};
    }
    switch (from.Type()) {
      case YAML::NodeType::Scalar:
        to.kind = YamlNode::Kind::kScalar;
        to.text = from.Scalar();
        break;
      case YAML::NodeType::Sequence:
        to.kind = YamlNode::Kind::kList;
        for (const auto& item : from) to.items.push_back(convert(item, depth + 1));
        break;
      case YAML::NodeType::Map:
        to.kind = YamlNode::Kind::kMap;
        for (const auto& entry : from) add_entry(to, entry.first, entry.second, depth);
        break;
      default:
        break;
    }
    return to;
  }

  void add_entry(YamlNode& to, const YAML::Node& key, const YAML::Node& value, int depth) {
    YamlNode name = convert(key, depth + 1);
    if (name.kind != YamlNode::Kind::kScalar) {
      throw CompileError{fmt::format("{}:{}: a key must be a word", file, name.line)};
    }
    if (to.find(name.text) != nullptr) {
      throw CompileError{fmt::format("{}:{}: '{}' is given twice", file, name.line, name.text)};
    }
    YamlNode converted = convert(value, depth + 1);
    if (converted.line <= 0) converted.line = name.line;
    to.entries.emplace_back(std::move(name), std::move(converted));
  }
};

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const auto& [name, value] : entries) {
    if (name.text == key) return &value;
  }
  return nullptr;
}

YamlNode read_yaml(const RuleText& file) {
  const std::string_view known = find_prebuilt(prebuilt_key(file.text));
  if (!known.empty()) return unpack_tree(known);
  try {
    const YAML::Node root = YAML::Load(file.text);
    return Converter{file.name}.convert(root, 0);
  } catch (const YAML::Exception& e) {
    throw CompileError{fmt::format("{}:{}: not valid YAML: {}", file.name, e.mark.line + 1, e.msg)};
  }
}

}  // namespace probewall::rules
