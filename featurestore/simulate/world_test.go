package simulate

import (
	"bytes"
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
)

// The published shares hold in every world, without training anything: rows,
// prevalence, and pairs with at least so many requests.
func TestShares(t *testing.T) {
	seeds := 8
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		w := world(t, Config{Seed: int64(seed)})
		rows := w.Rows(2)
		if math.Abs(float64(len(rows))/6845-1) > .02 {
			t.Errorf("seed %d: %d rows", seed, len(rows))
		}
		positive, requests := 0., 0.
		at := map[float64]float64{10: 0, 100: 0, 1e3: 0, 1e4: 0, 1e5: 0}
		for _, r := range rows {
			if r.Label == row.True {
				positive++
			}
			n := r.Values[columns.RequestCount]
			requests += n
			for k := range at {
				if n >= k {
					at[k]++
				}
			}
		}
		n := float64(len(rows))
		if p := positive / n; math.Abs(p-.505) > .01 {
			t.Errorf("seed %d: %.4f are positive", seed, p)
		}
		for k, want := range map[float64]float64{10: .85, 100: .73, 1e3: .55, 1e4: .21, 1e5: .02} {
			if got := at[k] / n; math.Abs(got-want) > .02 {
				t.Errorf("seed %d: %.3f have at least %v requests, want %.2f", seed, got, k, want)
			}
		}
		if seed == 0 {
			t.Logf("%.1f million requests in the rows of a month", requests/1e6)
		}
	}
}

// The silent-drop records of each shape, and the feeds, are read back as what
// they are.
func TestRecordsReadBack(t *testing.T) {
	w := world(t, Config{Seed: 2, Rows: 400, Scale: .001, BackgroundIPs: 20})
	ctx := context.Background()
	dir := t.TempDir()
	f := &Files{}
	for _, write := range []func(context.Context, string, *Files) error{w.writeSilentDrop, w.writeSpur} {
		if err := write(ctx, dir, f); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		want := w.drops(w.get(i))
		for _, path := range f.SilentDrop[3*i : 3*i+3] {
			d, err := reputation.OpenDrops(ctx, []string{path})
			if err != nil {
				t.Fatal(err)
			}
			if d.Len() != len(want) || len(d.Stats()[0].Rejects) > 0 {
				t.Errorf("%s: %d records, want %d; %+v", path, d.Len(), len(want), d.Stats()[0].Rejects)
			}
			for _, x := range want {
				if !slices.ContainsFunc(d.Of(x.ip), func(r reputation.Drop) bool { return r.Time == x.at && r.Host == x.host }) {
					t.Errorf("%s lacks a record", path)
				}
			}
		}
		if i == 0 {
			continue
		}
		feeds, err := reputation.OpenSpur(ctx, f.Spur[:i+1], reputation.SpurOptions{})
		if err != nil {
			t.Fatal(err)
		}
		known, crawls := 0, 0
		for _, p := range w.Month(i) {
			if !p.Kind.slow() {
				continue
			}
			crawls++
			e, at := feeds.Before(p.IP, time.Unix(p.Start, 0))
			if !at {
				t.Fatal("no feed before the window")
			}
			if e != nil && e.Proxies > 0 {
				known++
			}
		}
		if share := float64(known) / float64(crawls); share < .5 || share > .9 {
			t.Errorf("Spur knows %.2f of the slow crawls", share)
		}
	}
}

// What holds of every profile of every world.
func TestProfiles(t *testing.T) {
	scales := []float64{1, .1, .001, 2}
	if testing.Short() {
		scales = scales[:2]
	}
	for seed, scale := range scales {
		w := world(t, Config{Seed: int64(seed), Rows: 800, Months: 7, BackgroundIPs: 200, Scale: scale})
		windows := map[string]Window{}
		for _, a := range w.Windows() {
			windows[a.ID] = a
		}
		kinds := map[Kind]bool{}
		for i := range 7 {
			pairs := w.Month(i)
			if len(pairs) != 800 || len(w.Background(i)) != 200 {
				t.Fatalf("%d pairs, %d in the background", len(pairs), len(w.Background(i)))
			}
			if !slices.IsSortedFunc(pairs, byAttackThenIP) {
				t.Error("pairs are not in order")
			}
			keys := map[groupKey]bool{}
			standing := map[string]bool{}
			end := w.get(i).month.End(time.UTC)
			for k := range pairs {
				p := &pairs[k]
				kinds[p.Kind] = true
				if keys[groupKey{p.Attack, p.IP}] {
					t.Fatalf("a pair twice")
				}
				keys[groupKey{p.Attack, p.IP}] = true
				if was, ok := standing[p.IP.String()]; ok && was != p.Reported {
					t.Errorf("one address is reported and is not")
				}
				standing[p.IP.String()] = p.Reported
				a := windows[p.Attack]
				if p.Start < a.Start || p.End > a.End || p.End <= p.Start {
					t.Errorf("[%d, %d) is not within its window", p.Start, p.End)
				}
				if rate := float64(p.Requests) / float64(p.End-p.Start); rate > 20 && w.cfg.Scale <= 1 {
					t.Errorf("%s at %.1f requests/s", p.Kind, rate)
				}
				if p.Reported != (!p.ReportedAt.IsZero() && p.ReportedAt.Before(end)) {
					t.Errorf("reported %v, at %v", p.Reported, p.ReportedAt)
				}
				if !reputation.Public(p.IP) || p.Abusive != p.Kind.abusive() {
					t.Errorf("%v of kind %s", p.IP, p.Kind)
				}
				v := p.Values()
				for c, x := range v {
					ratio := c != columns.RequestCount && c != columns.ResponseSizeMean && c != columns.URIQueryCount && c != columns.UserAgentCount
					if math.IsNaN(x) || x < 0 || ratio && x > 1 {
						t.Errorf("%s is %v", columns.Names()[c], x)
					}
				}
				if s := v[columns.DesktopRatio] + v[columns.MobileWebRatio] + v[columns.MobileAppRatio]; math.Abs(s-1) > 1e-9 {
					t.Errorf("access methods add up to %v", s)
				}
				if v[columns.RequestCount] < 1 || v[columns.UserAgentCount] < 1 || v[columns.URIQueryCount] > v[columns.RequestCount] {
					t.Errorf("impossible: %v", v)
				}
			}
		}
		if len(kinds) != 16 {
			t.Errorf("%d kinds in seven months: %v", len(kinds), kinds)
		}
	}
}

// Some addresses come back the next month, and a crawl has its season.
func TestMonthsDiffer(t *testing.T) {
	w := world(t, Config{Seed: 4, Rows: 3000})
	before := map[string]bool{}
	for i := range 3 {
		again, of := 0, map[Kind]int{}
		for _, p := range w.Month(i) {
			if before[p.IP.String()] {
				again++
			}
			of[p.Kind]++
		}
		if i > 0 && (again < 100 || again > 500) {
			t.Errorf("month %d: %d of 3000 pairs are of addresses seen before", i, again)
		}
		for k, c := range crawls {
			if k == i && of[c] < 300 || k > i && of[c] > 30 {
				t.Errorf("month %d: %d pairs of %s", i, of[c], c)
			}
		}
		for _, p := range w.Month(i) {
			before[p.IP.String()] = true
		}
	}
}

// Each shape of label export, read back, gives the rows' own labels.
func TestLabelsReadBack(t *testing.T) {
	w := world(t, Config{Seed: 9, Rows: 300, Scale: .001, BackgroundIPs: 60})
	files, err := w.Write(context.Background(), t.TempDir(), WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range files.Logs {
		if !IsSimulated(p) {
			t.Errorf("%s does not pass for simulated", p)
		}
	}
	late := 0
	for shape, paths := range files.Labels {
		s, err := reputation.Open(context.Background(), paths, reputation.Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"check": "L2", "check-csv": "L2", "late": "L2", "blacklist": "L5", "plain": "L5", "csv": "L5"}[shape]
		if s.Definition() != want || len(s.Months()) != 3 {
			t.Errorf("%s: definition %s, months %v", shape, s.Definition(), s.Months())
		}
		for _, st := range s.Stats() {
			if !IsSimulated(st.Name) {
				t.Errorf("%s does not pass for simulated", st.Name)
			}
			if len(st.Rejects) > 0 {
				t.Errorf("%s: %+v", shape, st.Rejects)
			}
		}
		for i := range 3 {
			for _, r := range w.Rows(i) {
				if got, why := s.Explain(r.IP, r.Month); got != r.Label {
					t.Errorf("%s: %v (%s), want %v", shape, got, why, r.Label)
				}
			}
		}
		if shape != "late" {
			continue
		}
		// With three weeks' delay the late reports count.
		s, err = reputation.Open(context.Background(), paths, reputation.Options{Delay: 21 * 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			for _, p := range w.Month(i) {
				want := row.False
				if !p.ReportedAt.IsZero() {
					want = row.True
				}
				if got, why := s.Explain(p.IP, p.Month); got != want {
					t.Errorf("three weeks later: %v (%s), want %v", got, why, want)
				}
				if want == row.True && !p.Reported {
					late++
				}
			}
		}
	}
	if late == 0 {
		t.Error("no report came late")
	}
}

// The silent-drop shapes tell the same, once each is read its own way, and
// Mathoid's clients are gone from the month of the exclusion on.
func TestSilentDrop(t *testing.T) {
	w := world(t, Config{Seed: 1, Rows: 2000})
	for i := range 3 {
		m := w.get(i)
		mathoid := map[string]bool{}
		for _, p := range m.pairs {
			if p.Kind == Mathoid {
				mathoid[p.IP.String()] = true
			}
		}
		of := 0
		ds := w.drops(m)
		for _, d := range ds {
			if mathoid[d.ip.String()] {
				of++
			}
		}
		if len(ds) < 500 || (of == 0) != (m.month >= mathoidExcluded) {
			t.Errorf("%v: %d records, %d of Mathoid's clients", m.month, len(ds), of)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []Config{{Months: -1}, {Months: 1000}, {Rows: -1}, {Rows: 1 << 30}, {Scale: -1}, {Scale: math.NaN()}, {Scale: 1e9}, {BackgroundIPs: -1}, {Start: 5}} {
		if _, err := New(c); !fault.Is(err, fault.Invalid) || fault.FieldOf(err) == "" {
			t.Errorf("%+v: %v", c, err)
		}
	}
	w := world(t, Config{})
	if c := w.Config(); c.Rows != DefaultRows || c.Months != DefaultMonths || c.Scale != DefaultScale || c.Start.String() != "2024-06" {
		t.Errorf("defaults: %+v", c)
	}
}

// Nothing that is written needs escaping in JSON.
func TestNoEscapes(t *testing.T) {
	w := world(t, Config{Seed: 11, Rows: 120, Scale: .001, BackgroundIPs: 40})
	m := w.get(2)
	s := &stamps{}
	n := 0
	err := m.requestsIn(context.Background(), m.month.Start(time.UTC).Unix(), m.month.End(time.UTC).Unix(), false, func(r *request) error {
		n++
		for _, b := range [][]byte{r.ip, r.host, r.path, r.query, r.referer, r.agent, r.xAnalytics, []byte(r.language)} {
			if bytes.ContainsAny(b, "\"\\\n\r\t") || bytes.ContainsFunc(b, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Fatalf("%q", b)
			}
		}
		if len(appendNDJSON(nil, r, s)) > 1200 {
			t.Fatal("a line of more than 1200 bytes")
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
}
