package spark

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/featurestore/attack"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/featurestore/webrequest"
)

var update = flag.Bool("update", false, "write golden files anew")

// condition is a condition as Prune writes it, read and judged: terms joined by
// AND and OR, in brackets, of name = n, >=, <= and BETWEEN.
type condition struct {
	words []string
	at    map[string]int
}

func (c *condition) next() string {
	if len(c.words) == 0 {
		return ""
	}
	return c.words[0]
}

func (c *condition) take() string {
	w := c.words[0]
	c.words = c.words[1:]
	return w
}

func (c *condition) or() bool {
	v := c.and()
	for c.next() == "OR" {
		c.take()
		w := c.and()
		v = v || w
	}
	return v
}

func (c *condition) and() bool {
	v := c.term()
	for c.next() == "AND" {
		c.take()
		w := c.term()
		v = v && w
	}
	return v
}

func (c *condition) term() bool {
	if c.next() == "(" {
		c.take()
		v := c.or()
		c.take()
		return v
	}
	value := c.at[c.take()]
	op := c.take()
	n, _ := strconv.Atoi(c.take())
	switch op {
	case "=":
		return value == n
	case ">=":
		return value >= n
	case "<=":
		return value <= n
	}
	c.take() // AND
	to, _ := strconv.Atoi(c.take())
	return value >= n && value <= to
}

func wordsOf(sql string) []string {
	return strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(sql))
}

func holds(words []string, at time.Time) bool {
	c := condition{words, map[string]int{"year": at.Year(), "month": int(at.Month()), "day": at.Day(), "hour": at.Hour()}}
	return c.or() && len(c.words) == 0
}

// TestPrune: exactly the hours that the windows touch are read.
func TestPrune(t *testing.T) {
	start := time.Date(2023, 12, 20, 0, 0, 0, 0, time.UTC).Unix()
	rapid.Check(t, func(t *rapid.T) {
		var ws []attack.Window
		for range rapid.IntRange(1, 4).Draw(t, "windows") {
			from := start + rapid.Int64Range(0, 75*86400).Draw(t, "from")
			ws = append(ws, attack.Window{Start: from, End: from + rapid.Int64Range(1, 50*86400).Draw(t, "length")})
		}
		sql := Prune(ws)
		words := wordsOf(sql)
		for h := start/3600 - 30; h < start/3600+130*24; h++ {
			want := false
			for _, w := range ws {
				want = want || w.Start < (h+1)*3600 && w.End > h*3600
			}
			if at := time.Unix(h*3600, 0).UTC(); holds(words, at) != want {
				t.Fatalf("%s: read %v, want %v, by %s", at.Format("2006-01-02T15"), !want, want, sql)
			}
		}
	})
	for want, ws := range map[string][]attack.Window{
		"(year = 2024 AND month = 8)":                                      Months([]row.Month{august2024}, nil),
		"(year = 2024 AND month = 8 AND day = 5)":                          Days([]row.Month{august2024}, nil)[4:5],
		"(year = 2024 AND month = 8 AND day = 5 AND hour BETWEEN 3 AND 3)": Hours([]row.Month{august2024}, nil)[4*24+3 : 4*24+4],
	} {
		if got := Prune(ws); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// TestSegments: each instant of each window is in one row of that window, and
// of the rows of an instant one is the first.
func TestSegments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const start = 1700000000
		var ws []attack.Window
		for range rapid.IntRange(1, 6).Draw(t, "windows") {
			from := start + rapid.Int64Range(0, 60).Draw(t, "from")
			ws = append(ws, attack.Window{Start: from, End: from + rapid.Int64Range(1, 40).Draw(t, "length")})
		}
		type segment struct{ win, nth, begins, ends int64 }
		var rows []segment
		for line := range strings.Lines(segmentRows(ws)) {
			var s segment
			if _, err := fmt.Sscanf(strings.ReplaceAll(strings.TrimSpace(line), "L", ""), "(%d, %d, %d, %d)", &s.win, &s.nth, &s.begins, &s.ends); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			rows = append(rows, s)
		}
		for at := int64(start - 1); at < start+101; at++ {
			var want, got []int64
			first := 0
			for i, w := range ws {
				if at >= w.Start && at < w.End {
					want = append(want, int64(i))
				}
			}
			for _, s := range rows {
				if at >= s.begins && at < s.ends {
					got = append(got, s.win)
					if s.nth == 0 {
						first++
					}
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) || len(got) > 0 && first != 1 {
				t.Fatalf("%d is in windows %v (%d first), want %v: %v of %v", at, got, first, want, rows, ws)
			}
		}
	})
	if got := segmentRows([]attack.Window{{Start: 0, End: 1}}); !strings.Contains(got, fmt.Sprint(minTime-1)) {
		t.Errorf("a window before all logs is %s", got)
	}
}

// TestHours: the windows of a month's hours are its time, without gap or
// overlap, also where clocks are set.
func TestHours(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones: ", err)
	}
	for _, zone := range []*time.Location{nil, berlin} {
		for _, m := range []row.Month{2024*12 + 2, august2024, 2024*12 + 9} {
			for name, ws := range map[string][]attack.Window{"hours": Hours([]row.Month{m}, zone), "days": Days([]row.Month{m}, zone), "months": Months([]row.Month{m}, zone)} {
				if err := checkWindows(ws); err != nil {
					t.Errorf("%s of %s: %v", name, m, err)
				}
				z := zone
				if z == nil {
					z = time.UTC
				}
				at := m.Start(z).Unix()
				for _, w := range ws {
					if w.Start != at || w.Month != m {
						t.Fatalf("%s: window %s of %s begins at %d, want %d", name, w.ID, m, w.Start, at)
					}
					at = w.End
				}
				if at != m.End(z).Unix() {
					t.Errorf("%s of %s end at %d", name, m, at)
				}
			}
		}
	}
}

// TestQuery holds the printed queries against golden files.
func TestQuery(t *testing.T) {
	o := Options{Windows: Months([]row.Month{august2024}, nil), Filter: webrequest.DefaultFilter(webrequest.Wikimedia)}
	approximate := o
	approximate.Approximate = true
	for name, q := range map[string]struct {
		o Options
		p PrintOptions
	}{
		"query.sql":             {o, PrintOptions{Source: "text"}},
		"query-approximate.sql": {approximate, PrintOptions{Table: "lake.requests", Labels: "lake.labels"}},
	} {
		got, err := Query(q.o, q.p)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s is another query now; look at it and run with -update", name)
		}
	}
	for _, p := range []PrintOptions{{Table: "a b"}, {Labels: "x;"}, {Source: "te'xt"}} {
		if _, err := Query(o, p); fault.KindOf(err) != fault.Usage {
			t.Errorf("%+v: %v", p, err)
		}
	}
}
