package spark

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"sluice/featurestore/attack"
	"sluice/featurestore/columns"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

// TestDialects has sqlglot parse what is printed for Presto, Trino, DuckDB and
// Spark, in each combination of options.
func TestDialects(t *testing.T) {
	eachSpark(t, func(t *testing.T, s *installed) {
		want := append([]string{"month", "attack", "ip"}, columns.Names()...)
		want = append(want, columns.Label)
		check := func(dialect, q string) {
			t.Helper()
			cmd := exec.CommandContext(t.Context(), s.python(), "testdata/parse.py", dialect)
			cmd.Stdin = strings.NewReader(q)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%s does not parse: %v\n%s\n%s", dialect, err, out, q)
			} else if got := strings.Fields(string(out)); !slices.Equal(got, want) {
				t.Errorf("%s: columns %v, want %v", dialect, got, want)
			}
		}
		var given []attack.Window
		for i, w := range Hours([]row.Month{august2024}, nil)[100:104] {
			w.ID = []string{"a'b", `c\d`, "e", "f"}[i]
			given = append(given, w)
		}
		months := Months([]row.Month{july2024, august2024}, nil)
		n := 0
		for _, labels := range []string{"", "my.labels"} {
			for _, api := range []string{columns.APIRules, columns.APIColumn, columns.APIKeep} {
				for _, attacks := range []string{"", "my.attacks"} {
					q, err := columns.SQL(columns.SQLOptions{Engine: columns.Presto, Table: "hive.wmf.webrequest", Attacks: attacks, Labels: labels, API: api, Where: PruneTable("text", months)})
					if err != nil {
						t.Fatal(err)
					}
					for _, dialect := range []string{"presto", "trino"} {
						check(dialect, q)
						n++
					}
				}
			}
			for _, o := range []Options{{Windows: months}, {Windows: given}, {Windows: months, Approximate: true}} {
				o.Filter = webrequest.DefaultFilter(webrequest.Wikimedia)
				q, err := Query(o, PrintOptions{Labels: labels, Source: "text"})
				if err != nil {
					t.Fatal(err)
				}
				check("spark", q)
				n++
			}
		}
		t.Logf("%d queries parse", n)
	})
}
