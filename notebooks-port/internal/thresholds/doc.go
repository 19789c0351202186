// Package thresholds turns two thresholds, on request_count and
// response_size_mean, into what an edge can do with them: lists in every format
// of serve/edge, rules that judge while requests come, a limit of requests for
// everyone; and says what each would have stopped in a later month, and of
// whom. Main is the program notebooks-port/thresholds.
//
// Thresholds are fitted by models/rules on months before, or given. Nothing is
// put into force, and no list leaves the program unless asked for.
package thresholds
