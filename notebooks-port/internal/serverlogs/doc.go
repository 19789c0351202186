// Package serverlogs analyses the access logs of one site: what the traffic
// was, when the site was down and why it may have been, which GET requests
// failed, who tried what, and what to do about it. Main is the program
// notebooks-port/server-logs.
//
// Logs are read once. Each request becomes a record of 32 bytes that names its
// address, target and agent by number; everything else is computed from the
// records, which move to a temporary file where they exceed the memory given.
// Names that exceed it are held at a coarser grain (a target without its
// query, an address as its network), which the report then says; counts stay
// exact. Results don't depend on the number of threads.
//
// It neither learns nor scores (see train), and it blocks nothing.
package serverlogs
