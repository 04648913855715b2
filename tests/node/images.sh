#!/usr/bin/env bash
# Owns target/node: the images that the node tests run, as files that containerd imports: the operator's and the sidecar's as
# images/build.sh makes them, a pause image, and an application's with Python and the openai SDK.
# Called by tests/run.sh, or by hand; needs Rust, musl-gcc, buildah and what tests/toolchain.sh makes. PURSER_PROFILE names the
# cargo profile (release when unset: what ships, without its slowest optimisations). PURSER_NODE_PROGRAMS names a folder whose programs
# are taken instead of building any: those of all other tests, each with the libraries that it asks for.
# Must never pull an image, or leave one in anybody's own storage.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out="$root/target/node"
python="$root/target/toolchain/python/bin/python"
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
# What `import openai` needs, and no more.
packages=(openai annotated_types anyio certifi distro h11 httpcore2 httpx2 idna jiter pydantic pydantic_core sniffio truststore typing_extensions.py typing_inspection)

mkdir -p "$out"
exec 9>"$out/lock"
flock 9
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot CONTAINERS_STORAGE_CONF="$out/storage.conf" PURSER_PROFILE=${PURSER_PROFILE:-release}
printf '[storage]\ndriver = "vfs"\nrunroot = "%s/run"\ngraphroot = "%s/storage"\n' "$out" "$out" >"$CONTAINERS_STORAGE_CONF"

# image NAME TAG CONTAINERFILE FOLDER: builds it and writes NAME.tar, unless its parts are what they were.
image() {
    local stamp
    stamp=$({ find "$4" -type f -printf '%P %s %m\n' | sort; [[ $1 == application ]] || cat "$4"/*; cat "$3" "$here"/image/*.py; echo "$2"; } 2>/dev/null | sha256sum)
    [[ $(cat "$out/$1.stamp" 2>/dev/null) != "$stamp" ]] || return 0
    buildah build --quiet --tag "$2" --file "$3" "$4" >/dev/null
    save "$1" "$2"
    echo "$stamp" >"$out/$1.stamp"
}

save() {
    rm -f "$out/$1.tar"
    buildah push --quiet "$2" "docker-archive:$out/$1.tar:$2"
}

pause() {
    mkdir -p "$out/pause"
    musl-gcc -static -Os -s -o "$out/pause/pause" "$here/image/pause.c"
    image pause registry.example/pause:1 "$here/image/pause.Containerfile" "$out/pause"
}

# libraries FILE...: what the dynamic loader would open for them, and the loader.
libraries() {
    ldd "$@" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 } /^\t\// { print $1 }' | sort -u
}

# with_libraries FOLDER FILE...: puts what they would open into the folder, each where it is.
with_libraries() {
    local library
    while read -r library; do
        mkdir -p "$1$(dirname "$library")"
        cp -L "$library" "$1$library"
    done < <(libraries "${@:2}")
}

# The interpreter finds its library beside itself, so both keep their places.
application() {
    local files="$out/application/root" base dynamic site package
    rm -rf "$out/application"
    mkdir -p "$files/app/packages" "$files/usr/bin" "$files/tmp" "$files/etc"
    base=$("$python" -c 'import sys, sysconfig; print(sysconfig.get_path("stdlib"))')
    site=$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    dynamic=$("$python" -c 'import os, sys; print(os.path.realpath(sys.executable))')
    mkdir -p "$files$base" "$files$(dirname "$dynamic")"
    cp "$dynamic" "$files$dynamic"
    ln -s "$dynamic" "$files/usr/bin/python3"
    # With their times, by which Python knows what it has compiled before.
    tar -C "$base" --exclude=./site-packages --exclude=./dist-packages --exclude=./test --exclude=./idlelib \
        --exclude=./tkinter --exclude=./ensurepip --exclude='./config-*' --exclude='*.a' -c . | tar -C "$files$base" -x
    for package in "${packages[@]}"; do
        cp -a "$site/$package" "$site/${package%.py}"-[0-9]*.dist-info "$files/app/packages/"
    done
    cp "$here"/image/*.py "$files/app/"
    PYTHONPATH="$files/app/packages" "$dynamic" -S -B -c 'import openai; openai.OpenAI(api_key="none")' || {
        echo "tests/node/images.sh: the packages that are copied are not enough for the openai SDK; the reason stands above" >&2
        return 1
    }
    with_libraries "$files" "$dynamic" $(find "$files" -name '*.so')
    printf 'application:x:1000:1000::/app:/none\n' >"$files/etc/passwd"
    # Files of the machine may be closed to others; in a pod nobody is root.
    chmod -R a+rX "$files"
    image application registry.example/application:1 "$here/image/application.Containerfile" "$out/application"
}

# purser NAME: images/build.sh made it into our own storage.
purser() {
    local stamp
    stamp=$(sha256sum "$root/target/images/purser-$1")
    [[ $(cat "$out/$1.stamp" 2>/dev/null) != "$stamp" ]] || return 0
    save "$1" "ghcr.io/purser/purser-$1:$version"
    echo "$stamp" >"$out/$1.stamp"
}

# of_tests NAME: the same image around the program that all other tests run.
of_tests() {
    local folder="$out/$1" file="$out/$1.Containerfile"
    rm -rf "$folder"
    mkdir -p "$folder/libraries"
    strip -o "$folder/purser-$1" "$PURSER_NODE_PROGRAMS/purser-$1"
    with_libraries "$folder/libraries" "$folder/purser-$1"
    chmod -R a+rX "$folder/libraries"
    { sed "s/^ARG VERSION/&=$version/" "$root/images/$1.Containerfile" && echo "COPY libraries /"; } >"$file"
    image "$1" "ghcr.io/purser/purser-$1:$version" "$file" "$folder"
}

pause
application
if [[ -n ${PURSER_NODE_PROGRAMS:-} ]]; then
    of_tests operator
    of_tests sidecar
else
    "$root/images/build.sh"
    purser operator
    purser sidecar
fi
