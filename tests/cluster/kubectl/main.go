// Package main is kubectl as a program of its own: the tests start it thousands of times, and in purser-cluster each start would make
// ready all that Kubernetes' servers stand on. tests/run.sh and tests/kubernetes name it.
package main

import (
	"runtime/debug"

	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

// Per cent of what lives: most starts end before it would be worth collecting anything.
const garbagePercent = 800

// Errors are printed as kubectl does, without the usage text that servers add.
func main() {
	debug.SetGCPercent(garbagePercent)
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
