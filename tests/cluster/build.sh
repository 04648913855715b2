#!/usr/bin/env bash
# Owns target/cluster: builds tests/cluster into target/cluster/purser-cluster, and keeps Go's build cache beside it.
# Called by tests/run.sh, or by hand; needs Go 1.25 or newer and, once, the Go module proxy.
# Must never touch go.mod or go.sum, nor anything outside target/cluster and Go's own module cache.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out="$(cd "$here/../.." && pwd)/target/cluster"
binary="$out/purser-cluster"
kubernetes=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$here/go.mod")

command -v go >/dev/null || {
    echo "tests/cluster/build.sh: cannot build purser-cluster: there is no \`go\` in PATH; install Go 1.25 or newer (https://go.dev/dl) and run again" >&2
    exit 1
}
mkdir -p "$out"
exec 9>"$out/lock"
flock 9

stamp=$(cd "$here" && { go version; sha256sum ./*.go go.mod go.sum build.sh; } | sha256sum | cut -d' ' -f1)
if [[ -x $binary && $(cat "$out/stamp" 2>/dev/null) == "$stamp" ]]; then
    exit 0
fi

echo "building purser-cluster (Kubernetes $kubernetes); the first time takes about 5 minutes on 2 cores"
version=k8s.io/component-base/version
minor=${kubernetes#v1.}
cd "$here"
GOCACHE="$out/gocache" CGO_ENABLED=0 go build -trimpath -o "$binary.new" -ldflags "-s -w
    -X $version.gitVersion=$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*}" .
mv "$binary.new" "$binary"
echo "$stamp" >"$out/stamp"
echo "built $binary in ${SECONDS} s"
