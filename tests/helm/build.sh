#!/usr/bin/env bash
# Owns target/helm: builds Helm, at the version and with the modules of go.mod and go.sum beside this file, into target/helm/helm.
# Called by tests/run.sh, or by hand; needs Go 1.25 or newer (which fetches a newer one of its own if go.mod asks) and, once, the
# Go module proxy.
# Must never touch go.mod or go.sum, nor anything outside target/helm, Go's build cache in target/cluster, and its module cache.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target="$(cd "$here/../.." && pwd)/target"
binary="$target/helm/helm"
helm=$(awk '$1 == "helm.sh/helm/v3" { print $2 }' "$here/go.mod")

command -v go >/dev/null || {
    echo "tests/helm/build.sh: cannot build Helm: there is no \`go\` in PATH; install Go 1.25 or newer (https://go.dev/dl) and run again" >&2
    exit 1
}
mkdir -p "$target/helm" "$target/cluster"
exec 9>"$target/helm/lock"
flock 9

stamp=$(cd "$here" && { go version; sha256sum go.mod go.sum build.sh; } | sha256sum | cut -d' ' -f1)
if [[ -x $binary && $(cat "$target/helm/stamp" 2>/dev/null) == "$stamp" ]]; then
    exit 0
fi

echo "building Helm $helm; the first time takes about 90 seconds on 2 cores"
cd "$here"
GOCACHE="$target/cluster/gocache" CGO_ENABLED=0 go build -mod=readonly -trimpath -o "$binary.new" -ldflags "-s -w
    -X helm.sh/helm/v3/internal/version.version=$helm
    -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=35
    -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=35" helm.sh/helm/v3/cmd/helm
mv "$binary.new" "$binary"
echo "$stamp" >"$target/helm/stamp"
echo "built $binary in ${SECONDS} s"
