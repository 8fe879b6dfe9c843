//go:build tools

// Package testbed names what the testbed builds from the versions pinned beside it.
package testbed

import (
	_ "k8s.io/kube-state-metrics/v2"
)
