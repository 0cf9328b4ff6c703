// Command kindconfig decodes a kind configuration from standard input with
// kind's own types, strictly, as kind itself does before it makes a cluster.
package main

import (
	"fmt"
	"os"

	yaml "go.yaml.in/yaml/v3"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
)

func main() {
	decoder := yaml.NewDecoder(os.Stdin)
	decoder.KnownFields(true)
	cluster := v1alpha4.Cluster{}
	if err := decoder.Decode(&cluster); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	v1alpha4.SetDefaultsCluster(&cluster)
	fmt.Printf("%s %s %d\n", cluster.APIVersion, cluster.Name, len(cluster.Nodes))
}
