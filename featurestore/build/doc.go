// Package build turns log files into months of a featurestore.Store.
//
// Build hashes each input; a content that is in the store, read alike, is not
// read again. Others are parsed, derived, filtered, matched with attack windows
// and aggregated into one partial each; then the months they touch are merged.
// All of it appears with the store's manifest, or none.
//
// A file is known by its path: new content under a known path replaces its
// rows, one content under several paths counts once, and a file that is not
// named in a call keeps its rows. So a rotated log counts once under its new
// name, and only what is new is read.
//
// The package parses no lines (see featurestore/accesslog) and computes no
// feature (see featurestore/aggregate).
package build
