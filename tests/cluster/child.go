// This file owns the child processes of `up`: how one starts, how one ends, what its log says last.
// `up` calls it from the main goroutine only (see main.go: the parent-death signal hangs on the thread).
// It never signals a process that it did not start, and never returns from `end` while the child lives.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Kubernetes' servers wait for open watches after a first SIGTERM and end at once at a second.
const (
	politeLimit = 2 * time.Second
	endLimit    = 12 * time.Second
	tailLines   = 12
)

type child struct {
	role string
	log  string
	cmd  *exec.Cmd
	// Whether it is ended on purpose.
	dismissed atomic.Bool
	// Closed once the process has been waited for; cmd.ProcessState is set by then.
	gone chan struct{}
	// Starts another in its place.
	again func() (*child, error)
}

// startChild runs this same program in another role. It starts the file that is running now, even when a rebuild has
// replaced it on disk.
func startChild(f folder, role string, args ...string) (*child, error) {
	cmd := exec.Command("/proc/self/exe", append([]string{role}, args...)...)
	cmd.Args[0] = "purser-cluster"
	cmd.ExtraFiles = []*os.File{f.lock}
	return startCommand(f, role, cmd)
}

func startCommand(f folder, role string, cmd *exec.Cmd) (*child, error) {
	log, err := os.OpenFile(f.log(role), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create the log of %s: %w", role, err)
	}
	defer log.Close()

	cmd.Dir = f.dir
	cmd.Stdout, cmd.Stderr = log, log
	// Its own process group keeps a terminal's Ctrl-C for `up`, which ends the children in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", role, err)
	}
	c := &child{role: role, log: log.Name(), cmd: cmd, gone: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // How it ended is in cmd.ProcessState.
		close(c.gone)
	}()
	return c, nil
}

func (c *child) end() {
	c.dismissed.Store(true)
	hard := time.After(endLimit)
	for {
		_ = c.cmd.Process.Signal(syscall.SIGTERM) // Fails only when the process is gone already.
		select {
		case <-c.gone:
			return
		case <-time.After(politeLimit):
		case <-hard:
			_ = c.cmd.Process.Kill()
			<-c.gone
			return
		}
	}
}

func (c *child) isGone() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}

// tail is the end of the child's log, for an error message.
func (c *child) tail() string {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}
