// SPDX-License-Identifier: Apache-2.0
// One function per parser. Each takes any bytes and says which promise they broke; null: none.
#pragma once

#include "probewall/bytes.hpp"

namespace probewall::fuzz {

const char* fuzz_head(std::string_view input);
const char* fuzz_json(std::string_view input);
const char* fuzz_chunks(std::string_view input);
/// The input is what a client sends; it must give the same requests however it is cut.
const char* fuzz_stream(std::string_view input);
/// The input is a list of records: order, proof, gaps, closes, raw bytes.
const char* fuzz_records(std::string_view input);

/// The input is what an HTTP/2 client sends behind the preface, and then what the server answers:
/// the first two bytes say how much is whose. The same however it is cut, within its bounds.
const char* fuzz_http2(std::string_view input);

}  // namespace probewall::fuzz
