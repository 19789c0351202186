package build

import (
	"path/filepath"
	"testing"

	"sluice/featurestore"
	"sluice/featurestore/row"
	"sluice/featurestore/simulate"
)

// world writes simulated logs of one month.
func world(t testing.TB, dir string, rows int, scale float64, o simulate.WriteOptions) []string {
	t.Helper()
	w, err := simulate.New(simulate.Config{Seed: 5, Start: month(t, "2024-06"), Months: 1, Rows: rows, Scale: scale, BackgroundIPs: rows})
	if err != nil {
		t.Fatal(err)
	}
	logs, err := w.WriteMonth(t.Context(), dir, 0, o)
	if err != nil {
		t.Fatal(err)
	}
	return logs
}

// Partitioned Parquet gives the months that the same requests give as lines,
// byte for byte, whether derived columns are taken or computed.
func TestParquetMonths(t *testing.T) {
	dir := t.TempDir()
	logs := map[string][]string{
		"lines":   world(t, filepath.Join(dir, "lines"), 60, 0.0005, simulate.WriteOptions{Gzip: true}),
		"parquet": world(t, filepath.Join(dir, "parquet"), 60, 0.0005, simulate.WriteOptions{Format: simulate.Parquet, PartitionByHour: true}),
	}
	for _, derive := range []bool{false, true} {
		var first map[string]string
		for _, format := range []string{"lines", "parquet"} {
			c := config(logs[format]...)
			c.Web.Derive = derive
			home := filepath.Join(dir, format, map[bool]string{true: "derived", false: "taken"}[derive])
			s := open(t, home)
			r := build(t, s, c)
			if r.Rows == 0 || r.Read == 0 || len(r.Rejects) > 0 {
				t.Fatalf("%s: %+v", format, r)
			}
			if len(r.Warnings) > 0 {
				t.Errorf("%s: warnings %q", format, r.Warnings)
			}
			got := map[string]string{}
			for _, m := range s.Months() {
				got[m.String()] = monthText(t, s, m)
			}
			if first == nil {
				first = got
			} else if len(got) != len(first) || got["2024-06"] != first["2024-06"] {
				t.Errorf("derive %v: Parquet gives other rows than lines do", derive)
			}
		}
	}
}

func monthText(t testing.TB, s *featurestore.Store, m row.Month) string {
	t.Helper()
	return monthBytes(t, filepath.Dir(s.Dir()))[m.String()+".parquet"]
}

// Parts of a partitioned table are told apart by their folders.
func TestPartitionNames(t *testing.T) {
	for path, want := range map[string]string{
		"/data/access.log": "access.log",
		"/data/webrequest/year=2024/month=8/part-0.snappy.parquet": "year=2024/month=8/part-0.snappy.parquet",
		"webrequest_source=text/year=2024/part-0.parquet":          "webrequest_source=text/year=2024/part-0.parquet",
		"year=2024/copy/part-0.parquet":                            "part-0.parquet",
	} {
		if got := logName(path); got != want {
			t.Errorf("logName(%s) = %s, want %s", path, got, want)
		}
	}
}
