package spark

import (
	"os"
	"path/filepath"
	"testing"

	"sluice/featurestore/simulate"
	"sluice/featurestore/webrequest"
)

func logEnd(home string) string {
	b, _ := os.ReadFile(filepath.Join(home, "spark", logName))
	return string(b[max(0, len(b)-4000):])
}

// TestRowsAreTheSame holds what a cluster of two workers makes of the data
// lake's Parquet against what package build makes of it and of the same
// requests as NDJSON, every stored column to the bit, with windows given, whole
// months and hours.
func TestRowsAreTheSame(t *testing.T) {
	eachSpark(t, func(t *testing.T, s *installed) {
		w := makeWorld(t, simulate.Config{Seed: 3, Rows: 120, Scale: .001, Months: 2})
		wikimedia := webrequest.DefaultOptions(webrequest.Wikimedia)
		c := s.start(t)
		for _, tt := range []struct {
			name string
			c    Config
		}{
			{"given", onSpark(s, c.url, w.windows.Windows())},
			{"months", onSpark(s, c.url, Months(w.months(), nil))},
			{"hours", onSpark(s, c.url, Hours(w.months()[:1], nil))},
		} {
			t.Run(tt.name, func(t *testing.T) {
				tt.c.Paths, tt.c.Labeler = []string{filepath.Join(w.lake, "logs")}, w.labels
				got, res := mustBuild(t, tt.c)
				if !res.Pruned {
					t.Error("partitions were not pruned")
				}
				n := sameRows(t, got, byGo(t, w.parquet, tt.c.Windows, w.labels, wikimedia))
				sameRows(t, got, byGo(t, w.lines, tt.c.Windows, w.labels, wikimedia))
				t.Logf("Spark %s: %d rows, equal in every stored column; %v", res.Version, n, res.Outcomes)
			})
		}
	})
}
