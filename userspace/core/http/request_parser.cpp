// SPDX-License-Identifier: Apache-2.0
#include "core/http/request_parser.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/http/head_scanner.hpp"
#include "core/http/text.hpp"
#include "core/http/well_known_keys.hpp"

namespace probewall {
namespace {

/// Takes one line off `text`; `bare` is set when LF came without CR.
std::string_view take_line(std::string_view& text, bool& bare) {
  const auto lf = text.find('\n');
  std::string_view line = text.substr(0, lf);
  text.remove_prefix(lf == std::string_view::npos ? text.size() : lf + 1);
  if (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
  } else if (lf != std::string_view::npos) {
    bare = true;
  }
  return line;
}

bool is_key_parameter(std::string_view name) {
  for (const std::string_view key :
       {"key", "api_key", "api-key", "apikey", "access_token", "token", "auth", "x-goog-api-key"}) {
    if (equals_lower(name, key)) return true;
  }
  return false;
}

/// Text that makes a careless logger look something up stands where a key does, and is none.
bool is_lookup(std::string_view value) {
  const auto at = value.find("${");
  return at != std::string_view::npos && contains_lower(value.substr(at), "ndi:");
}

class HeadBuilder {
 public:
  HeadBuilder(const HashSecret& secret, RequestHead& head) : secret_(secret), head_(head) {}

  void build(std::string_view text) {
    bool bare = false;
    const bool has_nul = text.find('\0') != std::string_view::npos;
    if (!set_request_line(take_line(text, bare))) return;
    while (!text.empty()) {
      const auto line = take_line(text, bare);
      if (line.empty()) break;
      add_line(line);
    }
    flush();
    finish();
    if (bare || has_nul) head_.odd = true;
  }

  /// HTTP/2: pseudo-headers first, then fields whose names are lower case (RFC 9113, section 8.2).
  void build(const std::vector<Header>& fields) {
    head_.version_major = 2;
    head_.version_minor = 0;
    for (const Header& field : fields) {
      if (is_forbidden(field)) head_.odd = true;
      if (!field.name.empty() && field.name[0] == ':') {
        add_pseudo(field);
      } else {
        regular_seen_ = true;
        name_ = field.name;
        value_ = field.value;
        pending_ = true;
        flush();
      }
    }
    if (head_.target.empty()) {
      head_.odd = true;
      // CONNECT has no path, only an authority (section 8.5).
      if (!head_.method.empty() && !head_.headers.empty()) set_target(head_.host());
    }
    if (head_.method.empty()) head_.odd = true;
    finish();
  }

 private:
  /// What no server lets through: upper case, control characters, HTTP/1's connection headers.
  static bool is_forbidden(const Header& field) {
    const auto upper = [](char c) { return c >= 'A' && c <= 'Z'; };
    if (std::any_of(field.name.begin(), field.name.end(), upper)) return true;
    if (field.value.find_first_of(std::string_view{"\0\r\n", 3}) != std::string::npos) return true;
    for (const std::string_view name : {"connection", "transfer-encoding", "upgrade"}) {
      if (field.name == name) return true;
    }
    return field.name.empty() || field.name.find_first_of(" \t\r\n") != std::string::npos;
  }

  void add_pseudo(const Header& field) {
    if (regular_seen_) head_.odd = true;
    if (field.name == ":method" && head_.method.empty()) {
      head_.method = field.value;
    } else if (field.name == ":path" && head_.target.empty()) {
      set_target(field.value);
    } else if (field.name == ":authority" && !head_.has_header("host")) {
      head_.headers.add("host", field.value);
    } else if (field.name != ":scheme" && field.name != ":protocol") {
      head_.odd = true;
    }
  }

  bool set_request_line(std::string_view line) {
    RequestLine parts = split_request_line(line);
    if (parts.method.empty()) return false;
    head_.method = parts.method;
    head_.version_major = parts.version_major;
    head_.version_minor = parts.version_minor;
    head_.odd = parts.odd;
    set_target(parts.target);
    return true;
  }

  void set_target(std::string_view target) {
    head_.target = target;
    const auto scheme = target.find("://");
    if (scheme != std::string_view::npos && scheme < find_any<'/', '?', '#'>(target)) {
      const auto slash = find_any<'/', '?', '#'>(target, scheme + 3);
      target = slash == std::string_view::npos ? std::string_view{"/"} : target.substr(slash);
    }
    head_.path = target.substr(0, find_any<'?', '#'>(target));
    if (head_.path.empty()) head_.path = "/";
    const auto query = head_.target.find('?');
    if (query != std::string::npos) remove_query_keys(query + 1);
  }

  /// Gemini clients send their key as ?key=...: it is a key like one in a header.
  void remove_query_keys(std::size_t at) {
    const std::string sent = std::move(head_.target);
    std::string_view rest = std::string_view{sent}.substr(at);
    head_.target = sent.substr(0, at);
    while (!rest.empty()) {
      const auto end = rest.find('&');
      const auto parameter = rest.substr(0, end);
      const auto equals = parameter.find('=');
      const bool key = equals != std::string_view::npos && is_key_parameter(rest.substr(0, equals));
      if (key) set_auth(AuthKind::kOther, parameter.substr(equals + 1));
      head_.target += key ? parameter.substr(0, equals + 1) : parameter;
      if (end == std::string_view::npos) break;
      head_.target += '&';
      rest.remove_prefix(end + 1);
    }
  }

  void add_line(std::string_view line) {
    if (line[0] == ' ' || line[0] == '\t') {  // obs-fold (RFC 9112, section 5.2)
      head_.odd = true;
      const auto more = trim_blank(line);
      if (!pending_ || more.empty()) return;
      if (value_.data() != folded_.data()) folded_ = value_;
      if (!folded_.empty()) folded_ += ' ';
      folded_ += more;
      value_ = folded_;
      return;
    }
    flush();
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) {
      head_.odd = true;
      return;
    }
    const auto name = trim_blank(line.substr(0, colon));
    if (name.size() != colon) head_.odd = true;
    name_ = name;
    value_ = trim_blank(line.substr(colon + 1));
    pending_ = true;
  }

  void flush() {
    if (!pending_) return;
    pending_ = false;
    const bool is_key = apply(name_, value_) && !is_lookup(value_);
    if (head_.headers.size() < kMaxHeaders) {
      head_.headers.add(name_, is_key ? std::string_view{} : value_);
    } else {
      head_.odd = true;
    }
  }

  /// True when the value is a key, which goes no further.
  bool apply(std::string_view name, std::string_view value) {
    switch (name.size()) {
      case 6:
        if (equals_lower(name, "expect")) {
          head_.expect_continue = contains_lower(value, "100-continue");
        }
        return false;
      case 7:
        if (equals_lower(name, "upgrade")) head_.upgrade = true;
        return equals_lower(name, "api-key") && take_key(value);
      case 9:
        return equals_lower(name, "x-api-key") && take_key(value);
      case 10:
        if (equals_lower(name, "connection")) set_connection(value);
        return false;
      case 13:
        return equals_lower(name, "authorization") && authorization(value);
      case 14:
        if (equals_lower(name, "content-length")) content_length(value);
        return equals_lower(name, "x-goog-api-key") && take_key(value);
      case 17:
        if (equals_lower(name, "transfer-encoding")) transfer_encoding(value);
        return false;
      case 19:
        return equals_lower(name, "proxy-authorization") && take_key(value);
      default:
        return false;
    }
  }

  void set_connection(std::string_view value) {
    if (contains_lower(value, "close")) head_.connection_close = true;
    if (contains_lower(value, "keep-alive")) keep_alive_ = true;
  }

  void content_length(std::string_view value) {
    do {  // "5, 5" is a repeated header that a proxy joined
      const auto comma = value.find(',');
      const auto text = trim_blank(value.substr(0, comma));
      value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
      if (lengths_++ > 0) head_.content_length_repeated = head_.odd = true;
      std::uint64_t n = 0;
      const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
      if (ec != std::errc{} || end != text.data() + text.size() || text.empty()) {
        head_.content_length_invalid = true;
      } else if (head_.content_length && *head_.content_length != n) {
        head_.content_length_invalid = true;
      } else {
        head_.content_length = n;
      }
    } while (!value.empty());
  }

  void transfer_encoding(std::string_view value) {
    if (head_.transfer_encoding) head_.odd = true;
    head_.transfer_encoding = true;
    const auto comma = value.rfind(',');
    const auto last = comma == std::string_view::npos ? value : value.substr(comma + 1);
    head_.chunked = equals_lower(trim_blank(last), "chunked");
    if (!equals_lower(trim_blank(value), "chunked")) head_.odd = true;
  }

  bool authorization(std::string_view value) {
    const auto space = find_any<' ', '\t'>(value);
    if (!equals_lower(value.substr(0, space), "bearer")) return take_key(value);
    const auto key = space == std::string_view::npos ? "" : trim_blank(value.substr(space));
    set_auth(AuthKind::kBearer, key);
    return true;
  }

  bool take_key(std::string_view key) {
    set_auth(AuthKind::kOther, key);
    return true;
  }

  /// A bearer token says more than any other key, the first of a kind more than the next.
  void set_auth(AuthKind kind, std::string_view key) {
    if (key.empty() && kind != AuthKind::kBearer) return;
    if (head_.auth == AuthKind::kBearer) return;
    if (head_.auth == kind) return;
    head_.auth = kind;
    // However a client writes the variable that nobody filled in: it is no guess at keys.
    const bool unfilled = is_unfilled_variable(key);
    head_.auth_hash = key_hash(unfilled ? "${}" : key, secret_);
    head_.well_known_key = unfilled || is_well_known_key(key);
  }

  void finish() {
    if (head_.content_length_invalid) head_.content_length.reset();
    if (head_.content_length_invalid) head_.odd = true;
    if (head_.transfer_encoding && lengths_ > 0) head_.odd = true;
    const bool old =
        head_.version_major < 1 || (head_.version_major == 1 && head_.version_minor == 0);
    if (old && !keep_alive_) head_.connection_close = true;
  }

  const HashSecret& secret_;
  RequestHead& head_;
  std::string_view name_, value_;  ///< of the running header, which may be folded further
  std::string folded_;
  bool pending_ = false;
  bool keep_alive_ = false;
  bool regular_seen_ = false;  ///< HTTP/2: a field that is no pseudo-header
  unsigned lengths_ = 0;
};

/// strtoull's reading: white space, a sign, digits up to the first other character.
std::uint64_t lenient_number(std::string_view text) {
  text = trim_blank(text);
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  std::uint64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

}  // namespace

void RequestHead::clear() {
  static_cast<HeadFacts&>(*this) = {};
  method.clear();
  target.clear();
  path.clear();
  headers.clear();
  auth_hash.clear();
}

std::string_view RequestHead::header(std::string_view name) const {
  for (const HeaderView h : headers) {
    if (iequals(h.name, name)) return h.value;
  }
  return {};
}

bool RequestHead::has_header(std::string_view name) const {
  for (const HeaderView h : headers) {
    if (iequals(h.name, name)) return true;
  }
  return false;
}

void parse_request_head(std::string_view text, const HashSecret& secret, RequestHead& out) {
  out.clear();
  HeadBuilder{secret, out}.build(text);
}

RequestHead parse_request_head(std::string_view text, const HashSecret& secret) {
  RequestHead head;
  parse_request_head(text, secret, head);
  return head;
}

void head_of_fields(const std::vector<Header>& fields, const HashSecret& secret, RequestHead& out) {
  out.clear();
  HeadBuilder{secret, out}.build(fields);
}

BodyFraming body_framing(const RequestHead& head) {
  using Kind = BodyFraming::Kind;
  if (head.chunked) return {Kind::kChunked, 0, false};
  std::uint64_t length = 0;
  if (head.content_length) {
    length = *head.content_length;
  } else if (head.content_length_invalid) {
    length = lenient_number(head.header("content-length"));
  }
  if (length == 0) return {};
  const bool clear = head.content_length && !head.content_length_repeated;
  return {Kind::kLength, length, clear && !head.transfer_encoding};
}

}  // namespace probewall
