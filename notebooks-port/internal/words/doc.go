// Package words puts numbers into the words of a report: with separators, as a
// share, as a length. It serves the programs of notebooks-port.
//
// The same number gives the same words on every machine and in every locale.
package words
