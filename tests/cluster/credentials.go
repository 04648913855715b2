// This file owns what the cluster's parties know each other by: one certificate authority, the API server's certificate and the one
// by which servers behind it know it, the key that signs service account tokens, bearer tokens and the kubeconfigs that carry them.
// `up` makes them afresh for every cluster.
// It never reads a credential from elsewhere, and writes none outside the cluster's folder.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	serviceRange   = "10.96.0.0/16"
	serviceAddress = "10.96.0.1"
	// As whom the API server hands a request over to one that serves a part of its API, such as metrics-server.
	frontProxy = "front-proxy"
)

type credentials struct {
	ca                                                       []byte
	adminToken, controllerManager, scheduler, kubelet, proxy string
}

func makeCredentials(f folder) (credentials, error) {
	made := credentials{adminToken: newToken(), controllerManager: newToken(), scheduler: newToken(), kubelet: newToken(), proxy: newToken()}
	var tokens strings.Builder
	for _, line := range [][3]string{
		{made.adminToken, "admin", "system:masters"},
		{made.controllerManager, "system:kube-controller-manager", ""},
		{made.scheduler, "system:kube-scheduler", ""},
		{made.kubelet, "system:node:" + nodeName, "system:nodes"},
		{made.proxy, "system:kube-proxy", ""},
	} {
		fmt.Fprintf(&tokens, "%s,%[2]s,%[2]s,%q\n", line[0], line[1], line[2])
	}
	if err := os.WriteFile(f.pki("tokens.csv"), []byte(tokens.String()), 0o600); err != nil {
		return made, fmt.Errorf("write the API server's token file: %w", err)
	}
	if _, err := newKey(f.pki("service-account.key")); err != nil {
		return made, err
	}
	ca, err := writeCertificates(f)
	made.ca = ca
	return made, err
}

func newToken() string {
	var bits [20]byte
	_, _ = rand.Read(bits[:]) // crypto/rand never fails: it ends the program instead.
	return hex.EncodeToString(bits[:])
}

// newKey makes a P-256 key: as good as RSA here, and made in no time.
func newKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key %s: %w", path, err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode the key %s: %w", path, err)
	}
	return key, writePEM(path, "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// writeCertificates makes an authority and a certificate under it. The API server would sign one for itself, but then
// no root could be handed to the controller manager, and strict TLS clients refuse what it makes.
func writeCertificates(f folder) ([]byte, error) {
	now := time.Now()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "purser-cluster"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "kube-apiserver"},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc.cluster.local"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(serviceAddress), net.ParseIP(bridgeAddress)},
	}
	proxy := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: frontProxy},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	caKey, err := newKey(f.pki("ca.key"))
	if err != nil {
		return nil, err
	}
	if err := sign(f.pki("ca.crt"), authority, authority, &caKey.PublicKey, caKey); err != nil {
		return nil, err
	}
	for name, certificate := range map[string]*x509.Certificate{"apiserver": server, frontProxy: proxy} {
		key, err := newKey(f.pki(name + ".key"))
		if err != nil {
			return nil, err
		}
		if err := sign(f.pki(name+".crt"), certificate, authority, &key.PublicKey, caKey); err != nil {
			return nil, err
		}
	}
	return os.ReadFile(f.pki("ca.crt"))
}

func sign(path string, certificate, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) error {
	der, err := x509.CreateCertificate(rand.Reader, certificate, parent, public, key)
	if err != nil {
		return fmt.Errorf("sign the certificate %s: %w", path, err)
	}
	return writePEM(path, "CERTIFICATE", der)
}

// writeKubeconfig puts the file in place whole: who sees it can use it.
func writeKubeconfig(path, server, user, token string, ca []byte) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["purser"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["purser"] = &clientcmdapi.Context{Cluster: "purser", AuthInfo: user}
	config.CurrentContext = "purser"
	if err := clientcmd.WriteToFile(*config, path+".new"); err != nil {
		return fmt.Errorf("write the kubeconfig %s: %w", path, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("put the kubeconfig in place: %w", err)
	}
	return nil
}
