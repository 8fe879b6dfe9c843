//go:build tools

// Package testbed names what the testbed builds from the versions pinned beside it.
package testbed

import (
	_ "go.etcd.io/etcd/server/v3"
)
