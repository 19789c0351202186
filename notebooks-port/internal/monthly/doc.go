// Package monthly describes the data of each month before anything is learnt of
// it: what was read and left out, the attack windows and their rows, which days
// are there, and how the thirteen columns are distributed by label. Main is the
// program notebooks-port/monthly-analysis.
//
// Months are read one at a time; memory grows with the largest.
package monthly
