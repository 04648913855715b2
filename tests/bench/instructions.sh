#!/usr/bin/env bash
# User-space instructions per 1 KB request, per 100 KB request and per SSE chunk, of the bare hyper proxy and of Purser, by callgrind.
# Each is the difference of two runs of different length, so that start-up cancels out; from a chunk's is taken what the program does
# in 20 ms in which nobody calls, because under valgrind a stream must come so slowly. The floor against itself gives 1.00 for requests
# and 0.98 to 1.02 for chunks, so it can be a gate:
#   PURSER_GATE_REQUEST (default 1.5) and PURSER_GATE_CHUNK (default 1.2) times the floor; above either the exit status is 1,
# and 2 where nothing could be measured.
# Then the same of a caller of OpenAI's API at a channel of Anthropic's, beside what passes untouched:
#   PURSER_GATE_TRANSLATED (default 2) times the instructions of an untouched 1 KB request, and of an untouched chunk.
# What is gated is the main thread of `purser up`: all that a sidecar does beside a pod (key, plan, models, window, routing, circuits,
# usage, metrics, a record of each call), and the authority's decision, which a cluster has elsewhere. The other threads, which a cluster
# has in the operator, are shown and not gated: the ledger in SQLite, and the look for changed files. Not in it: TLS, credits, a spool on
# a disk.
# The kernel's share is not in it (run.sh measures CPU time). valgrind shows no SHA instructions, so hashing a key is dearer here than it is.
# --floor-only leaves Purser out.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$(realpath -m "${CARGO_TARGET_DIR:-target}")/ship
manifests=$PWD/tests/bench/manifests
# The mock's address and the key are those of manifests/bench.yaml.
mock=127.0.0.1:21990
listen=127.0.0.1:21991
admin=127.0.0.1:21992
key=sk-bench001-0000000000000000000000000bench00

command -v valgrind >/dev/null || { echo "valgrind is not installed: apt-get install valgrind" >&2; exit 2; }
names=(floor purser)
[ "${1:-}" != --floor-only ] || names=(floor)
echo "building what ships"
cargo build --profile ship --quiet -p purser-tests --bins
case " ${names[*]} " in *" purser "*) cargo build --profile ship --quiet -p purser ;; esac

work=$(mktemp -d)
mock_pid="" subject_pid=""
finish() {
  # Only what this script started, by process id.
  for pid in $subject_pid $mock_pid; do
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap finish EXIT

# A chunk each 20 ms: slower than a program under valgrind, also where it has a tenth of a core, so that no two chunks are read as one.
"$bin/bench-mock" --listen "$mock" --interval 20 >"$work/mock" 2>&1 &
mock_pid=$!

# For so many seconds a run goes on after its calls.
rest=0
# total NAME LOAD-ARGUMENTS: instructions of one whole run, from start to SIGTERM: `main` of the main thread, `all` of the process.
total() {
  local name=$1
  shift
  local command
  case $name in
    floor) command=("$bin/bench-floor" --listen "$listen" --provider "$mock" --key "$key") ;;
    purser) command=("$bin/purser" up -f "$manifests" --listen "$listen" --admin "$admin") ;;
  esac
  (cd "$work" && exec valgrind --tool=callgrind --separate-threads=yes --callgrind-out-file=callgrind --log-file="$work/valgrind" "${command[@]}" >"$work/out" 2>&1) &
  subject_pid=$!
  if ! "$bin/bench-load" --address "$listen" --key "$key" --ready-within 30 "$@" >"$work/load" 2>&1; then
    echo "$name failed under load:" >&2
    tail -n 20 "$work/load" "$work/out" "$work/valgrind" "$work/mock" >&2
    return 2
  fi
  sleep "$rest"
  kill -TERM "$subject_pid"
  wait "$subject_pid" || true
  subject_pid=""
  all=$(sed -n 's/.*Collected : //p' "$work/valgrind" | tail -n 1)
  main=$(sed -n 's/^summary: //p' "$work/callgrind-01")
  [ -n "$all" ] && [ -n "$main" ] || { echo "$name: valgrind printed no total" >&2; return 2; }
}

# each NAME FEW MANY LOAD-ARGUMENTS: instructions for each call more: `result` of the main thread, `beside` of the others.
each() {
  local name=$1 few=$2 many=$3 less less_beside
  shift 3
  total "$name" --calls "$few" "$@"
  less=$main less_beside=$((all - main))
  total "$name" --calls "$many" "$@"
  result=$(((main - less) / (many - few)))
  beside=$(((all - main - less_beside) / (many - few)))
}

# idle NAME: instructions of the main thread for each event of a stream, in the 20 ms that it is waited for, in which nothing is asked.
idle() {
  local less
  total "$1" --calls 2 --size 1024
  less=$main
  rest=10
  total "$1" --calls 2 --size 1024
  rest=0
  idle=$(((main - less) / 10 / 50))
}

# Events in one stream of the mock: 100 chunks, the finish, the usage, [DONE].
events=103
declare -A request large chunk
for name in "${names[@]}"; do
  each "$name" 200 1200 --size 1024
  request[$name]=$result ledger=$beside
  each "$name" 20 120 --size 102400
  large[$name]=$result
  each "$name" 2 12 --size 1024 --stream
  idle "$name"
  chunk[$name]=$(((result - request[$name]) / events - idle))
  echo "$name: ${request[$name]} instructions per 1 KB request, ${large[$name]} per 100 KB request, ${chunk[$name]} per SSE chunk;" \
    "other threads: $ledger per 1 KB request"
done
[ "${#names[@]}" = 2 ] || exit 0

each purser 200 1200 --size 1024 --model bench-claude
request[translated]=$result
each purser 2 12 --size 1024 --stream --model bench-claude
chunk[translated]=$(((result - request[translated]) / events - idle))
echo "translated: ${request[translated]} instructions per 1 KB request, ${chunk[translated]} per SSE chunk"

awk -v request="${request[purser]}" -v request_floor="${request[floor]}" -v large="${large[purser]}" -v large_floor="${large[floor]}" \
  -v chunk="${chunk[purser]}" -v chunk_floor="${chunk[floor]}" \
  -v translated="${request[translated]}" -v chunk_translated="${chunk[translated]}" \
  -v gate_translated="${PURSER_GATE_TRANSLATED:-2}" \
  -v gate_request="${PURSER_GATE_REQUEST:-1.5}" -v gate_chunk="${PURSER_GATE_CHUNK:-1.2}" '
  function judge(what, ratio, gate, of) {
    printf "%s: %.2f times %s, gate %s: %s\n", what, ratio, of, gate, (ratio <= gate + 0 ? "holds" : "MISSED")
    if (ratio > gate + 0) missed = 1
  }
  BEGIN {
    judge("1 KB request", request / request_floor, gate_request, "the floor")
    printf "100 KB request: %.2f times the floor, no gate\n", large / large_floor
    judge("SSE chunk", chunk / chunk_floor, gate_chunk, "the floor")
    judge("translated 1 KB request", translated / request, gate_translated, "an untouched one")
    judge("translated SSE chunk", chunk_translated / chunk, gate_translated, "an untouched one")
    exit missed
  }'
