// Package server is the scoring service: the API of proto/sluice/v1 over gRPC
// and REST, the Open Inference Protocol, the lookup that ipoid's clients know,
// the feed's files, health, readiness and metrics, from one home.
//
// Stored scores come from the home's newest feed, computed ones from the
// versions of its registry. Both are watched: a new feed or champion is loaded
// beside the old one and takes its place between two requests; one that can't
// be loaded is reported and the old one goes on serving.
//
// An unknown address is NOT_FOUND and a feed that is not there UNAVAILABLE,
// everywhere, never the one for the other. Every error has a kind
// (featurestore/fault) and one place, status, makes a google.rpc.Status of it.
//
// Without a token file the service binds loopback addresses only and leaves
// reflection, the OpenAPI description and pprof off; beyond loopback it wants
// tokens or client certificates, and TLS. What one caller may use is limited.
// Addresses are masked in logs and never stand in metrics. serve/SECURITY.md
// names what is defended against, and the tests.
package server
