// This file owns what a node adds to the machine's network and how it is taken away again: the bridge, and the chains and rules of
// kube-proxy, kubelet and the bridge plugin.
// `clearPlace` calls it. Each removal may find nothing to remove.
// It never touches a chain whose name is not Kubernetes' or the plugins' own, nor another chain's other rules.
package main

import (
	"net"
	"os/exec"
	"strings"
)

// removeNetwork is content with what it finds: there is nothing to do where nothing is.
func removeNetwork() {
	devices, _ := net.Interfaces()
	for _, device := range devices {
		if strings.HasPrefix(device.Name, bridge) {
			_ = runProgram("ip", "link", "delete", device.Name)
		}
	}
	for _, program := range []string{"iptables", "ip6tables"} {
		for _, table := range []string{"nat", "filter", "mangle"} {
			removeChains(program, table)
		}
	}
}

// removeChains takes rules that name our chains from the built-in ones, then empties our chains, then deletes them.
func removeChains(program, table string) {
	said, err := exec.Command(program, "--wait", "--table", table, "--list-rules").Output()
	if err != nil {
		return
	}
	var chains []string
	for line := range strings.Lines(string(said)) {
		words := strings.Fields(line)
		switch {
		case len(words) < 2:
		case words[0] == "-N" && isOurs(words[1]):
			chains = append(chains, words[1])
		case words[0] == "-A" && !isOurs(words[1]) && namesOurs(words):
			removeRule(program, table, strings.TrimSpace(line))
		}
	}
	for _, action := range []string{"--flush", "--delete-chain"} {
		for _, chain := range chains {
			_ = runProgram(program, "--wait", "--table", table, action, chain)
		}
	}
}

// removeRule gives the rule back to iptables as it was listed; the shell takes its quotes apart.
func removeRule(program, table, rule string) {
	_ = runProgram("sh", "-c", program+" --wait --table "+table+" -D"+strings.TrimPrefix(rule, "-A"))
}

func isOurs(chain string) bool {
	return strings.HasPrefix(chain, "KUBE-") || strings.HasPrefix(chain, "CNI-")
}

func namesOurs(words []string) bool {
	for place, word := range words[:len(words)-1] {
		if (word == "-j" || word == "-g") && isOurs(words[place+1]) {
			return true
		}
	}
	return false
}
