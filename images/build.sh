#!/usr/bin/env bash
# Owns the images: builds both programs static and puts each alone into an image; beside them lies in target/images what is in each, as a
# CycloneDX list (images/sbom.sh).
#   images/build.sh                        ghcr.io/purser/purser-operator and -sidecar, at the workspace's version
#   images/build.sh registry.example/ai 2  registry.example/ai/purser-operator:2 and …/purser-sidecar:2
#   images/build.sh --programs             only the programs, in target/images
#   images/build.sh --arch arm64 …         for that architecture, amd64 or arm64; this machine's when left out. Another one is cross-compiled
#                                          in target/images/ARCH, and needs cargo-zigbuild and zig (PyPI: cargo-zigbuild, ziglang);
#                                          no test builds or runs that one
# Needs Rust with the target that it names, jq, musl-gcc (Debian: musl-tools), and buildah or a running docker. PURSER_PROFILE names
# another cargo profile than `ship`, which takes many minutes.
# Must never push, pull, or touch an image of another name.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
machine=$(uname -m) arch=''
if [[ ${1:-} == --arch ]]; then
    arch=${2:-nothing}
    shift
    shift || true
fi
case ${arch:-$machine} in
    amd64 | x86_64) arch=amd64 cpu=x86_64 ;;
    arm64 | aarch64) arch=arm64 cpu=aarch64 ;;
    *) echo "images/build.sh: there is no image for ${arch:-$machine}; name amd64 or arm64 after --arch" >&2 && exit 1 ;;
esac
repository=${1:-ghcr.io/purser}
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
tag=${2:-$version}
target="$cpu-unknown-linux-musl"
profile=${PURSER_PROFILE:-ship}
out=target/images
[[ $cpu == "$machine" ]] || out=target/images/$arch
# The sidecar lies on every node and is pulled before a pod's first container: this many bytes at most.
largest=$((15 * 1024 * 1024))

refuse() {
    echo "images/build.sh: $1" >&2
    exit 1
}

ready() {
    command -v jq >/dev/null || refuse "there is no jq in PATH; install it and run again"
    if [[ $cpu != "$machine" ]]; then
        cargo zigbuild --version >/dev/null 2>&1 ||
            refuse "building for $arch on $machine needs cargo-zigbuild; run pip install cargo-zigbuild ziglang, and see that it is in PATH"
    elif ! command -v musl-gcc >/dev/null; then
        refuse "there is no musl-gcc in PATH; install Debian's musl-tools and run again"
    fi
    rustup target list --installed | grep -qx "$target" ||
        rustup target add "$target" || refuse "rustup cannot add $target; the reason stands above"
}

# musl rather than glibc with crt-static: it finds names without loading modules of the machine's, and may be linked into what is
# given away. Allocation is mimalloc's in both.
programs() {
    local folder=$profile name
    [[ $profile != dev ]] || folder=debug
    local -a build=(env "CC_${target//-/_}=musl-gcc" cargo build)
    # zig is compiler and linker for the other one; its linker leaves symbols out, which this machine's strip could not.
    [[ $cpu == "$machine" ]] || build=(env RUSTFLAGS=-Cstrip=symbols cargo zigbuild)
    "${build[@]}" --profile "$profile" --target "$target" -p purser-operator -p purser-sidecar --bins
    mkdir -p "$out"
    for name in purser-operator purser-sidecar; do
        if [[ $cpu == "$machine" ]]; then
            strip -o "$out/$name.new" "${CARGO_TARGET_DIR:-target}/$target/$folder/$name"
        else
            cp "${CARGO_TARGET_DIR:-target}/$target/$folder/$name" "$out/$name.new"
        fi
        chmod 0555 "$out/$name.new"
        mv -f "$out/$name.new" "$out/$name"
        if readelf --program-headers "$out/$name" | grep -q INTERP; then
            refuse "$name asks for a dynamic loader, which an image from scratch does not have"
        fi
        images/sbom.sh "$name" "$target" "$out/$name" >"$out/$name.cdx.json"
    done
    [[ $profile == dev ]] || (($(stat -c %s "$out/purser-sidecar") <= largest)) ||
        refuse "purser-sidecar has $(stat -c %s "$out/purser-sidecar") bytes, and $largest are its limit"
}

# image NAME: with whichever of the two builds images here.
image() {
    local made="$repository/purser-$1:$tag" file="images/$1.Containerfile"
    local -a how=(--build-arg "VERSION=$version" --tag "$made" --file "$file" "$out")
    [[ $cpu == "$machine" ]] || how=(--platform "linux/$arch" "${how[@]}")
    if command -v buildah >/dev/null; then
        buildah build --quiet "${how[@]}" >/dev/null
    elif docker info >/dev/null 2>&1; then
        docker build "${how[@]}"
    else
        refuse "neither buildah nor a running docker is here; the programs are in $out"
    fi
    echo "made $made for $arch ($(stat -c %s "$out/purser-$1") bytes; what is in it: $out/purser-$1.cdx.json)"
}

ready
programs
[[ $repository != --programs ]] || exit 0
image operator
image sidecar
