#!/usr/bin/env bash
# Instructions of one translated request and of one translated chunk, in the translation alone, by callgrind; `pass` and `scan` are what
# every chunk and every 1 KB request pass anyway. Each is the difference of two runs. Needs valgrind.
set -euo pipefail
cd "$(dirname "$0")/../../.."
cargo build --release --quiet -p purser-dialects --example translation_cost
program=${CARGO_TARGET_DIR:-target}/release/examples/translation_cost
count() { valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>&1 | sed -n 's/.*Collected : //p'; }
for kind in pass messages-to-chat chat-to-messages generate-to-chat generate-to-messages generate-to-responses \
  chat-to-generate chat-to-responses scan ask-chat-to-messages ask-messages-to-chat ask-chat-to-generate ask-generate-to-chat \
  ask-responses-to-chat reply-messages-to-chat; do
  few=$(count "$kind" 100) many=$(count "$kind" 1100)
  echo "$kind: $(((many - few) / 1000)) instructions"
done
