// Package client calls the scoring service from Go: over gRPC with deadlines,
// tokens and retries of what is UNAVAILABLE, and as an ingestion job that keeps
// a copy of the feed.
//
// It is safe for concurrent use. It does not cache scores, and it retries only
// calls that change nothing, which is all of them but the streams.
package client
