#!/usr/bin/env bash
# Owns target/cluster: builds tests/cluster into target/cluster/purser-cluster, its folders kubectl and dns into kubectl and coredns beside
# it, and the module in its folder metrics into metrics-server. Go's build cache is kept there, too, so that what they share is built once.
# Called by tests/run.sh, or by hand; needs Go 1.25 or newer and, once, the Go module proxy.
# Must never touch go.mod or go.sum, nor anything outside target/cluster and Go's own module cache.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out="$(cd "$here/../.." && pwd)/target/cluster"
kubernetes=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$here/go.mod")
minor=${kubernetes#v1.}

command -v go >/dev/null || {
    echo "tests/cluster/build.sh: cannot build purser-cluster: there is no \`go\` in PATH; install Go 1.25 or newer (https://go.dev/dl) and run again" >&2
    exit 1
}
mkdir -p "$out"
exec 9>"$out/lock"
flock 9

# build FOLDER PROGRAM WHAT LDFLAGS
build() {
    local stamp module from=$SECONDS
    cd "$1"
    module=$(dirname "$(go env GOMOD)")
    stamp=$({ go version; sha256sum ./*.go "$module/go.mod" "$module/go.sum" "$here/build.sh"; } | sha256sum | cut -d' ' -f1)
    [[ ! -x $out/$2 || $(cat "$out/$2.stamp" 2>/dev/null) != "$stamp" ]] || return 0
    echo "building $3"
    GOCACHE="$out/gocache" CGO_ENABLED=0 go build -trimpath -o "$out/$2.new" -ldflags "-s -w $4" .
    mv "$out/$2.new" "$out/$2"
    echo "$stamp" >"$out/$2.stamp"
    echo "built $out/$2 in $((SECONDS - from)) s"
}

version=k8s.io/component-base/version
flags="-X $version.gitVersion=$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=${minor%%.*}"
build "$here" purser-cluster "purser-cluster (Kubernetes $kubernetes); the first time takes about 5 minutes on 2 cores" "$flags"
build "$here/kubectl" kubectl "kubectl $kubernetes" "$flags"
build "$here/dns" coredns "CoreDNS" ""
build "$here/metrics" metrics-server "metrics-server; the first time takes about 2 minutes on 2 cores" ""
