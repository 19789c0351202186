// Package feed keeps the scores of all addresses, one file a date, in the
// folder feeds/ of a home:
//
//	feeds/2024-08-31.jsonl.gz   the truth: gzip JSON lines, one per address, by address
//	feeds/2024-08-31.idx        derived from it: looked up in place, without loading it
//	feeds/latest.json           which date is the newest, with the file's SHA-256
//
// A line says of one address: schema_version, ip, confidence, verdict,
// reasons, windows, model_version, as_of and expires_at. Fields may be added
// under one schema version, and readers skip those that they don't know; a
// field's meaning changes only with the next version, which older readers
// refuse.
//
// The bytes of a feed depend on its lines alone: not on the clock, the machine
// or the number of threads. A date's file never changes once it is written:
// writing the same again does nothing, writing something else is refused
// unless a replacement is asked for.
//
// A Writer takes lines in order and keeps none of them. An Index is safe for
// concurrent use until it is closed, and a lookup into a Line that is used
// again allocates nothing. Nothing in this package decides how a score comes
// about or which lines belong into a feed.
package feed
