// This file owns the folder of one cluster: its layout, its lock and its being empty at the start.
// `up` claims it before anything else starts.
// It never removes a file that an earlier `up` did not write, and never touches a folder that a living cluster uses.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// An `up` that was killed a moment ago may have children that are still ending.
const claimLimit = 15 * time.Second

type folder struct {
	dir string
	// The children inherit the lock, so that it is free only once the last of them is gone.
	lock *os.File
}

func (f folder) kubeconfig() string     { return filepath.Join(f.dir, "kubeconfig") }
func (f folder) etcd() string           { return filepath.Join(f.dir, "etcd") }
func (f folder) pki(name string) string { return filepath.Join(f.dir, "pki", name) }
func (f folder) log(role string) string { return filepath.Join(f.dir, "logs", role+".log") }

func claimFolder(path string) (folder, error) {
	dir, err := filepath.Abs(path)
	if err != nil {
		return folder{}, fmt.Errorf("find the folder %s: %w", path, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return folder{}, fmt.Errorf("create the cluster's folder %s: %w", dir, err)
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return folder{}, err
	}
	for _, left := range []string{"kubeconfig", "etcd", "pki", "logs"} {
		if err := os.RemoveAll(filepath.Join(dir, left)); err != nil {
			return folder{}, fmt.Errorf("remove what an earlier cluster left in %s: %w", dir, err)
		}
	}
	for _, fresh := range []string{"etcd", "pki", "logs"} {
		if err := os.Mkdir(filepath.Join(dir, fresh), 0o700); err != nil {
			return folder{}, fmt.Errorf("lay out the cluster's folder %s: %w", dir, err)
		}
	}
	return folder{dir: dir, lock: lock}, nil
}

func lockFolder(dir string) (*os.File, error) {
	return claimLock(filepath.Join(dir, "lock"), "a cluster is running there; end it, or name another --dir")
}

// claimLock waits a while for a lock that nobody else may hold; busy is what to tell when somebody does.
func claimLock(path, busy string) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock: %w", err)
	}
	for until := time.Now().Add(claimLimit); ; time.Sleep(50 * time.Millisecond) {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return lock, nil
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, fmt.Errorf("lock %s: %w", path, err)
		case time.Now().After(until):
			return nil, fmt.Errorf("lock %s: %s", path, busy)
		}
	}
}
