// This file owns one running cluster: which servers it has, in which order they start and end, and when it is ready.
// `up` runs exactly one.
// It never reports ready before every default that a test may rely on exists.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

type cluster struct {
	request
	folder   folder
	children []*child
}

// run returns nil once `end` says that the cluster is no longer wanted, and an error when it cannot serve.
func (c *cluster) run(end <-chan string) error {
	folder, err := claimFolder(c.dir)
	if err != nil {
		return err
	}
	c.folder = folder
	known, err := makeCredentials(folder)
	if err != nil {
		return err
	}
	server, err := c.startServers(known)
	if err != nil {
		return err
	}
	if c.controllerManager {
		if err := c.startControllerManager(server, known); err != nil {
			return err
		}
	}
	died := c.watchChildren()
	if asked, err := c.awaitReady(server, known, died, end); asked || err != nil {
		return err
	}
	if err := writeKubeconfig(folder.kubeconfig(), server, "admin", known.adminToken, known.ca); err != nil {
		return err
	}
	fmt.Printf("ready %s\n", folder.kubeconfig())
	select {
	case why := <-end:
		fmt.Fprintf(os.Stderr, "purser-cluster up: ending the cluster in %s: %s\n", folder.dir, why)
		return nil
	case gone := <-died:
		return unexpectedEnd(gone)
	}
}

// startServers starts etcd and the API server side by side; the API server waits for its store.
func (c *cluster) startServers(known credentials) (string, error) {
	store, err := holdPort()
	if err != nil {
		return "", err
	}
	port, err := holdPort()
	if err != nil {
		return "", err
	}
	if err := c.start("etcd", "--data-dir="+c.folder.etcd(), "--port="+strconv.Itoa(store)); err != nil {
		return "", err
	}
	key := c.folder.pki("service-account.key")
	flags := []string{
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		"--permit-port-sharing=true",
		"--tls-cert-file=" + c.folder.pki("apiserver.crt"),
		"--tls-private-key-file=" + c.folder.pki("apiserver.key"),
		"--etcd-servers=http://127.0.0.1:" + strconv.Itoa(store),
		"--service-cluster-ip-range=" + serviceRange,
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + key,
		"--service-account-signing-key-file=" + key,
		"--token-auth-file=" + c.folder.pki("tokens.csv"),
		"--authorization-mode=Node,RBAC",
		"--allow-privileged=true",
		// A loopback address may not be an endpoint, so there is nothing to reconcile.
		"--endpoint-reconciler-type=none",
		"--profiling=false",
	}
	return "https://127.0.0.1:" + strconv.Itoa(port), c.start("kube-apiserver", append(flags, c.apiServerFlags...)...)
}

func (c *cluster) startControllerManager(server string, known credentials) error {
	config := c.folder.pki("controller-manager.kubeconfig")
	if err := writeKubeconfig(config, server, "controller-manager", known.controllerManager, known.ca); err != nil {
		return err
	}
	return c.start("kube-controller-manager",
		"--kubeconfig="+config,
		"--secure-port=0",
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file="+c.folder.pki("service-account.key"),
		"--root-ca-file="+c.folder.pki("ca.crt"),
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
		"--profiling=false",
	)
}

func (c *cluster) start(role string, args ...string) error {
	started, err := startChild(c.folder, role, args...)
	if err != nil {
		return err
	}
	c.children = append(c.children, started)
	return nil
}

func (c *cluster) watchChildren() <-chan *child {
	died := make(chan *child, len(c.children))
	for _, watched := range c.children {
		go func() {
			<-watched.gone
			died <- watched
		}()
	}
	return died
}

func unexpectedEnd(gone *child) error {
	return fmt.Errorf("%s ended by itself (%s); the end of %s:\n%s", gone.role, gone.cmd.ProcessState, gone.log, gone.tail())
}

// awaitReady polls until the API server is ready and the cluster's own defaults exist: the namespace `default`, and
// with a controller manager also its ServiceAccount. `asked` says that the cluster is no longer wanted.
func (c *cluster) awaitReady(server string, known credentials, died <-chan *child, end <-chan string) (asked bool, err error) {
	paths := []string{"/readyz", "/api/v1/namespaces/default"}
	if c.controllerManager {
		paths = append(paths, "/api/v1/namespaces/default/serviceaccounts/default")
	}
	probe := newProbe(server, known)
	late := time.After(readyLimit)
	for last := "not asked yet"; len(paths) > 0; {
		select {
		case <-end:
			return true, nil
		case gone := <-died:
			return false, unexpectedEnd(gone)
		case <-late:
			return false, fmt.Errorf("%s%s did not answer 200 within %s (%s); the logs are in %s",
				server, paths[0], readyLimit, last, c.folder.log("*"))
		case <-time.After(25 * time.Millisecond):
		}
		if last = probe.get(paths[0]); last == http.StatusText(http.StatusOK) {
			paths = paths[1:]
		}
	}
	return false, nil
}

type probe struct {
	client        *http.Client
	server, token string
}

func newProbe(server string, known credentials) probe {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(known.ca)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	return probe{client: &http.Client{Transport: transport}, server: server, token: known.adminToken}
}

// get answers "OK", or why not.
func (p probe) get(path string) string {
	within, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	asked, err := http.NewRequestWithContext(within, http.MethodGet, p.server+path, nil)
	if err != nil {
		return err.Error()
	}
	asked.Header.Set("Authorization", "Bearer "+p.token)
	answer, err := p.client.Do(asked)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return strings.ToLower(answer.Status)
	}
	return http.StatusText(http.StatusOK)
}

// end ends the servers in the reverse order of their start, so that none loses what it depends on.
func (c *cluster) end() {
	for len(c.children) > 0 {
		last := len(c.children) - 1
		c.children[last].end()
		c.children = c.children[:last]
	}
}
