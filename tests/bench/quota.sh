#!/usr/bin/env bash
# Purser's check beside limitador's and LiteLLM's, which peers.sh fetches, in one run: three hundred requests at once over three proxies,
# bursts around the end of a window, and the time of a check at 500 a second. Called by whoever wants the table; writes it to
# tests/figures/quota.md. Needs what tests/run.sh has built (target/cluster, target/toolchain). Ends with 1 where a bar is missed.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
tools=$root/target
export PURSER_TEST_CLUSTER=${PURSER_TEST_CLUSTER:-$tools/cluster/purser-cluster}
export PURSER_TEST_REDIS=${PURSER_TEST_REDIS:-$tools/toolchain/bin/redis-server}
export PURSER_TEST_POSTGRES=${PURSER_TEST_POSTGRES:-$(realpath "$tools/toolchain/postgres")}
export PURSER_TEST_BIN=$target/release
for program in "$PURSER_TEST_CLUSTER" "$PURSER_TEST_REDIS" "$PURSER_TEST_POSTGRES/postgres"; do
    [[ -x $program ]] || { echo "tests/bench/quota.sh: there is no $program; run tests/run.sh once, which makes it" >&2; exit 2; }
done

echo "building (minutes when nothing is built yet)"
cargo build --release --quiet -p purser-operator -p purser-tests --bins --bench quota
tests/bench/peers.sh limitador litellm
peers=$target/bench/quota/release/quota-peers
if [[ -d $target/bench/limitador ]]; then
    CARGO_TARGET_DIR=$target/bench/quota cargo build --release --quiet --locked --manifest-path tests/bench/quota/Cargo.toml \
        --config "patch.crates-io.limitador.path='$target/bench/limitador'" ||
        echo "limitador could not be built; the bench goes on without it" >&2
fi

folder=$(mktemp -d)
redis=
finish() {
    [[ -z $redis ]] || { kill "$redis" 2>/dev/null || true; wait "$redis" 2>/dev/null || true; }
    rm -rf "$folder"
}
trap finish EXIT
(cd "$folder" && exec "$PURSER_TEST_REDIS" --port 0 --unixsocket redis.sock --save '' --appendonly yes) >/dev/null &
redis=$!
for ((tries = 0; tries < 200; tries++)); do
    [[ ! -S $folder/redis.sock ]] || break
    sleep 0.05
done

mkdir -p tests/figures
missed=0
{
    echo "Measured on $(date -u +%F), $(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg) at the start; limit 15 a minute, admitted ÷ limit."
    echo
    echo "| who | 300 at once, 3 proxies | around a window's end | check, p50 | check, p99 |"
    echo "|---|---|---|---|---|"
    cargo bench --quiet -p purser-operator -p purser-tests --bench quota || echo missed >"$folder/missed"
    [[ ! -x $peers ]] || "$peers" "redis+unix://$folder/redis.sock"
    python=$target/bench/litellm/bin/python
    if [[ -x $python ]]; then
        LITELLM_LOCAL_MODEL_COST_MAP=True "$python" tests/bench/quota/litellm_peer.py "$folder/redis.sock" || echo "LiteLLM could not be measured; the reason stands above" >&2
    fi
} | tee tests/figures/quota.md
if [[ -e $folder/missed ]]; then
    echo "a bar is missed: overshoot 1.00; unmetered 0.15 ms p50 and 1 ms p99; metered twice the store's own commit" >&2
    exit 1
fi
