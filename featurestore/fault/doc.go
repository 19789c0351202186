// Package fault gives errors a kind, so that what went wrong is decided once,
// where it is found, and every surface answers it alike: the commands by exit
// status, gRPC by code, REST by HTTP status.
//
// A message is one line for a person: where (file, line or field), what was
// found, what was expected, what to do. It never holds a full IP address
// unless the caller asked for addresses.
//
// The package does not log, print or retry, and it is a leaf: it imports
// nothing of this project.
package fault
