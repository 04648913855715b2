#!/usr/bin/env bash
# Owns the images: builds both programs static and puts each alone into an image, for this machine's architecture.
#   images/build.sh                        ghcr.io/purser/purser-operator and -sidecar, at the workspace's version
#   images/build.sh registry.example/ai 2  registry.example/ai/purser-operator:2 and …/purser-sidecar:2
#   images/build.sh --programs             only the programs, in target/images
# Needs Rust, a C compiler with the static C library (Debian: libc6-dev), and buildah or a running docker.
# Must never push, pull, or touch an image of another name.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
repository=${1:-ghcr.io/purser}
tag=${2:-$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)}
target="$(uname -m)-unknown-linux-gnu"
out=target/images

refuse() {
    echo "images/build.sh: $1" >&2
    exit 1
}

# The C library is linked in: such a program finds names by itself, in the files that the kubelet mounts (/etc/hosts,
# /etc/resolv.conf). Naming the target keeps the flag away from build scripts and derive macros, which must stay dynamic.
programs() {
    RUSTFLAGS="-C target-feature=+crt-static" cargo build --profile ship --target "$target" \
        -p purser-operator -p purser-sidecar --bins
    mkdir -p "$out"
    local name
    for name in purser-operator purser-sidecar; do
        install -m 0555 "target/$target/ship/$name" "$out/$name"
        if readelf --program-headers "$out/$name" | grep -q INTERP; then
            refuse "$name asks for a dynamic loader, which an image from scratch does not have"
        fi
    done
}

# image NAME: with whichever of the two builds images here.
image() {
    local made="$repository/purser-$1:$tag" file="images/$1.Containerfile"
    if command -v buildah >/dev/null; then
        buildah build --tag "$made" --file "$file" "$out"
    elif docker info >/dev/null 2>&1; then
        docker build --tag "$made" --file "$file" "$out"
    else
        refuse "neither buildah nor a running docker is here; the programs are in $out"
    fi
    echo "made $made"
}

programs
[[ $repository != --programs ]] || exit 0
image operator
image sidecar
