#!/usr/bin/env bash
# Puts a picture of the console, taken from the real program, into README.md.
set -euo pipefail
cd "$(dirname "$0")/.."
callboard=${1:-.build/debug/callboard}
{
  sed '/<!-- picture: begin/q' README.md
  echo '```'
  "$callboard" snapshot waiting --demo --size 100x24 --after 4s --seed 3
  echo '```'
  sed -n '/<!-- picture: end/,$p' README.md
} > README.md.new
mv README.md.new README.md
