# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What the scripts share. Sourced with the repository's root as working directory.

say() { printf '==> %s\n' "$*"; }

# die STATUS TEXT: ends with one line that says what is wrong.
die() {
  local status=$1
  shift
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit "$status"
}

need_root() { [ "$(id -u)" = 0 ] || die 4 "must be root to $1"; }

# configure DIRECTORY OPTIONS...: runs cmake only where it has not run with these options before;
# later changes of the build files are noticed by ninja itself.
configure() {
  local directory=$1
  shift
  local wanted
  wanted=$(printf '%s\n' "$@")
  if [ ! -e "$directory/build.ninja" ] || [ "$(cat "$directory/.configured" 2>/dev/null)" != "$wanted" ]; then
    cmake -S . -B "$directory" -G Ninja "$@"
    printf '%s' "$wanted" >"$directory/.configured"
  fi
}
