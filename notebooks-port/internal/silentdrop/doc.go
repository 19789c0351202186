// Package silentdrop holds silent-drop records, the edge's answer to too many
// concurrent requests, against logs and labels: what the dropped addresses
// asked for, which of them were dropped by mistake and what leaving those out
// changes, and how the share reported goes with the number of records. Main is
// the program notebooks-port/silent-drop.
//
// Logs are read twice: for what each dropped address did on the days on which
// it was dropped, then for the requests of those that are shown. Memory grows
// with the dropped addresses and those days.
package silentdrop
