#!/usr/bin/env bash
# The checks beside the tests. Each prints what is wrong and where; all run, then the script fails if one did.
set -uo pipefail
cd "$(dirname "$0")/.."
failed=0
step() { echo "== $1"; }
fail() { echo "$1" >&2; failed=1; }

step "format"
swift format lint --strict --parallel --recursive Package.swift Sources Tests || fail "run 'make format'"

step "imports: arrows point one way"
# target: the modules it may import, besides Swift's own
allowed() {
  case $1 in
    JSONSchema) echo "CPCRE2" ;;
    Callboard) echo "JSONSchema Crypto DequeModule Logging" ;;
    CallboardTesting) echo "Callboard JSONSchema" ;;
    CallboardSQLite) echo "Callboard JSONSchema GRDB CFileIdentity" ;;
    CallboardControl) echo "Callboard JSONSchema" ;;
    CallboardYAML) echo "JSONSchema Yams" ;;
    CallboardModels) echo "Callboard JSONSchema CallboardYAML AsyncHTTPClient NIOCore NIOHTTP1 NIOFoundationCompat" ;;
    CallboardProviders) echo "Callboard JSONSchema AsyncHTTPClient NIOCore NIOPosix NIOHTTP1 CSpawn" ;;
    CallboardTerminal) echo "Callboard CNcurses" ;;
    CallboardConsole) echo "Callboard JSONSchema CallboardTerminal Crypto" ;;
    CallboardPeer) echo "Callboard CallboardControl JSONSchema" ;;
    CallboardCrash) echo "Callboard JSONSchema CallboardSQLite" ;;
    CallboardBench) echo "Callboard CallboardSQLite JSONSchema CAllocationCount GRDB" ;;
    CallboardCommand) echo "Callboard CallboardSQLite CallboardControl JSONSchema CallboardYAML CallboardModels CallboardProviders CallboardTerminal CallboardConsole ArgumentParser Logging AsyncHTTPClient NIOCore" ;;
  esac
}
own="Foundation FoundationEssentials Synchronization Dispatch Glibc"
for folder in Sources/*/; do
  target=$(basename "$folder")
  case $target in C[A-Z]*) [ -f "$folder/module.modulemap" ] && continue ;; esac
  rules=" $own $(allowed "$target") "
  while read -r file module; do
    case $rules in *" $module "*) ;; *) fail "$file imports $module, which $target may not" ;; esac
  done < <(grep -rEho --include='*.swift' -H '^(@[a-zA-Z]+(\([a-z]+\))? )*(public |package |internal |private )?import (struct |class |enum |func )?[A-Za-z0-9_]+' "$folder" |
    sed -E 's/^([^:]+):.*import (struct |class |enum |func )?([A-Za-z0-9_]+)$/\1 \3/')
done
curses=$(grep -rl --include='*.swift' '^import CNcurses' Sources | wc -l)
[ "$curses" -le 2 ] || fail "CNcurses is imported by $curses files; the driver and the measure of a cell are all that may"

step "purity: files that decide read no clock, roll no dice, wait for nothing"
for file in $(find Sources/Callboard -name '*+Transitions.swift') Sources/Callboard/Policy/{RetryPolicy,CircuitBreaker,ApprovalRules,AccessPolicy}.swift; do
  grep -nE '\bDate\(\)|Date\.now|ContinuousClock|SystemRandomNumberGenerator|\bTask\b|\bawait\b|\basync\b|Mutex|print\(|FileHandle|\.random\(in: [^,)]*\)' "$file" |
    sed "s|^|$file:|" | grep . && fail "$file must only decide"
done

step "clocks: no wait of a thread goes by the wall clock"
grep -rnE 'wait\((wallTimeout|timeout):|Thread\.sleep\(until|wait\(until:' --include='*.swift' Sources &&
  fail "use MonotonicSemaphore: on Linux these wait longer when the clock is set back"

step "README: every path in \"Where is…\" exists"
while read -r path; do
  [ -e "$path" ] || fail "README.md names $path, which does not exist"
done < <(sed -n '/^## Where is/,/^## /p' README.md | grep -oE '`(Sources|Tests|config)/[^`]*`' | tr -d '`')

step "no machine's paths, no build products"
git ls-files | grep -E '^\.build|Package\.resolved' && fail "build products are committed"
git grep -nE '(^|[^a-z.])/(work|farm|root|home/[a-z]+)/' -- . ':!config/check.sh' && fail "paths of a machine are committed"

step "allocations stay within their limits"
CALLBOARD_PARTS=CallboardBench swift build -c release --product callboard-bench --scratch-path .build-bench 2>&1 | tail -3 ||
  fail "callboard-bench does not build"
.build-bench/release/callboard-bench thresholds || fail "a limit of Sources/CallboardBench/AllocationThresholds.swift is passed"

step "the page of limits is what the code says"
.build-bench/release/callboard-bench limits | diff - Sources/Callboard/Callboard.docc/Limits.md ||
  fail "run: .build-bench/release/callboard-bench limits > Sources/Callboard/Callboard.docc/Limits.md"

step "thread sanitizer over the engine and its stores"
# The standard library's locks hide from the sanitizer where they wait; these are of the same interface and do not.
export CALLBOARD_PARTS=Callboard,CallboardTesting,CallboardTests,CallboardSQLite,CallboardSQLiteTests CALLBOARD_TRACED_LOCKS=1
mkdir -p .build-tsan
if swift build --build-tests --sanitize=thread --scratch-path .build-tsan > .build-tsan/build.log 2>&1; then
  tail -3 .build-tsan/build.log
  swift test --skip-build --parallel --skip SimulationTests --sanitize=thread --scratch-path .build-tsan > .build-tsan/log 2>&1 ||
    { tail -60 .build-tsan/log; fail "the thread sanitizer or a test under it failed"; }
  grep -E 'Test run with' .build-tsan/log
  # Every store runs every case of the suite: one that was skipped is missing here.
  cases=$(grep -c '^ *StoreCase($\|^ *StoreCase("' Sources/CallboardTesting/StoreSuite.swift)
  for store in "in memory" "in a file"; do
    grep -q "the store $store keeps every rule of stores\" with $cases test cases passed" .build-tsan/log ||
      fail "the store $store did not pass all $cases cases of Sources/CallboardTesting/StoreSuite.swift"
  done
  if grep -q 'WARNING: ThreadSanitizer' .build-tsan/log; then
    grep -A 30 'WARNING: ThreadSanitizer' .build-tsan/log | head -80
    fail "the thread sanitizer found a race"
  fi
else
  grep -E -A 6 '(error|fatal):' .build-tsan/build.log | head -60
  tail -20 .build-tsan/build.log
  fail "the engine and its tests do not build under the thread sanitizer"
fi

[ $failed -eq 0 ] && echo "all checks passed"
exit $failed
