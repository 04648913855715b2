// This program is CoreDNS with the plugins that a test node's pods need, and no others.
// `up --node` starts it, at the bridge's address, where every pod's resolv.conf points.
// It never asks a server outside: what is not in the cluster does not exist.
package main

import (
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"

	"github.com/coredns/coredns/coremain"
)

func main() {
	coremain.Run()
}
