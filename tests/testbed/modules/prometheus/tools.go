//go:build tools

// Package testbed names what the testbed builds from the versions pinned beside it.
package testbed

import (
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
)
