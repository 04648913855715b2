// This file owns how a node's parts are configured: every file that containerd, the bridge plugin, kubelet, kube-proxy and CoreDNS
// read, and why each setting that is not the default is what it is.
// `node` writes them before anything starts.
// It never writes outside the node's folder.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

const pauseImage = "registry.example/pause:1"

func (n *node) writeFiles(server string, known credentials) error {
	for _, folder := range []string{nodeFolder, runtimeFolder, place("cni"), place("kubelet"), place("volumes")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("make the node's folder %s: %w", folder, err)
		}
	}
	kubelet, err := json.MarshalIndent(kubeletSettings(), "", "  ")
	if err != nil {
		return fmt.Errorf("write the kubelet's settings: %w", err)
	}
	for name, text := range map[string]string{
		"containerd.toml":        runtimeSettings(),
		"cni/10-purser.conflist": networkSettings(),
		"Corefile":               dnsSettings(),
		"kubelet.yaml":           string(kubelet),
	} {
		if err := os.WriteFile(place(name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write the node's %s: %w", name, err)
		}
	}
	for user, token := range map[string]string{
		"scheduler": known.scheduler, "kubelet": known.kubelet, "proxy": known.proxy, "dns": known.adminToken,
	} {
		if err := writeKubeconfig(place(user+".kubeconfig"), server, user, token, known.ca); err != nil {
			return err
		}
	}
	return nil
}

// restrict_oom_score_adj: without CAP_SYS_RESOURCE runc cannot give a container the score that kubelet asks for, and dies.
func runtimeSettings() string {
	return fmt.Sprintf(`version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = %q
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = %q
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = %q
    conf_dir = %q
`, place("containerd"), place("state"), place(runtimeSocket), pauseImage, pluginFolder, place("cni"))
}

func networkSettings() string {
	return fmt.Sprintf(`{
  "cniVersion": "0.4.0",
  "name": "purser",
  "plugins": [
    {"type": "bridge", "bridge": %q, "isGateway": true, "ipMasq": true, "hairpinMode": true,
     "ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": %q}]], "routes": [{"dst": "0.0.0.0/0"}]}}
  ]
}
`, bridge, place("addresses"), podRange)
}

func dnsSettings() string {
	return fmt.Sprintf(`.:%s {
    bind %s
    errors
    kubernetes cluster.local {
        kubeconfig %s
        ttl 1
    }
}
`, dnsPort, bridgeAddress, place("dns.kubeconfig"))
}

// kubeletSettings: nothing is evicted and nothing reserved, because the machine is not the node's own; anybody on the bridge may ask
// kubelet, because nobody but the tests is there.
func kubeletSettings() map[string]any {
	return map[string]any{
		"apiVersion":                    "kubelet.config.k8s.io/v1beta1",
		"kind":                          "KubeletConfiguration",
		"address":                       bridgeAddress,
		"authentication":                map[string]any{"anonymous": map[string]any{"enabled": true}, "webhook": map[string]any{"enabled": false}},
		"authorization":                 map[string]any{"mode": "AlwaysAllow"},
		"healthzPort":                   0,
		"failCgroupV1":                  false,
		"failSwapOn":                    false,
		"cgroupDriver":                  "cgroupfs",
		"cgroupRoot":                    nodeCgroup,
		"cgroupsPerQOS":                 true,
		"enforceNodeAllocatable":        []string{},
		"localStorageCapacityIsolation": false,
		"evictionHard":                  map[string]string{"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%", "nodefs.inodesFree": "0%"},
		"imageGCHighThresholdPercent":   100,
		"containerRuntimeEndpoint":      "unix://" + place(runtimeSocket),
		"clusterDNS":                    []string{bridgeAddress},
		"clusterDomain":                 "cluster.local",
		"resolvConf":                    "",
		"volumePluginDir":               place("volume-plugins"),
		"podLogsDir":                    place("pod-logs"),
		"maxPods":                       100,
		"registryPullQPS":               0,
		"serializeImagePulls":           false,
	}
}

// proxyFlags: pods on one bridge answer each other directly, past the translation of a Service's address, unless their calls come
// from the node.
func proxyFlags() []string {
	return []string{
		"--kubeconfig=" + place("proxy.kubeconfig"),
		"--hostname-override=" + nodeName,
		"--proxy-mode=iptables",
		"--masquerade-all",
		"--iptables-localhost-nodeports=false",
		"--cluster-cidr=" + podRange,
		"--conntrack-max-per-core=0",
		"--conntrack-tcp-timeout-established=0s",
		"--conntrack-tcp-timeout-close-wait=0s",
		"--iptables-min-sync-period=100ms",
		"--healthz-bind-address=" + bridgeAddress + ":10256",
		"--metrics-bind-address=" + bridgeAddress + ":10249",
	}
}
