// This file owns the one place that a node has on a machine: its folders, names and addresses, the lock, and taking it all away.
// `node` claims it, clears it before its start and after its end.
// It never ends a process that is not in the node's own cgroup or a shim of its own containerd, and never unmounts or removes
// anything outside its own two folders.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	nodeFolder = "/var/lib/purser-node"
	// A socket's path has at most 107 bytes, so the runtime's state is not below a run's folder.
	runtimeFolder = "/run/purser-node"
	runtimeSocket = "containerd.sock"
	nodeName      = "purser-node"
	nodeCgroup    = "/purser-node"
	pluginFolder  = "/usr/lib/cni"
	bridge        = "purser0"
	bridgeAddress = "10.244.0.1"
	podRange      = "10.244.0.0/24"
	dnsPort       = "53"
	endPatience   = 15 * time.Second
)

// place is where the node keeps a file or folder of this name.
func place(name string) string {
	if name == runtimeSocket || name == ordersSocket || name == "state" {
		return filepath.Join(runtimeFolder, name)
	}
	return filepath.Join(nodeFolder, name)
}

// claimPlace refuses a second node: two would share bridge, iptables chains and addresses.
func claimPlace() (*os.File, error) {
	return claimLock("/run/purser-node.lock", "another node is running on this machine; end it first")
}

// clearPlace takes away whatever a node left, whether it ended in order or was cut off.
func clearPlace() error {
	if err := endLeftProcesses(); err != nil {
		return err
	}
	if err := unmountBelow(nodeFolder, runtimeFolder); err != nil {
		return err
	}
	removeNetwork()
	removeCgroups()
	removeLogLinks()
	for _, folder := range []string{nodeFolder, runtimeFolder} {
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("remove what a node left in %s: %w", folder, err)
		}
	}
	return nil
}

func endLeftProcesses() error {
	for until := time.Now().Add(endPatience); ; time.Sleep(50 * time.Millisecond) {
		left := append(leftShims(), inCgroup()...)
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("processes %v of an ended node do not end", left)
		}
		for _, pid := range left {
			_ = unix.Kill(pid, unix.SIGKILL) // Fails only when it is gone already.
		}
	}
}

// leftShims are the shims that a containerd at our own socket has started: it is named in their arguments.
func leftShims() []int {
	var found []int
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline") // The pattern is well formed.
	for _, path := range paths {
		line, _ := os.ReadFile(path) // A process that is gone has nothing to say.
		words := bytes.Split(line, []byte{0})
		shim := bytes.Contains(words[0], []byte("containerd-shim"))
		ours := slices.ContainsFunc(words, func(word []byte) bool { return string(word) == place(runtimeSocket) })
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if shim && ours && err == nil {
			found = append(found, pid)
		}
	}
	return found
}

func inCgroup() []int {
	var found []int
	for _, root := range cgroups() {
		_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.Name() != "cgroup.procs" {
				return nil
			}
			text, _ := os.ReadFile(path) // A group that is gone has no processes.
			for _, word := range strings.Fields(string(text)) {
				if pid, err := strconv.Atoi(word); err == nil {
					found = append(found, pid)
				}
			}
			return nil
		})
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// cgroups are the node's, in the one hierarchy of version 2 or in each of version 1.
func cgroups() []string {
	one, _ := filepath.Glob("/sys/fs/cgroup" + nodeCgroup)
	each, _ := filepath.Glob("/sys/fs/cgroup/*" + nodeCgroup)
	return append(one, each...)
}

// removeCgroups removes the innermost first. What is still busy stays: the next node uses it again.
func removeCgroups() {
	for _, root := range cgroups() {
		var folders []string
		_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				folders = append(folders, path)
			}
			return nil
		})
		for _, folder := range slices.Backward(folders) {
			_ = os.Remove(folder)
		}
	}
}

// makeCgroups makes the node's own group in each hierarchy; kubelet refuses a root that is not there.
func makeCgroups() error {
	roots := []string{"/sys/fs/cgroup"}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err != nil {
		roots, _ = filepath.Glob("/sys/fs/cgroup/*")
	}
	for _, root := range roots {
		if err := os.MkdirAll(root+nodeCgroup, 0o755); err != nil {
			return fmt.Errorf("make the node's cgroup: %w", err)
		}
		// In version 1 a new set of processors is empty, and nothing can run in it, until it is filled.
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if text, err := os.ReadFile(filepath.Join(root, file)); err == nil {
				_ = os.WriteFile(filepath.Join(root+nodeCgroup, file), text, 0o644)
			}
		}
	}
	return nil
}

// removeLogLinks: kubelet links each container's log into this folder, wherever its own are.
func removeLogLinks() {
	links, _ := filepath.Glob("/var/log/containers/*")
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && strings.HasPrefix(to, nodeFolder+"/") {
			_ = os.Remove(link)
		}
	}
}

// unmountBelow unmounts the innermost first.
func unmountBelow(folders ...string) error {
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return fmt.Errorf("read which mounts a node left: %w", err)
	}
	var mounts []string
	for line := range strings.Lines(string(text)) {
		path := strings.Fields(line)[1]
		if slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix(path, folder+"/") }) {
			mounts = append(mounts, path)
		}
	}
	for _, path := range slices.Backward(mounts) {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("unmount %s: %w", path, err)
		}
	}
	return nil
}
