// Package main is kubectl as a program of its own: the tests start it thousands of times, and in purser-cluster each start would make
// ready all that Kubernetes' servers stand on. tests/run.sh and tests/kubernetes name it.
package main

import (
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/util"
)

// Errors are printed as kubectl does, without the usage text that servers add.
func main() {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		util.CheckErr(err)
	}
}
