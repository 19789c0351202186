package aggregate

import (
	"unsafe"

	"github.com/dchest/siphash"
)

// The key of every hash in a partial: the ASCII bytes "sluice distinct." read
// as two little-endian words. It is part of the file format: another key needs
// another formatVersion.
const (
	hashKey0 = 0x6420656369756c73
	hashKey1 = 0x2e74636e69747369
)

// hashString is the SipHash-2-4 of s; 0 is mapped to 1, because 0 marks a free
// place in a set.
func hashString(s string) uint64 {
	h := siphash.Hash(hashKey0, hashKey1, unsafe.Slice(unsafe.StringData(s), len(s)))
	if h == 0 {
		return 1
	}
	return h
}

// absent reports whether a column is null in a row: "", or "-" as logs write
// it.
func absent(s string) bool { return s == "" || s == "-" }
