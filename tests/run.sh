#!/usr/bin/env bash
# Owns the one command that tests everything: which steps there are, in which order, and what counts as passed.
# Called by a developer and by .ci/run:
#   tests/run.sh         toolchain, formatting, lints, and every test against a real API server, SDKs and model server; beside them the
#                        node stage, with the same programs in its images; left out, and said to be, where the machine can be no node
#   tests/run.sh suites  all of that but the node stage
#   tests/run.sh soak    what has a long duration, for that long, with release binaries and one suite at a time, about 100 minutes when
#                        built; tests write their figures to tests/figures
#   tests/run.sh node    the node stage alone: containerd, kubelet, the images and charts as they ship; needs root on Debian
#   tests/run.sh quick   formatting, lints, unit, golden and house tests; needs nothing but Rust
#   tests/run.sh sim     the simulation alone, 10,000 seeds (PURSER_SIM_SEEDS, PURSER_SIM_FIRST); needs nothing but Rust
# The last line is "N passed, N failed". Must never leave a process behind, end one that it did not start, or use a
# cluster, a port or a folder that is not this run's own.
set -euo pipefail
# Every job gets its own process group, so that ending a step also ends what cargo and the tests started.
set -m

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
mode=${1:-default}
passed=0 failed=0
job='' node='' run='' finished=''
declare -A lanes=() clusters=()
# The suites that `cargo test --workspace` leaves to the lanes, and clippy's --all-targets with it.
beside=(--test kill --test kubernetes --test scale --test sdk --test node)
# What a soak is for: the tests that have a longer duration there (`figures::soak`), by their modules' names.
long_on_node=(outage:: changed:: plan::)
long_in_a_cluster=(certificates:: crowd:: outage:: rate::)

heading() { printf '[%4d s] %s\n' "$SECONDS" "$1"; }
complain() { echo "tests/run.sh: $1" >&2; }

# end_group PID [SECONDS]: SIGTERM to the job's whole process group, SIGKILL after so long; returns when nobody is left in it.
end_group() {
    local signal tries
    for signal in TERM KILL; do
        kill "-$signal" -- "-$1" 2>/dev/null || break
        for ((tries = 0; tries < ${2:-20} * 10; tries++)); do
            kill -0 -- "-$1" 2>/dev/null || break 2
            sleep 0.1
        done
    done
    wait "$1" 2>/dev/null || true
}

finish() {
    trap - EXIT
    trap '' INT TERM HUP
    set +m
    [[ -z $job ]] || end_group "$job"
    # Of the node's, this script ends what it started by itself, which takes a node its time.
    local name
    for name in "${!lanes[@]}"; do
        end_group "${lanes[$name]}" 180
    done
    # A node ends its pods, unmounts their volumes and takes its rules out of iptables.
    [[ -z $node ]] || end_group "$node" 120
    for name in "${!clusters[@]}"; do
        end_group "${clusters[$name]}"
    done
    if [[ -z $finished ]]; then
        failed=$((failed + 1))
    fi
    if [[ -n $run ]] && ((failed == 0)); then
        rm -rf "$run"
    elif [[ -n $run ]]; then
        echo "what this run left is in $run until the next run"
    fi
    echo "$passed passed, $failed failed"
    ((failed == 0)) || exit 1
    exit 0
}

# step NAME COMMAND...: runs it as a job, so that a signal to this script is obeyed at once.
step() {
    local status=0
    heading "$1"
    "${@:2}" </dev/null &
    job=$!
    wait "$job" || status=$?
    if kill -0 -- "-$job" 2>/dev/null; then
        end_stragglers "$1" || status=1
    fi
    job=''
    return "$status"
}

# runs GROUP: whether a process of it does; one that has ended and that nobody has waited for yet does not.
runs() {
    ps -eo pgid=,stat= | awk -v group="$1" '$1 == group && $2 !~ /^Z/ { found = 1 } END { exit !found }'
}

# A step that is over may leave a process that is just ending, but none that stays.
end_stragglers() {
    local tries
    for ((tries = 0; tries < 30; tries++)); do
        runs "$job" || return 0
        sleep 0.1
    done
    complain "'$1' left processes running; they are ended now. Whatever starts a process must end it and wait for it:"
    ps -eo pgid=,pid=,args= | awk -v group="$job" '$1 == group' >&2
    end_group "$job"
    return 1
}

lint() {
    check "lints" cargo clippy --workspace --all-targets -- -D warnings
    check "lints of the lanes' tests" cargo clippy --workspace "${beside[@]}" -- -D warnings
}

check() {
    step "$@" && passed=$((passed + 1)) && return
    failed=$((failed + 1))
    complain "'$1' failed; the reason stands above"
}

# Without what `must` makes, no later step can say anything.
must() {
    step "$@" || give_up "'$1' failed, so nothing after it can run; the reason stands above"
}

# Ends the run, which then counts one more failure.
give_up() {
    complain "$1"
    exit 1
}

fresh_folder() {
    local old
    mkdir -p target/tests
    exec 7>target/tests/lock
    flock 7
    for old in target/tests/run.*; do
        [[ -d $old ]] || continue
        # A run holds its lock as long as it lives; what nobody holds was cut off or has failed.
        flock --nonblock "$old/lock" rm -rf "$old" 2>/dev/null || true
    done
    run=$root/target/tests/run.$$
    mkdir -p "$run"
    exec 8>"$run/lock"
    flock 8
    exec 7>&-
}

# up NAME ARGUMENTS...: starts a cluster in $run/NAME with its kubectl beside it; its process is $up until it is known to be ready.
up() {
    local name=$1
    shift
    "$PURSER_TEST_CLUSTER" up --dir "$run/$name" --controller-manager "$@" >"$run/$name.out" 2>"$run/$name.err" </dev/null &
    up=$!
    # The wrapper names its kubeconfig before the caller's arguments: a test may name another, but nobody's own
    # cluster (KUBECONFIG, ~/.kube) is ever reached by accident.
    cat >"$run/$name.kubectl" <<WRAPPER
#!/bin/sh
# Owns nothing: kubectl for the tests of one run of tests/run.sh, which made it.
KUBERC=off exec "$root/target/cluster/kubectl" --kubeconfig="$run/$name/kubeconfig" --cache-dir="$run/kubectl-cache" "\$@"
WRAPPER
    chmod +x "$run/$name.kubectl"
}

# until_ready NAME PID
until_ready() {
    until grep -q '^ready ' "$run/$1.out"; do
        if ! kill -0 "$2" 2>/dev/null; then
            cat "$run/$1.err" >&2
            return 1
        fi
        sleep 0.05
    done
}

# start_cluster NAME: what is begun after it finds it.
start_cluster() {
    heading "starting etcd, kube-apiserver and kube-controller-manager: $1"
    up "$1"
    clusters[$1]=$up
    until_ready "$1" "$up" || give_up "the test cluster did not start; the reason stands above"
    export PURSER_TEST_KUBECONFIG="$run/$1/kubeconfig" PURSER_TEST_KUBECTL="$run/$1.kubectl"
}

# All that is not Rust. It waits for the net as much as it works, so it goes on beside what is.
fetch_tools() {
    tests/toolchain.sh && tests/cluster/build.sh
}

name_tools() {
    local tools=$root/target/toolchain built=$root/target/cluster
    export PATH="$tools/bin:$PATH" PURSER_TEST_FIGURES="$root/tests/figures"
    export PURSER_TEST_CLUSTER="$built/purser-cluster" PURSER_TEST_METRICS_SERVER="$built/metrics-server" PURSER_TEST_HELM="$built/helm"
    export PURSER_TEST_PROMTOOL="$tools/bin/promtool" PURSER_TEST_REDIS="$tools/bin/redis-server"
    export PURSER_TEST_POSTGRES="$(realpath "$tools/postgres")" PURSER_TEST_GGUF="$tools/smollm2.gguf"
    export PURSER_TEST_PYTHON="$tools/python/bin/python" PURSER_TEST_NODE_DIR="$tools/node"
    export PURSER_TEST_SCHEMATHESIS="$tools/schemathesis/bin/schemathesis"
}

prepare() {
    local target bad folder=debug
    target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
    if [[ $mode == soak ]]; then
        folder=release
        mkdir -p tests/figures
        export PURSER_TEST_SOAK=1
    fi
    # Rust links with it.
    command -v cc >/dev/null || must "tools, a C compiler among them" fetch_tools
    begin_lane tools fetch_tools
    if [[ $mode == soak ]]; then
        must "binaries (release)" cargo build --workspace --bins --release
    else
        # At once: tests ask for more features of what all stand on, and what is built without them is built a second time.
        must "binaries and test programs" cargo build --workspace --bins --tests
        must "test programs of the lanes" cargo test --workspace "${beside[@]}" --no-run
        lint
    fi
    bad=$failed
    end_lane tools
    ((failed == bad)) || give_up "without its tools no test can say anything; the reason stands above"
    name_tools
    export PURSER_TEST_BIN="$target/$folder"
    start_cluster cluster
}

# Whether this machine can be a node; its images are built then, while nothing is timed.
prepare_node() {
    if ! step "node: the machine" tests/node/prepare.sh; then
        complain "the node stage is left out, because this machine can be no node; the reason stands above"
        return 1
    fi
    must "node: its images" tests/node/images.sh
}

# A machine that can be no node fails this stage, and says why.
node_stage() {
    local bad=$failed images=(pause application operator sidecar)
    check "node: the machine" tests/node/prepare.sh
    ((failed == bad)) && check "node: its images" tests/node/images.sh
    ((failed == bad)) || return 0
    heading "starting a node: containerd, kubelet, kube-proxy, scheduler and CoreDNS"
    images=("${images[@]/#/--image=$root/target/node/}")
    up node --node --dns "$root/target/cluster/coredns" "${images[@]/%/.tar}" -- \
        --audit-policy-file="$root/tests/node/audit.yaml" --audit-log-path="$run/node.audit" --audit-log-maxsize=1000
    node=$up
    if ! until_ready node "$node"; then
        complain "the node did not start; the reason stands above"
        failed=$((failed + 1))
        return 0
    fi
    export PURSER_TEST_NODE_KUBECONFIG="$run/node/kubeconfig" PURSER_TEST_NODE_KUBECTL="$run/node.kubectl"
    # One at a time: some stop the only operator, and the pods of the others, side by side, left it too little of two cores to live.
    if [[ -n ${PURSER_TEST_SOAK:-} ]]; then
        run_tests "node, long" --workspace --test node -- --test-threads=1 "${long_on_node[@]}"
    else
        run_tests "node tests" --workspace --test node -- --test-threads=1 --skip node::rights
        # What all of them made the operator ask for.
        export PURSER_TEST_NODE_AUDIT="$run/node.audit"
        run_tests "node: the operator's rights" --workspace --test node -- node::rights
    fi
    if ! kill -0 "$node" 2>/dev/null; then
        cat "$run/node.err" >&2
        give_up "the node ended before the tests did; the reason stands above"
    fi
}

# Not a pipeline: that would last as long as any process that a test left behind, instead of naming it.
cargo_test() {
    cargo test --no-fail-fast "$@" > >(tee "$run/tests.log") 2>&1
}

# count NAME LOG STATUS: adds what the log's "test result:" lines say.
count() {
    local ok=0 bad=0
    read -r ok bad < <(sed -nE 's/.*test result: .* ([0-9]+) passed; ([0-9]+) failed;.*/\1 \2/p' "$2" |
        awk '{ ok += $1; bad += $2 } END { print ok + 0, bad + 0 }')
    if (($3 != 0 && bad == 0)); then
        complain "'$1' failed although no test did: it did not compile, ended early or left processes; the reason stands above"
        bad=1
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
}

# run_tests NAME ARGUMENTS...: shows the output, and counts.
run_tests() {
    local status=0
    step "$1" cargo_test "${@:2}" || status=1
    count "$1" "$run/tests.log" "$status"
}

# begin_lane NAME COMMAND...: runs it beside the others, silently. Most tests of some suites wait, for a minute's window or for a kill.
begin_lane() {
    heading "beside the others: $1"
    "${@:2}" >"$run/$1.log" 2>&1 </dev/null &
    lanes[$1]=$!
}

# end_lane NAME: waits for it, shows its output, and counts.
end_lane() {
    local status=0
    wait "${lanes[$1]}" || status=1
    job=${lanes[$1]}
    unset "lanes[$1]"
    heading "what was run beside the others: $1"
    cat "$run/$1.log"
    if kill -0 -- "-$job" 2>/dev/null; then
        end_stragglers "$1" || status=1
    fi
    job=''
    count "$1" "$run/$1.log" "$status"
}

all_tests() {
    local lane
    # A quarter of a cold run would go into building the images' programs once more, static: `tests/run.sh node` and a soak do.
    export PURSER_NODE_PROGRAMS=$PURSER_TEST_BIN
    if [[ $mode == suites ]]; then
        # Lanes as equal as they can be. sdk has a cluster of its own: the operator that tests of kubernetes share looks after all of theirs.
        begin_lane cluster cargo test --workspace --no-fail-fast --test kubernetes
        start_cluster cluster-of-sdk
        begin_lane kill cargo test --workspace --no-fail-fast --test kill --test scale --test sdk
    else
        # Nothing lasts as long as a node's tests, and beside more than these lanes they have too little to live.
        prepare_node && begin_lane node tests/run.sh node
        begin_lane kill cargo test --workspace --no-fail-fast --test kill
        begin_lane cluster cargo test --workspace --no-fail-fast --test kubernetes --test sdk --test scale
    fi
    run_tests "all other tests" --workspace
    # Not beside the same tests: more at once than this is no sooner done, and what has half a second to answer no longer does.
    begin_lane shared tests/gateway/shared.sh
    for lane in shared cluster kill node; do
        [[ -z ${lanes[$lane]:-} ]] || end_lane "$lane"
    done
}

# Figures are to be quoted: each suite has the machine to itself, but for the kills, whose figures are counts, and what is counted beside them.
long_tests() {
    must "test programs" cargo test --workspace "${beside[@]}" --test console --test gateway --no-run
    must "test programs (release)" cargo test --release --package purser-authority --test ledger --no-run
    run_tests "cluster, long" --workspace --test kubernetes --test scale -- --test-threads=1 "${long_in_a_cluster[@]}"
    run_tests "a million calls in the log" --release --package purser-authority --test ledger million
    if prepare_node; then
        begin_lane node tests/run.sh node
        end_lane node
    fi
    begin_lane kill cargo test --workspace --no-fail-fast --test kill
    run_tests "gateway and console, long" --workspace --test gateway --test console -- failover:: metrics:: reload:: fuzz:: soon_there a_person_does_everything
    end_lane kill
}

still_up() {
    local name
    for name in "${!clusters[@]}"; do
        kill -0 "${clusters[$name]}" 2>/dev/null && continue
        cat "$run/$name.err" >&2
        give_up "a test cluster ended before the tests did; the reason stands above"
    done
}

# Read whole before it begins: who edits this file while it runs changes the next run.
main() {
    case $mode in
        default | suites | soak | node | quick | sim) ;;
        *)
            complain "there is no mode '$mode'; use none, suites, soak, node, quick or sim"
            exit 2
            ;;
    esac
    trap finish EXIT
    trap 'complain "interrupted: ending what was started"; exit 1' INT TERM HUP
    command -v cargo >/dev/null || give_up "there is no \`cargo\` in PATH; install Rust (https://rustup.rs) and run again"
    # Incremental state helps the next build of the same tree; in CI there is none.
    [[ -z ${CI:-} ]] || export CARGO_INCREMENTAL=0

    fresh_folder
    [[ $mode == sim || $mode == node ]] || check "formatting" cargo fmt --all --check
    if [[ $mode == sim ]]; then
        mkdir -p tests/figures
        export PURSER_TEST_FIGURES="$root/tests/figures" PURSER_SIM_SEEDS=${PURSER_SIM_SEEDS:-10000}
        run_tests "simulation, $PURSER_SIM_SEEDS seeds" --release --package purser-tests --test sim
    elif [[ $mode == quick ]]; then
        lint
        run_tests "unit and golden tests" --workspace --exclude purser-tests
        run_tests "house tests" --package purser-tests --lib --test house
    elif [[ $mode == node ]]; then
        must "tools" fetch_tools
        name_tools
        node_stage
    elif [[ $mode == soak ]]; then
        prepare
        long_tests
        still_up
    else
        prepare
        all_tests
        still_up
    fi
    heading "done"
    finished=yes
}

main; exit
