// SPDX-License-Identifier: Apache-2.0
#include "core/llm/field_places.hpp"

namespace probewall {
namespace {

FieldPlace child_of_root(FieldName key, bool array) {
  switch (key) {
    case FieldName::kMessages:
    case FieldName::kContents:
    case FieldName::kInput:
      return array ? FieldPlace::kMessages : FieldPlace::kMessage;
    case FieldName::kPrompt:
    case FieldName::kText:
      return array ? FieldPlace::kTexts : FieldPlace::kOther;
    case FieldName::kSystem:
    case FieldName::kSystemInstruction:
      return array ? FieldPlace::kSystem : FieldPlace::kSystemPart;
    case FieldName::kOptions:
      return array ? FieldPlace::kOther : FieldPlace::kOptions;
    case FieldName::kTools:
      return array ? FieldPlace::kTools : FieldPlace::kOther;
    case FieldName::kParams:
      return array ? FieldPlace::kOther : FieldPlace::kParams;
    default:
      return FieldPlace::kOther;
  }
}

FieldUse use_in_root(FieldName key) {
  switch (key) {
    case FieldName::kModel:
      return FieldUse::kModel;
    case FieldName::kName:
      return FieldUse::kName;
    case FieldName::kPrompt:
    case FieldName::kInput:
    case FieldName::kText:
      return FieldUse::kUser;
    case FieldName::kQuery:
      return FieldUse::kWeakUser;
    case FieldName::kSystem:
    case FieldName::kSystemInstruction:
      return FieldUse::kSystem;
    case FieldName::kMethod:
      return FieldUse::kRpcMethod;
    default:
      return FieldUse::kNothing;
  }
}

/// "10.0.0.1:8000/x", "registry.example.com/x": a host where a model name is expected.
bool begins_with_host(std::string_view s) {
  const auto slash = s.find('/');
  if (slash == std::string_view::npos || slash == 0) return false;
  const auto host = s.substr(0, slash);
  const bool digits = host[0] >= '0' && host[0] <= '9';
  return host.find('.') != std::string_view::npos &&
         (digits || host.find(':') != host.npos || s.find('/', slash + 1) != s.npos);
}

}  // namespace

FieldPlace child_place(FieldPlace parent, FieldName key, bool array) {
  const bool parts = key == FieldName::kContent || key == FieldName::kParts;
  switch (parent) {
    case FieldPlace::kRoot:
      return child_of_root(key, array);
    case FieldPlace::kRootArray:
      return array ? FieldPlace::kOther : FieldPlace::kRoot;
    case FieldPlace::kMessages:
      return array ? FieldPlace::kOther : FieldPlace::kMessage;
    case FieldPlace::kMessage:
      return !parts ? FieldPlace::kOther : array ? FieldPlace::kContent : FieldPlace::kPart;
    case FieldPlace::kContent:
      return array ? FieldPlace::kOther : FieldPlace::kPart;
    case FieldPlace::kSystem:
      return array ? FieldPlace::kOther : FieldPlace::kSystemPart;
    case FieldPlace::kSystemPart:
      return parts && array ? FieldPlace::kSystem : FieldPlace::kOther;
    case FieldPlace::kParams:
      if (key == FieldName::kMessages) return array ? FieldPlace::kMessages : FieldPlace::kOther;
      return key == FieldName::kClientInfo && !array ? FieldPlace::kClientInfo : FieldPlace::kOther;
    default:
      return FieldPlace::kOther;
  }
}

FieldUse string_use(FieldPlace place, FieldName key) {
  const bool text = key == FieldName::kText || key == FieldName::kContent;
  switch (place) {
    case FieldPlace::kRoot:
      return use_in_root(key);
    case FieldPlace::kMessages:
    case FieldPlace::kTexts:
      return FieldUse::kUser;
    case FieldPlace::kMessage:
      if (key == FieldName::kRole) return FieldUse::kRole;
      return text || key == FieldName::kParts ? FieldUse::kMessageText : FieldUse::kNothing;
    case FieldPlace::kContent:
      return FieldUse::kMessageText;
    case FieldPlace::kPart:
      return text ? FieldUse::kMessageText : FieldUse::kNothing;
    case FieldPlace::kSystem:
      return FieldUse::kSystem;
    case FieldPlace::kSystemPart:
      return text ? FieldUse::kSystem : FieldUse::kNothing;
    case FieldPlace::kClientInfo:
      return key == FieldName::kName ? FieldUse::kClientName : FieldUse::kNothing;
    default:
      return FieldUse::kNothing;
  }
}

bool may_be_url(FieldName key) {
  return key == FieldName::kUrl || key == FieldName::kPath || key == FieldName::kName ||
         key == FieldName::kModel;
}

bool looks_like_url(FieldName key, std::string_view s) {
  if (s.substr(0, 5) == "data:") return false;  // an inline picture, not a place
  if (s.find("://") != std::string_view::npos || s.substr(0, 5) == "file:") return true;
  switch (key) {
    case FieldName::kUrl:
      return s.size() > 1 && (s[0] == '/' || begins_with_host(s));
    case FieldName::kPath:
      return s.size() > 1 && (s[0] == '/' || s.substr(0, 3) == "../" || s.substr(0, 6) == "FROM /");
    default:
      return begins_with_host(s);
  }
}

}  // namespace probewall
