// This file owns the role `up`: a whole control plane as one process with children, for as long as someone needs it.
// tests/run.sh starts one for all tests; a test that needs its own starts another in its own folder.
// It never leaves a process behind, whatever ends it, and never uses a folder, a port or a process of another cluster.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

const usage = `purser-cluster up --dir DIR [--controller-manager] [--node --dns COREDNS [--image FILE]...] [-- FLAG...]

Starts etcd and kube-apiserver (and kube-controller-manager) on free loopback ports, with everything they write below DIR.
With --node also a node that runs pods from the images in FILEs: one on a machine, as root. It takes orders (orders.go).
Prints "ready DIR/kubeconfig" and stays until SIGTERM, SIGINT or SIGHUP, until its parent process is gone, or, when its
standard input is a pipe, until that is closed. FLAGs are added to kube-apiserver's and win over its own.
`

const (
	readyLimit = 2 * time.Minute
	parentPoll = 200 * time.Millisecond
	// The first ends the cluster; the others must not wait for a reader.
	mostDeaths = 64
)

type request struct {
	dir               string
	controllerManager bool
	withNode          bool
	images            []string
	dns               string
	apiServerFlags    []string
}

func runUp(args []string) int {
	end := make(chan string, 1)
	watchForEnd(end)

	wanted, err := parseUp(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "purser-cluster up: cannot start: %v\n\n%s", err, usage)
		return 2
	}
	cluster := &cluster{request: wanted, died: make(chan *child, mostDeaths)}
	defer cluster.end()
	if err := cluster.run(end); err != nil {
		fmt.Fprintf(os.Stderr, "purser-cluster up: cannot run a cluster in %s: %v\n", wanted.dir, err)
		return 1
	}
	return 0
}

func parseUp(args []string) (request, error) {
	var wanted request
	if split := slices.Index(args, "--"); split >= 0 {
		args, wanted.apiServerFlags = args[:split], args[split+1:]
	}
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage) }
	flags.StringVar(&wanted.dir, "dir", "", "")
	flags.BoolVar(&wanted.controllerManager, "controller-manager", false, "")
	flags.BoolVar(&wanted.withNode, "node", false, "")
	flags.StringVar(&wanted.dns, "dns", "", "")
	flags.Func("image", "", func(file string) error {
		wanted.images = append(wanted.images, file)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return wanted, err
	}
	if flags.NArg() > 0 {
		return wanted, fmt.Errorf("%q is not an option; kube-apiserver's own flags stand after `--`", flags.Arg(0))
	}
	if wanted.dir == "" {
		return wanted, errors.New("--dir is missing; name a folder that the cluster may fill")
	}
	if wanted.withNode && (!wanted.controllerManager || wanted.dns == "") {
		return wanted, errors.New("--node needs --controller-manager, and --dns with the program that tests/cluster/build.sh makes")
	}
	return wanted, nil
}

// watchForEnd reports, once, why the cluster is no longer wanted.
func watchForEnd(end chan<- string) {
	report := func(why string) {
		select {
		case end <- why:
		default:
		}
	}
	parent := os.Getppid()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	go func() {
		report((<-signals).String())
	}()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(parentPoll)
		}
		report("the parent process is gone")
	}()
	// A shell gives a background job /dev/null, which is at its end from the start: only a pipe says anything.
	if input, err := os.Stdin.Stat(); err == nil && input.Mode()&os.ModeNamedPipe != 0 {
		go func() {
			bytes := make([]byte, 512)
			for {
				if _, err := os.Stdin.Read(bytes); err != nil {
					report("standard input was closed")
					return
				}
			}
		}()
	}
}
