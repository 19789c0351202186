// Package featurestore keeps the rows of a home, month by month, and what they
// were made from.
//
//	HOME/store/manifest.json         what is in the store; the commit point
//	HOME/store/partials/             what each input file contributes, by content hash
//	HOME/store/months/2024-08.parquet
//	HOME/store/rejects/              lines that no parser took, one file an input; private
//	HOME/store/lock                  held by the one run that writes
//
// A month's rows are the merge of its partials, so an input file can be added,
// replaced or withdrawn by merging the months it touches again; no other month
// is read. Nothing exists before manifest.json names it: a run that fails or is
// stopped leaves the store as it was, and what it left lying is removed by the
// next run that writes.
//
// A Store opened for writing holds the lock until Close. Readers need no lock:
// they see the months of one manifest, whole, whatever is written meanwhile.
// Methods may be called by several goroutines at once; Apply, WriteMonth and
// Label wait for one another.
//
// Only manifest.json holds times. A month's file depends on its inputs and
// options alone, byte for byte.
//
// The package reads no logs (see featurestore/build) and asks no service; labels
// come through Labeler.
package featurestore
