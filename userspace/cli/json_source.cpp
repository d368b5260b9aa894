// SPDX-License-Identifier: Apache-2.0
// Boost.JSON's own sources: Debian has no built library of it.
#include <boost/json/src.hpp>
