package simulate

import (
	"math"
	"slices"
	"time"
)

// backgroundKinds are who is there when nothing happens.
var backgroundKinds = []struct {
	kind  Kind
	share float64
}{
	{Reader, .40}, {Mobile, .38}, {App, .12}, {Shared, .03}, {Crawler, .02}, {APIClient, .03}, {Mathoid, .01}, {Scanner, .01},
}

// backgroundReported is the share of harmless background addresses that
// someone reports.
const backgroundReported = .01

// drawBackground draws the clients that send outside the windows, over the
// whole month.
func (w *World) drawBackground(m *month) []Profile {
	r := w.rng(partBackground, uint64(m.index), 0)
	end := m.month.End(time.UTC).Unix()
	shares := make([]float64, len(backgroundKinds))
	for i, k := range backgroundKinds {
		shares[i] = k.share
	}
	out := make([]Profile, 0, w.cfg.BackgroundIPs)
	for n := range w.cfg.BackgroundIPs {
		k := backgroundKinds[pick(shares, r)].kind
		p := Profile{Month: m.month, Attack: m.month.String(), Kind: k, Abusive: k.abusive(), Shared: k == Shared, Crawler: k == Crawler,
			IP: w.pool.draw(k, r), Start: m.rhythm.start, End: end,
			id: w.pairID(m.index, uint64(n)|1<<39)}
		count := lognormal(r, 12, 1.5)
		if k == Shared || k == Crawler || k == APIClient {
			count *= 30
		}
		count = math.Floor(min(max(count, 1), 3e5))
		t := k.draw(r, m.index, count)
		p.shape(r, t, max(1, int64(math.Round(count*w.cfg.Scale))))
		if u := r.Float64(); p.Abusive && u < .9 || u < backgroundReported {
			p.Reported = true
			p.ReportedAt = time.Unix(m.rhythm.start+r.Int64N(end-m.rhythm.start-3601), 0).UTC()
		}
		out = append(out, p)
	}
	slices.SortFunc(out, byAttackThenIP)
	return out
}
