// Package row holds one (attack, IP) pair of one month and its key, and the
// small things every surface needs to speak of it: months, masked addresses,
// prefixes.
//
// It does not read, compute or store rows. It imports featurestore/columns
// and featurestore/fault alone.
package row
