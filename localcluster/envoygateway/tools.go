//go:build tools

// Package tools pins the gateway of the end-to-end tests. Its client libraries are older than
// those of the cluster's programs, which is why it is not among them.
package tools

import _ "github.com/envoyproxy/gateway/cmd/envoy-gateway"
