// Package aggregate turns requests into what one input file contributes to
// rows, a partial, and partials into rows.
//
// An Aggregator takes the requests of one file from any number of goroutines,
// derives their columns, filters and matches them with attack windows, and
// keeps a Group per (window, address): integer sums, two sets of distinct
// values, requests per hour. When its memory is used up it moves what it has to
// a sorted run on disk. Finish writes everything, sorted, as a partial file;
// Merge reads any number of those side by side, so a month is built in memory
// that depends on the number of files open, not on the number of rows.
//
// # Exactness
//
// Groups hold integers and sets only, and Merge of groups is associative,
// commutative and exact. Rows therefore depend neither on the order of files
// and lines nor on the number of goroutines; floats appear only when a Group
// is turned into a row's Values, by one division each.
//
// Times between requests are exact though files and goroutines cut them
// anywhere: a group keeps the set of seconds in which it has a request, which
// merges as every set does, and the gaps are taken when the row is made.
//
// What a row has from other rows of its attack (agents shared across addresses,
// roll-ups of prefixes) needs a second pass over the merged groups; see Rollup.
//
// # Distinct values
//
// A distinct uri_query or user_agent is kept as its 64-bit SipHash-2-4 under
// one fixed key (hash.go), so that partials written on different days and
// machines can be merged and the same inputs give the same bytes. A count is
// too low only where two values of one group collide: with n distinct values
// the probability of that is below n²/2⁶⁵, which is 3·10⁻⁸ for a million. The
// key being known, a pair that collides can be searched for with about 2³²
// hashes, and that takes one off a count; a value that collides with a given
// one takes 2⁶⁴, and so does every further member of a large multi-collision,
// so a count of many distinct values can't be pushed down to a few.
//
// # Memory
//
// A group takes 128 bytes, and 64 more where behaviour is counted, plus some ten
// in an index, and nothing else while it has at most 255 requests in one hour,
// two agents, two queries, three paths and three seconds. Beyond that a distinct
// value takes 11 to 22 bytes, a path 21 to 43, a second or an hour 8 to 16.
//
// Groups lie by window (pane.go): logs are nearly in order of time, so with
// short windows the groups at work stay in the processor's cache. A window that
// got no request for a while is sealed: its groups become the sorted bytes that
// a partial has of them, some 50 a group, and go to disk when memory is used
// up. Every goroutine has its own groups; what several have of one window is
// merged by Finish, window by window side by side, else passed on as it is.
//
// The package does not parse logs, does not know labels and does not decide
// where files lie.
package aggregate
