// Package fetch asks AbuseIPDB's API (https://docs.abuseipdb.com) for what
// package reputation reads: answers about single addresses, and the blacklist.
//
// Answers are appended to a file as they came, each with the time and the
// question, and never rewritten, so that any definition of "reported" can be
// computed from them later, as of a date. The daily quota is respected: when it
// is used up a run ends, and the next one asks for what is still missing.
//
// The package reports no address and keeps no key.
package fetch
