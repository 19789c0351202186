// Package reputation reads what AbuseIPDB said about addresses and answers, per
// month, whether an address counts as reported: the label of a row.
//
// Open takes exports in every shape AbuseIPDB hands out (check answers, the
// blacklist as JSON or plain text, CSV), plain or compressed, and decides by
// their shape what "reported" means; see Definition. Everything is as of a
// date: an export speaks for the month it was made in, up to the same delay
// after the month's end for every month, and ListedBefore looks only at what
// was known before an instant.
//
// A Set is immutable once open and safe for concurrent use. An address on a
// list costs 4 bytes (IPv6: 16) a month, and 8 more where a month has several
// exports.
//
// OpenDrops and OpenSpur read what stands beside the label: silent-drop records
// and Spur feeds, as of a date too.
//
// Package fetch, below this one, asks the service; this package asks none and
// writes no file. It does not decide what is done with rows whose label is
// unknown.
package reputation
