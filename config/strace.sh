#!/usr/bin/env bash
# Shows what one `write` does to the disk: that the log is synced between its intent and its doing.
# CallboardCrashTests checks the same where strace is installed.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
strace -f -y -e trace=fdatasync,fsync,write,pwrite64 -o "$folder/trace" \
  .build/debug/CallboardCrash "$folder/a.db" "$folder" 1 once
sed -nE '/write.*asked/,/write.*told/p' "$folder/trace" | cut -c1-160
