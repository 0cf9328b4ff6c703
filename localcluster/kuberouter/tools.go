//go:build tools

// Package tools pins kube-router, which enforces NetworkPolicies for the tests of them. It is years
// older than the cluster's programs, which is why it is not among them.
package tools

import _ "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router"
