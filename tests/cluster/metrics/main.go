// This program is metrics-server, unchanged: what a HorizontalPodAutoscaler asks how busy pods are.
// A node test starts it beside the node (tests/node/scaler.rs) and names it to the API server; without that nobody asks it.
// It must never add or hide a flag.
package main

import (
	"os"

	"k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/cli"
	"sigs.k8s.io/metrics-server/cmd/metrics-server/app"
)

func main() {
	os.Exit(cli.Run(app.NewMetricsServerCommand(server.SetupSignalHandler())))
}
