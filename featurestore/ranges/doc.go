// Package ranges reads prefixes that somebody publishes as theirs, as operators
// of crawlers do, and tells whether an address lies in one: the column
// verified_crawler.
//
// It fetches nothing. What is done with a crawler is decided elsewhere; see
// serve/policy, which reads the same files.
package ranges
