// This file owns the node of `up --node`: containerd, kubelet, scheduler, kube-proxy and CoreDNS beside the control plane, and the
// bridge that its pods hang on.
// `cluster` starts it after the API server, restarts kubelet and containerd when it is told to (orders.go), and ends it.
// It never uses a containerd, a bridge or a folder of the machine's own: names and paths are in node_place.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const runtimeLimit = 30 * time.Second

type node struct {
	lock   *os.File
	images []string
	dns    string
}

// machinePrograms are what Debian's containerd, runc, containernetworking-plugins, iptables, conntrack and iproute2 bring.
var machinePrograms = []string{"containerd", "ctr", "runc", "iptables", "conntrack", "ip", pluginFolder + "/bridge", pluginFolder + "/host-local"}

// prepareNode takes the machine's one place for a node, clears what a run that was cut off left, and makes the bridge, so that the
// API server can name its address.
func prepareNode(images []string, dns string) (*node, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a node needs root: it mounts, makes network devices and starts containers")
	}
	for _, program := range machinePrograms {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("a node needs %s; tests/node/prepare.sh installs it on Debian: %w", program, err)
		}
	}
	lock, err := claimPlace()
	if err != nil {
		return nil, err
	}
	made := &node{lock: lock, images: images, dns: dns}
	if err := clearPlace(); err != nil {
		return made, err
	}
	if err := makeCgroups(); err != nil {
		return made, err
	}
	return made, makeBridge()
}

func makeBridge() error {
	for _, line := range [][]string{
		{"link", "add", bridge, "type", "bridge"},
		{"addr", "add", bridgeAddress + "/24", "dev", bridge},
		{"link", "set", bridge, "up"},
	} {
		if err := runProgram("ip", line...); err != nil {
			return fmt.Errorf("make the bridge %s: %w", bridge, err)
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644); err != nil {
		return fmt.Errorf("let the machine route for its pods: %w", err)
	}
	return nil
}

// startNode starts everything that makes the API server's pods run.
func (c *cluster) startNode(server string, known credentials) error {
	if err := c.node.writeFiles(server, known); err != nil {
		return err
	}
	if err := c.startRuntime(); err != nil {
		return err
	}
	if err := c.node.importImages(); err != nil {
		return err
	}
	scheduler := []string{"--kubeconfig=" + place("scheduler.kubeconfig"), "--leader-elect=false", "--secure-port=0"}
	if err := c.start("kube-scheduler", scheduler...); err != nil {
		return err
	}
	if err := c.start("kube-proxy", proxyFlags()...); err != nil {
		return err
	}
	if err := c.startProgram("coredns", c.node.dns, "-conf", place("Corefile")); err != nil {
		return err
	}
	if err := c.startKubelet(); err != nil {
		return err
	}
	orders, err := takeOrders()
	c.orders = orders
	return err
}

func (c *cluster) startRuntime() error {
	if err := c.startProgram("containerd", "containerd", "--config", place("containerd.toml")); err != nil {
		return err
	}
	for until := time.Now().Add(runtimeLimit); ; time.Sleep(50 * time.Millisecond) {
		err := containers("version")
		if err == nil {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("containerd does not answer at %s: %w; its log is %s", place(runtimeSocket), err, c.folder.log("containerd"))
		}
	}
}

func (c *cluster) startKubelet() error {
	return c.start("kubelet", "--config="+place("kubelet.yaml"), "--kubeconfig="+place("kubelet.kubeconfig"),
		"--root-dir="+place("kubelet"), "--hostname-override="+nodeName, "--node-ip="+bridgeAddress)
}

// restartNode is what a node's reboot is to its agents: both end, containers stay, both start again.
func (c *cluster) restartNode() error {
	for _, role := range []string{"kubelet", "containerd"} {
		if agent := c.known(role); agent != nil {
			agent.end()
		}
	}
	if err := c.startRuntime(); err != nil {
		return err
	}
	return c.startKubelet()
}

func (n *node) importImages() error {
	for _, image := range n.images {
		if err := containers("-n", "k8s.io", "images", "import", image); err != nil {
			return fmt.Errorf("give the image %s to containerd: %w", image, err)
		}
	}
	return nil
}

func containers(arguments ...string) error {
	return runProgram("ctr", append([]string{"--address", place(runtimeSocket)}, arguments...)...)
}

func runProgram(name string, arguments ...string) error {
	within, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	said, err := exec.CommandContext(within, name, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(arguments, " "), err, strings.TrimSpace(string(said)))
	}
	return nil
}

// end ends the containers of a node whose agents are gone already, and takes away what they left.
func (n *node) end() {
	if err := clearPlace(); err != nil {
		fmt.Fprintf(os.Stderr, "purser-cluster up: the node left something behind: %v\n", err)
	}
	_ = n.lock.Close()
}
