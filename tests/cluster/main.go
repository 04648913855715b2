// This file owns the program's entrance: one binary, one role per process.
// tests/run.sh and the test harness start it as `up`; `up` starts the other roles from the same file.
// It never decides how a role is configured: `up` writes the arguments, the role only obeys them.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// Per cent of what lives: some fifty clusters start in a run, and a fifth of what each start took of a core was collecting.
const garbagePercent = 400

// A child's parent-death signal is tied to the thread that forked it. The main goroutine forks all of them,
// so it must stay on the main thread, which lives exactly as long as the process.
func init() {
	runtime.LockOSThread()
	debug.SetGCPercent(garbagePercent)
}

// roles maps each role to its body: arguments after the role's name in, exit code out.
var roles = map[string]func(args []string) int{
	"up":                      runUp,
	"etcd":                    runEtcd,
	"kube-apiserver":          runAPIServer,
	"kube-controller-manager": runControllerManager,
	"kube-scheduler":          runScheduler,
	"kube-proxy":              runProxy,
	"kubelet":                 runKubelet,
}

func main() {
	role := ""
	if len(os.Args) > 1 {
		role = os.Args[1]
	}
	run, known := roles[role]
	if !known {
		names := make([]string, 0, len(roles))
		for name := range roles {
			names = append(names, name)
		}
		slices.Sort(names)
		fmt.Fprintf(os.Stderr, "purser-cluster: cannot start role %q: there is no such role; use one of: %s\n", role, strings.Join(names, ", "))
		os.Exit(2)
	}
	os.Exit(run(os.Args[2:]))
}
