//go:build tools

// Package tools pins promtool, which tests the alerts. Its client libraries are not those of the
// cluster's programs, which is why it is not among them.
package tools

import _ "github.com/prometheus/prometheus/cmd/promtool"
