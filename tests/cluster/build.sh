#!/usr/bin/env bash
# Owns target/cluster: builds tests/cluster into target/cluster/purser-cluster and, beside it, the programs that stand on the same
# libraries of Kubernetes: kubectl, coredns and metrics-server of its folders kubectl, dns and metrics, and Helm. One module, so that
# what they share is compiled once; Go's build cache is kept there, too.
# Called by tests/run.sh, or by hand; needs Go 1.26 or newer (an older one fetches it) and, once, the Go module proxy.
# Must never touch go.mod or go.sum, nor anything outside target/cluster and Go's own module cache.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out="$(cd "$here/../.." && pwd)/target/cluster"

# version MODULE: which go.mod asks for.
version() { awk -v module="$1" '$1 == module { print $2; exit }' "$here/go.mod"; }

kubernetes=$(version k8s.io/kubernetes)
helm=$(version helm.sh/helm/v3)
minor=${kubernetes#v1.}
minor=${minor%%.*}

command -v go >/dev/null || {
    echo "tests/cluster/build.sh: cannot build purser-cluster: there is no \`go\` in PATH; install Go 1.26 or newer (https://go.dev/dl) and run again" >&2
    exit 1
}
mkdir -p "$out"
exec 9>"$out/lock"
flock 9

# build PROGRAM PACKAGE WHAT LDFLAGS: unless it is built of what is here now.
build() {
    local stamp from=$SECONDS
    stamp=$({ go version; find . -name '*.go' | sort | xargs sha256sum go.mod go.sum build.sh; } | sha256sum | cut -d' ' -f1)
    [[ ! -x $out/$1 || $(cat "$out/$1.stamp" 2>/dev/null) != "$stamp" ]] || return 0
    echo "building $3"
    GOCACHE="$out/gocache" CGO_ENABLED=0 go build -mod=readonly -trimpath -o "$out/$1.new" -ldflags "-s -w $4" "$2"
    mv "$out/$1.new" "$out/$1"
    echo "$stamp" >"$out/$1.stamp"
    echo "built $out/$1 in $((SECONDS - from)) s"
}

cd "$here"
stamped=k8s.io/component-base/version
flags="-X $stamped.gitVersion=$kubernetes -X $stamped.gitMajor=1 -X $stamped.gitMinor=$minor"
build purser-cluster . "purser-cluster (Kubernetes $kubernetes); the first time takes about 5 minutes on 2 cores" "$flags"
build kubectl ./kubectl "kubectl $kubernetes" "$flags"
build coredns ./dns "CoreDNS" ""
build metrics-server ./metrics "metrics-server" ""
ours=helm.sh/helm/v3
build helm $ours/cmd/helm "Helm $helm" "-X $ours/internal/version.version=$helm
    -X $ours/pkg/lint/rules.k8sVersionMajor=1 -X $ours/pkg/lint/rules.k8sVersionMinor=$minor
    -X $ours/pkg/chartutil.k8sVersionMajor=1 -X $ours/pkg/chartutil.k8sVersionMinor=$minor"
