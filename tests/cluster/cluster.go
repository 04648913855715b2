// This file owns one running cluster: which servers it has, in which order they start and end, and when it is ready.
// `up` runs exactly one.
// It never reports ready before every default that a test may rely on exists.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const nodeReady = "/api/v1/nodes/" + nodeName

type cluster struct {
	request
	folder   folder
	children []*child
	died     chan *child
	node     *node
	// Of a cluster without a node nobody can give any.
	orders <-chan order
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
	if c.withNode {
		if c.node, err = prepareNode(c.images, c.dns); err != nil {
			return err
		}
	}
	server, err := c.startServers(known)
	if err != nil {
		return err
	}
	// The namespace `default` is a default that tests rely on.
	if asked, err := c.awaitReady(server, known, []string{"/readyz", "/api/v1/namespaces/default"}, end); asked || err != nil {
		return err
	}
	if c.controllerManager {
		// It gives up after 10 s without its rights, which a busy API server may not have made by then: so it starts after that is ready.
		if err := c.startControllerManager(server, known); err != nil {
			return err
		}
		account := []string{"/api/v1/namespaces/default/serviceaccounts/default"}
		if asked, err := c.awaitReady(server, known, account, end); asked || err != nil {
			return err
		}
	}
	if c.withNode {
		if err := c.startNode(server, known); err != nil {
			return err
		}
		if asked, err := c.awaitReady(server, known, []string{nodeReady}, end); asked || err != nil {
			return err
		}
	}
	if err := writeKubeconfig(folder.kubeconfig(), server, "admin", known.adminToken, known.ca); err != nil {
		return err
	}
	fmt.Printf("ready %s\n", folder.kubeconfig())
	return c.stay(end)
}

// stay lasts until the cluster is no longer wanted, or a server ends by itself.
func (c *cluster) stay(end <-chan string) error {
	for {
		select {
		case why := <-end:
			fmt.Fprintf(os.Stderr, "purser-cluster up: ending the cluster in %s: %s\n", c.folder.dir, why)
			return nil
		case gone := <-c.died:
			return unexpectedEnd(gone)
		case given := <-c.orders:
			given.done <- c.obey(given.words)
		}
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
	if c.withNode {
		flags = append(flags,
			"--bind-address=0.0.0.0",
			"--advertise-address="+bridgeAddress,
			"--endpoint-reconciler-type=lease",
			"--kubelet-preferred-address-types=InternalIP",
			// For a metrics-server that a test starts: it believes what the API server says of who asks.
			"--requestheader-client-ca-file="+c.folder.pki("ca.crt"),
			"--requestheader-allowed-names="+frontProxy,
			"--requestheader-username-headers=X-Remote-User",
			"--requestheader-group-headers=X-Remote-Group",
			"--requestheader-extra-headers-prefix=X-Remote-Extra-",
			"--proxy-client-cert-file="+c.folder.pki(frontProxy+".crt"),
			"--proxy-client-key-file="+c.folder.pki(frontProxy+".key"),
		)
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
		"--horizontal-pod-autoscaler-sync-period=2s",
		"--profiling=false",
	)
}

func (c *cluster) start(role string, args ...string) error {
	return c.launch(func() (*child, error) { return startChild(c.folder, role, args...) })
}

// startProgram starts a program of the machine's, or of another module.
func (c *cluster) startProgram(role, path string, args ...string) error {
	return c.launch(func() (*child, error) { return startCommand(c.folder, role, exec.Command(path, args...)) })
}

// launch starts a child and reports it when it ends by itself. One that ran before keeps its place, which is when it ends.
func (c *cluster) launch(begin func() (*child, error)) error {
	started, err := begin()
	if err != nil {
		return err
	}
	started.again = begin
	if place := c.placeOf(started.role); place >= 0 {
		c.children[place] = started
	} else {
		c.children = append(c.children, started)
	}
	go func() {
		<-started.gone
		if !started.dismissed.Load() {
			c.died <- started
		}
	}()
	return nil
}

func (c *cluster) placeOf(role string) int {
	return slices.IndexFunc(c.children, func(known *child) bool { return known.role == role })
}

// known is the child of that role, whether it runs or has ended.
func (c *cluster) known(role string) *child {
	if place := c.placeOf(role); place >= 0 {
		return c.children[place]
	}
	return nil
}

func unexpectedEnd(gone *child) error {
	return fmt.Errorf("%s ended by itself (%s); the end of %s:\n%s", gone.role, gone.cmd.ProcessState, gone.log, gone.tail())
}

// awaitReady polls until each path answers. `asked` says that the cluster is no longer wanted.
func (c *cluster) awaitReady(server string, known credentials, paths []string, end <-chan string) (asked bool, err error) {
	probe := newProbe(server, known)
	late := time.After(readyLimit)
	for last := "not asked yet"; len(paths) > 0; {
		select {
		case <-end:
			return true, nil
		case gone := <-c.died:
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
	if path == nodeReady {
		return readiness(answer.Body)
	}
	return http.StatusText(http.StatusOK)
}

// readiness answers "OK" for a node whose kubelet says that pods can run.
func readiness(answer io.Reader) string {
	var node corev1.Node
	if err := json.NewDecoder(answer).Decode(&node); err != nil {
		return err.Error()
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue {
			return http.StatusText(http.StatusOK)
		}
	}
	return "the node is not Ready"
}

// end ends the servers in the reverse order of their start, so that none loses what it depends on.
func (c *cluster) end() {
	if c.node != nil {
		defer c.node.end()
	}
	for len(c.children) > 0 {
		last := len(c.children) - 1
		c.children[last].end()
		c.children = c.children[:last]
	}
}
