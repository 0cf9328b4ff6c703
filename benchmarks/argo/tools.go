//go:build tools

// Package tools pins the peer of the benchmark.
package tools

import _ "github.com/argoproj/argo-rollouts/cmd/rollouts-controller"
