#!/usr/bin/env bash
# Owns the images: builds both programs static and puts each alone into an image, for this machine's architecture.
#   images/build.sh                        ghcr.io/purser/purser-operator and -sidecar, at the workspace's version
#   images/build.sh registry.example/ai 2  registry.example/ai/purser-operator:2 and …/purser-sidecar:2
#   images/build.sh --programs             only the programs, in target/images
# Needs Rust with the target that it names, musl-gcc (Debian: musl-tools), and buildah or a running docker. PURSER_PROFILE names
# another cargo profile than `ship`, which takes many minutes.
# Must never push, pull, or touch an image of another name.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
repository=${1:-ghcr.io/purser}
tag=${2:-$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)}
target="$(uname -m)-unknown-linux-musl"
profile=${PURSER_PROFILE:-ship}
out=target/images
# The sidecar lies on every node and is pulled before a pod's first container: this many bytes at most.
largest=$((15 * 1024 * 1024))

refuse() {
    echo "images/build.sh: $1" >&2
    exit 1
}

ready() {
    command -v musl-gcc >/dev/null || refuse "there is no musl-gcc in PATH; install Debian's musl-tools and run again"
    rustup target list --installed | grep -qx "$target" ||
        rustup target add "$target" || refuse "rustup cannot add $target; the reason stands above"
}

# musl rather than glibc with crt-static: it finds names without loading modules of the machine's, and may be linked into what is
# given away. Allocation is mimalloc's in both.
programs() {
    local folder=$profile name
    [[ $profile != dev ]] || folder=debug
    env "CC_${target//-/_}=musl-gcc" cargo build --profile "$profile" --target "$target" -p purser-operator -p purser-sidecar --bins
    mkdir -p "$out"
    for name in purser-operator purser-sidecar; do
        strip -o "$out/$name.new" "${CARGO_TARGET_DIR:-target}/$target/$folder/$name"
        chmod 0555 "$out/$name.new"
        mv -f "$out/$name.new" "$out/$name"
        if readelf --program-headers "$out/$name" | grep -q INTERP; then
            refuse "$name asks for a dynamic loader, which an image from scratch does not have"
        fi
    done
    [[ $profile == dev ]] || (($(stat -c %s "$out/purser-sidecar") <= largest)) ||
        refuse "purser-sidecar has $(stat -c %s "$out/purser-sidecar") bytes, and $largest are its limit"
}

# image NAME: with whichever of the two builds images here.
image() {
    local made="$repository/purser-$1:$tag" file="images/$1.Containerfile"
    if command -v buildah >/dev/null; then
        buildah build --quiet --tag "$made" --file "$file" "$out" >/dev/null
    elif docker info >/dev/null 2>&1; then
        docker build --tag "$made" --file "$file" "$out"
    else
        refuse "neither buildah nor a running docker is here; the programs are in $out"
    fi
    echo "made $made ($(stat -c %s "$out/purser-$1") bytes)"
}

ready
programs
[[ $repository != --programs ]] || exit 0
image operator
image sidecar
