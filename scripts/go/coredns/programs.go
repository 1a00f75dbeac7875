//go:build programs

// Package coredns names the program that scripts/kubernetes.mjs builds, so that go.mod and go.sum cover it.
package coredns

import _ "github.com/coredns/coredns"
