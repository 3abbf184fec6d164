#!/usr/bin/env bash
# Feeds nonsense to the parser, the patterns, the formats and the schema compiler under the address sanitizer.
#   config/fuzz.sh [minutes]     10 if not given; other seeds in every round
set -euo pipefail
cd "$(dirname "$0")/.."
until=$(($(date +%s) + ${1:-10} * 60))
export CALLBOARD_PARTS=JSONSchema,JSONSchemaTests CALLBOARD_FUZZ_ROUNDS=20
swift build --build-tests --sanitize=address --scratch-path .build-asan 2>&1 | tail -1
seed=1
while [ "$(date +%s)" -lt "$until" ]; do
  # Tests that hang are stopped: nothing here may take minutes.
  CALLBOARD_FUZZ_SEED=$seed ASAN_OPTIONS=detect_leaks=0 timeout 600 \
    swift test --skip-build --parallel --sanitize=address --scratch-path .build-asan --filter 'FuzzTests|crashes' > .build-asan/log 2>&1 ||
    { tail -60 .build-asan/log; echo "failed with CALLBOARD_FUZZ_SEED=$seed" >&2; exit 1; }
  grep 'Test run with' .build-asan/log | sed "s/^/seed $seed: /"
  seed=$((seed + 1))
done
