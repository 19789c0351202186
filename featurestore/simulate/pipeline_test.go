package simulate

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"testing"

	"sluice/featurestore"
	"sluice/featurestore/attack"
	"sluice/featurestore/build"
	"sluice/featurestore/columns"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

// asCombined is what an ordinary log can tell of a row: no language, and the
// app is one more mobile agent.
func asCombined(v []float64) []float64 {
	v = slices.Clone(v)
	v[columns.NotNullAcceptLanguageRatio] = math.NaN()
	n := v[columns.RequestCount]
	mobile := math.Round(v[columns.MobileWebRatio]*n) + math.Round(v[columns.MobileAppRatio]*n)
	v[columns.MobileWebRatio], v[columns.MobileAppRatio] = mobile/n, 0
	return v
}

// The whole road from the logs to a month's rows gives the rows that were
// drawn, bit for bit: the columns by webrequest's own rules, the windows of
// attacks.csv, the labels of the exports. An ordinary log gives those columns
// that it can.
func TestRowsThroughTheFeatureStore(t *testing.T) {
	for format, profile := range map[Format]webrequest.Profile{NDJSON: webrequest.Wikimedia, Combined: webrequest.Site} {
		t.Run(string(format), func(t *testing.T) {
			w := world(t, Config{Seed: 21, Rows: 150, Scale: .002, Months: 2, BackgroundIPs: 20})
			ctx := context.Background()
			dir := t.TempDir()
			files, err := w.Write(ctx, dir, WriteOptions{Format: format, Gzip: format == NDJSON, Threads: 2})
			if err != nil {
				t.Fatal(err)
			}
			windows, err := attack.ReadFile(files.Attacks, nil)
			if err != nil {
				t.Fatal(err)
			}
			labels, err := reputation.Open(ctx, files.Labels["check"], reputation.Options{})
			if err != nil {
				t.Fatal(err)
			}
			st, err := featurestore.Open(filepath.Join(t.TempDir(), "home"), featurestore.OpenOptions{World: featurestore.Simulated})
			if err != nil {
				t.Fatal(err)
			}
			defer st.Close()
			r, err := build.Build(ctx, st, build.Config{Files: files.Logs, Windows: windows, Labeler: labels,
				Web: webrequest.DefaultOptions(profile), Threads: 2})
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Rejects) > 0 {
				t.Errorf("lines rejected: %v", r.Rejects)
			}
			for i := range w.cfg.Months {
				want := map[row.Key]row.Row{}
				for _, r := range w.Rows(i) {
					want[r.Key] = r
				}
				got, err := st.ReadMonth(w.cfg.Start + row.Month(i))
				if err != nil {
					t.Fatal(err)
				}
				if len(got.Rows) != len(want) {
					t.Errorf("month %d: %d rows, want %d", i, len(got.Rows), len(want))
				}
				for _, g := range got.Rows {
					x, ok := want[g.Key]
					if !ok {
						t.Fatalf("a row that was not drawn: %s %s", g.Attack, g.IP)
					}
					if format == Combined {
						x.Values = asCombined(x.Values)
					}
					for c := range columns.NumFeatures {
						if g.Values[c] != x.Values[c] && !(math.IsNaN(g.Values[c]) && math.IsNaN(x.Values[c])) {
							t.Errorf("%s of %s: %v, want %v", columns.Names()[c], g.IP, g.Values[c], x.Values[c])
						}
					}
					if g.Label != x.Label || g.First != x.First || g.Last != x.Last {
						t.Errorf("%s: label %v, %d to %d; want %v, %d to %d", g.IP, g.Label, g.First, g.Last, x.Label, x.First, x.Last)
					}
				}
			}
		})
	}
}
