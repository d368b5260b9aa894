// SPDX-License-Identifier: Apache-2.0
#include "core/http/request_parser.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/http/head_scanner.hpp"
#include "core/http/key_names.hpp"
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

/// Text that makes a careless logger look something up stands where a key does, and is none.
bool is_lookup(std::string_view value) {
  const auto at = value.find("${");
  return at != std::string_view::npos && contains_lower(value.substr(at), "ndi:");
}

/// Look-ups, templates and functions of a shell: no program sets such a cookie.
bool is_program(std::string_view value) {
  if (value.find('{') == value.npos) return false;
  return value.find("${") != value.npos || value.find("#{") != value.npos ||
         value.find("{{") != value.npos || value.find("()") != value.npos;
}

constexpr std::size_t kShortestCookieKey = 8;  ///< "1", "true" and "deleted" are no keys

/// What of it is the same in the next request: AWS signs each one anew under the same key.
std::string_view lasting_part(std::string_view authorization) {
  constexpr std::string_view kScheme = "AWS4-HMAC-SHA256", kCredential = "Credential=";
  if (!authorization.starts_with(kScheme)) return authorization;
  const auto at = authorization.find(kCredential);
  if (at == authorization.npos) return authorization;
  const auto key = authorization.substr(at);
  return key.substr(0, find_any<'/', ','>(key));
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
      if (key) set_auth(KeyRank::kKey, parameter.substr(equals + 1));
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
        } else if (equals_lower(name, "origin")) {
          head_.origin = true;
        } else if (equals_lower(name, "cookie")) {
          cookies(value);
        }
        break;
      case 7:
        if (equals_lower(name, "upgrade")) head_.upgrade = true;
        break;
      case 10:
        if (!equals_lower(name, "connection")) break;
        set_connection(value);
        return false;
      case 13:
        if (equals_lower(name, "authorization")) return authorization(value);
        break;
      case 14:
        if (equals_lower(name, "content-length")) content_length(value);
        break;
      case 17:
        if (equals_lower(name, "transfer-encoding")) transfer_encoding(value);
        break;
      default:
        break;
    }
    const KeyRank rank = key_header(name);
    if (rank == KeyRank::kNone) return false;
    if (value.size() > 7 && equals_lower(value.substr(0, 7), "bearer "))
      value = trim_blank(value.substr(7));
    set_auth(rank, value);
    return true;
  }

  /// Cookies are nobody else's business: of their values only what is a program goes on.
  void cookies(std::string_view value) {
    std::string programs;
    while (!value.empty()) {
      const auto end = value.find(';');
      const auto cookie = trim_blank(value.substr(0, end));
      value.remove_prefix(end == value.npos ? value.size() : end + 1);
      if (is_program(cookie)) {
        programs += programs.empty() ? "" : "; ";
        programs += cookie;
        continue;
      }
      const auto equals = std::min(cookie.find('='), cookie.size());
      const auto key = cookie.substr(std::min(equals + 1, cookie.size()));
      if (key.size() < kShortestCookieKey) continue;
      if (const KeyRank rank = key_cookie(cookie.substr(0, equals)); rank != KeyRank::kNone)
        set_auth(rank, key);
    }
    folded_ = std::move(programs);
    value_ = folded_;
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
    if (!equals_lower(value.substr(0, space), "bearer")) {
      set_auth(KeyRank::kKey, lasting_part(value));
      return true;
    }
    const auto key = space == std::string_view::npos ? "" : trim_blank(value.substr(space));
    set_auth(KeyRank::kBearer, key);
    return true;
  }

  /// What says more of the sender counts, of a rank what comes first.
  void set_auth(KeyRank rank, std::string_view key) {
    if (key.empty() && rank != KeyRank::kBearer) return;
    if (rank <= rank_) return;
    rank_ = rank;
    head_.auth = rank == KeyRank::kBearer ? AuthKind::kBearer : AuthKind::kOther;
    head_.session_key = rank < KeyRank::kKey;
    // However a client writes the variable that nobody filled in: it is no guess at keys.
    const bool unfilled = is_unfilled_variable(key);
    head_.auth_hash = key_hash(unfilled ? "${}" : key, secret_);
    head_.well_known_key = !head_.session_key && (unfilled || is_well_known_key(key));
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
  KeyRank rank_ = KeyRank::kNone;  ///< of the key found so far
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
