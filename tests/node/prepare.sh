#!/usr/bin/env bash
# Owns what a machine needs beside the toolchain before it can be a node: Debian packages and musl's target for Rust.
# Called by tests/run.sh, or by hand; says nothing when there is nothing to do.
# Must never leave a service running that a package brings: the tests start a containerd of their own.
set -euo pipefail

refuse() {
    echo "tests/node/prepare.sh: $1" >&2
    exit 1
}

missing=()
need() {
    command -v "$1" >/dev/null || missing+=("$2")
}

need containerd containerd
need runc runc
need iptables iptables
need conntrack conntrack
need ip iproute2
need buildah buildah
need musl-gcc musl-tools
[[ -x /usr/lib/cni/bridge ]] || missing+=(containernetworking-plugins)
((EUID == 0)) || refuse "a node needs root: it mounts, makes network devices and starts containers; run as root, or on another machine"
if ((${#missing[@]})); then
    command -v apt-get >/dev/null ||
        refuse "these Debian packages are missing and only root on Debian can add them: ${missing[*]}; install them and run again"
    echo "node: installing Debian packages: ${missing[*]}"
    # Packages ask this script whether their services may start.
    policy=/usr/sbin/policy-rc.d
    [[ -e $policy ]] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && trap 'rm -f "$policy"' EXIT; }
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -o DPkg::Lock::Timeout=300 install -y -qq \
        --no-install-recommends "${missing[@]}" >/dev/null || refuse "apt-get could not install ${missing[*]}; the reason stands above"
fi
# Some machines can have no node, whatever is installed: say so before ten minutes of building.
grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || refuse "this kernel has no overlay file system, which images need"
iptables --wait --table nat --list-rules >/dev/null 2>&1 || refuse "iptables does not work here, and Services need it: $(iptables -t nat -S 2>&1 | head -n 1)"
unshare --mount --net --pid --fork true 2>/dev/null || refuse "this machine makes no namespaces (unshare fails), and containers live in them"
# Of version 2 there is one tree, of version 1 one for each kind.
groups=/sys/fs/cgroup
[[ -e $groups/cgroup.controllers ]] || groups=/sys/fs/cgroup/memory
mkdir "$groups/purser-probe.$$" 2>/dev/null && rmdir "$groups/purser-probe.$$" || refuse "control groups cannot be made under $groups, and every container has one"
