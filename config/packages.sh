#!/usr/bin/env bash
# Installs the Debian packages that callboard is built and tested with, where they are missing.
set -euo pipefail

needed=(libncurses-dev libpcre2-dev libsqlite3-dev tmux)
missing=()
for package in "${needed[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "callboard needs ${missing[*]} (Debian's names): please install them and try again." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "callboard needs ${missing[*]}: run 'apt-get install ${missing[*]}' as root and try again." >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
