//go:build tools

// Package testbed names what the testbed builds from the versions pinned beside it.
package testbed

import (
	_ "sigs.k8s.io/kwok/cmd/kwok"
)
