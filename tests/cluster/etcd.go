// This file owns the role `etcd`: the API server's store, one member, on loopback.
// `up` starts it, on a port that `up` holds (see port.go).
// It never syncs to disk: these clusters live for one test run, and an fsync is the slowest thing in it.
package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

const etcdStartLimit = 60 * time.Second

func runEtcd(args []string) int {
	flags := flag.NewFlagSet("etcd", flag.ContinueOnError)
	dir := flags.String("data-dir", "", "where the store keeps its files")
	port := flags.Int("port", 0, "loopback port for clients")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if err := serveEtcd(*dir, *port); err != nil {
		fmt.Fprintf(os.Stderr, "etcd: cannot serve %s on 127.0.0.1:%d: %v\n", *dir, *port, err)
		return 1
	}
	return 0
}

func serveEtcd(dir string, port int) error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)

	server, err := embed.StartEtcd(etcdConfig(dir, port))
	if err != nil {
		return err
	}
	defer server.Close()
	select {
	case <-server.Server.ReadyNotify():
	case err := <-server.Err():
		return err
	case <-ended:
		return nil
	case <-time.After(etcdStartLimit):
		return fmt.Errorf("no leader after %s; see the lines above", etcdStartLimit)
	}
	select {
	case err := <-server.Err():
		return err
	case <-ended:
		return nil
	}
}

func etcdConfig(dir string, port int) *embed.Config {
	clients := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", port)}
	// A single member never hears from a peer, so any free port will do.
	peers := url.URL{Scheme: "http", Host: "127.0.0.1:0"}

	config := embed.NewConfig()
	config.Dir = dir
	config.UnsafeNoFsync = true
	config.ListenClientUrls = []url.URL{clients}
	config.AdvertiseClientUrls = []url.URL{clients}
	config.ListenPeerUrls = []url.URL{peers}
	config.AdvertisePeerUrls = []url.URL{peers}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.SocketOpts.ReusePort = true
	config.EnableGRPCGateway = false
	// Only etcd's own main sets this default; without it every request is logged as a slow one.
	config.WarningUnaryRequestDuration = embed.DefaultWarningUnaryRequestDuration
	config.LogLevel = "warn"
	config.LogOutputs = []string{"stderr"}
	return config
}
