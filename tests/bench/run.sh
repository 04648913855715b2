#!/usr/bin/env bash
# Purser beside a bare hyper proxy, nginx, Envoy, LiteLLM and Portkey: one mock, one load generator, one run, interleaved rounds, ratios
# printed; and those of them that translate, translating. The full run fetches the peers (peers.sh) and writes tests/figures/bench.md;
# --quick takes those that are there and only prints.
# Further arguments go to bench-compare (--only floor,nginx and so on; see bench-compare --help).
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
figures=tests/figures/bench.md
settings=(--write "$figures")
quick=
if [ "${1:-}" = --quick ]; then
  shift
  quick=yes
  settings=(--rounds 3 --seconds 1 --starts 3)
fi

# What is pinned to what: the mock and the load generator (this shell's children) on core 0, each contender on core 1.
if [ "$(nproc)" -lt 2 ]; then
  echo "the bench needs two cores" >&2
  exit 2
fi

echo "building what ships (a minute or more when nothing is built yet)"
cargo build --profile ship --quiet -p purser-tests --bins
case "$*" in
  *--only*purser* | *--only*sidecar* | "${*//--only/}") cargo build --profile ship --quiet -p purser -p purser-sidecar ;;
esac

# --quick takes the peers that are there; the full run fetches them, once.
[ "$quick" ] || tests/bench/peers.sh envoy litellm portkey
script=$target/bench/portkey/node_modules/@portkey-ai/gateway/build/start-server.js
[ ! -f "$script" ] || export PORTKEY_SERVER=$script

mkdir -p tests/figures
PATH="$PATH:$target/toolchain/bin:$target/bench/envoy/program:$target/bench/litellm/bin" \
  exec taskset -c 0 "$target/ship/bench-compare" --manifests tests/bench/manifests "${settings[@]}" "$@"
