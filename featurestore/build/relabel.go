package build

import (
	"net/netip"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/pseudonym"
	"sluice/featurestore/row"
)

// Relabel is a Labeler for pseudonyms: l, which knows addresses, asked about
// the address of each. With a nil key it is l.
func Relabel(l featurestore.Labeler, key *pseudonym.Key) featurestore.Labeler {
	if l == nil || key == nil {
		return l
	}
	if e, ok := l.(featurestore.Enricher); ok {
		return &enricher{relabeler{l, key}, e}
	}
	return &relabeler{l, key}
}

type relabeler struct {
	featurestore.Labeler
	key *pseudonym.Key
}

func (r *relabeler) Label(ip netip.Addr, m row.Month) row.Label {
	return r.Labeler.Label(r.key.Address(ip), m)
}

type enricher struct {
	relabeler
	of featurestore.Enricher
}

func (e *enricher) EnrichColumns() []string { return e.of.EnrichColumns() }

func (e *enricher) Enrich(dst []float64, ip netip.Addr, start, end time.Time) []float64 {
	return e.of.Enrich(dst, e.key.Address(ip), start, end)
}
