package columns

import (
	"strings"
	"testing"
)

func TestSQL(t *testing.T) {
	for _, engine := range Engines() {
		q, err := SQL(SQLOptions{Engine: engine, Table: "wmf.webrequest", Labels: "abuse.labels"})
		if err != nil {
			t.Fatal(err)
		}
		last := -1
		for _, name := range append(Names(), Label) {
			i := strings.LastIndex(q, name)
			if i < last {
				t.Errorf("%s: %s is missing or out of order:\n%s", engine, name, q)
			}
			last = i
		}
		if other := map[string]string{DuckDB: "regexp_like", Presto: "regexp_matches"}[engine]; strings.Contains(q, other) {
			t.Errorf("%s: %s is another engine's", engine, other)
		}
	}
	q, err := SQL(SQLOptions{Attacks: "attacks", API: APIKeep})
	if err != nil || !strings.Contains(q, "JOIN attacks a") || strings.Contains(q, "api") {
		t.Errorf("with windows: %v\n%s", err, q)
	}
	for _, o := range []SQLOptions{{Engine: "oracle"}, {Table: "x; DROP TABLE y"}, {Labels: "a.b.c.d"}, {Window: "week"}, {API: "no"}} {
		if q, err := SQL(o); err == nil {
			t.Errorf("%+v gives %s", o, q)
		}
	}
}
