// This file owns the roles that are Kubernetes' own commands, linked in unchanged.
// `up` starts them.
// It never adds or hides a flag: what upstream's command accepts is what the role accepts.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // CronJobs name time zones, and a bare machine has no zone files.

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func runAPIServer(args []string) int {
	return runServer("kube-apiserver", apiserver.NewAPIServerCommand, args)
}

func runControllerManager(args []string) int {
	return runServer("kube-controller-manager", controllermanager.NewControllerManagerCommand, args)
}

func runScheduler(args []string) int {
	newCommand := func() *cobra.Command { return scheduler.NewSchedulerCommand() }
	return runServer("kube-scheduler", newCommand, args)
}

func runKubelet(args []string) int {
	newCommand := func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) }
	return runServer("kubelet", newCommand, args)
}

func runProxy(args []string) int {
	return runServer("kube-proxy", proxy.NewProxyCommand, args)
}

// runServer gives the command the os.Args it would have as a program of its own.
func runServer(name string, command func() *cobra.Command, args []string) int {
	os.Args = append([]string{name}, args...)
	return cli.Run(command())
}
