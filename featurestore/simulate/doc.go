// Package simulate makes a world of web traffic under attack of which the
// truth is known: who is abusive, who is reported, and what every row's
// columns are. It stands in for logs that cannot be published, in the demo,
// in tests and in studies. What it makes is always called simulated.
//
// Profiles come first and requests after: a profile is one (attack, IP) pair
// with the integer counts that its requests will add up to, so rows can be had
// without logs, and the logs written from the profiles have those rows. Memory
// grows with the rows, not with the requests, and the bytes depend on the
// configuration alone, not on the number of threads.
//
// The package reads no log and trains nothing. README.md says which kinds of
// clients live here, which published figures the world was made to meet, and
// what it can't tell about a real site.
package simulate
