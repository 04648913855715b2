#!/usr/bin/env bash
# Owns the second run of tests/gateway: every test of it whose calls can be handed over goes through the shared gateway, but for those that
# tests/gateway/sidecar_alone.txt names. Called by tests/run.sh, and by a developer; arguments go on to the test program:
#   tests/gateway/shared.sh                     all of them
#   tests/gateway/shared.sh gateway::stream::X  one, by its whole name
# Must never leave out a test that the list does not name.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

left_out=()
while read -r name; do
    left_out+=(--skip "$name")
done < <(grep '^gateway::' tests/gateway/sidecar_alone.txt)

PURSER_TEST_THROUGH=gateway exec cargo test --workspace --no-fail-fast --test gateway -- --exact "${left_out[@]}" "$@"
