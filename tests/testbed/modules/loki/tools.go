//go:build tools

// Package testbed names what the testbed builds from the versions pinned beside it.
package testbed

import (
	_ "github.com/grafana/loki/v3/cmd/loki"
)
