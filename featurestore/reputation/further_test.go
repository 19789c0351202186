package reputation

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/featurestore/columns"
	"sluice/featurestore/row"
)

// alike compares values, NaN being itself.
func alike(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] && !(math.IsNaN(a[i]) && math.IsNaN(b[i])) {
			return false
		}
	}
	return true
}

var nan = math.NaN()

func TestSpurColumns(t *testing.T) {
	feed := spurFile(t, "20240731", "feed.json", spurLine+"\n"+`{"ip":"5.6.7.9","infrastructure":"DATACENTER","client":{"types":["HEADLESS"]}}`+"\n")
	s, err := OpenSpur(context.Background(), []string{feed}, SpurOptions{})
	if err != nil {
		t.Fatal(err)
	}
	known := time.Date(2024, 8, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		ip    string
		start time.Time
		want  []float64
	}{
		{"5.6.7.8", known, []float64{1, 0, 0, 1, 7, 2, 11.5, .25, 40, 2, 2, 1, 1, 0, 2}},
		{"5.6.7.9", known, []float64{1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}},
		{"5.6.7.10", known, []float64{0, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan}},
		{"5.6.7.8", known.Add(-time.Second), []float64{nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, nan}},
	} {
		got := s.Enrich([]float64{3}, ip(c.ip), c.start, c.start.AddDate(0, 1, 0))
		if !alike(got[1:], c.want) || len(s.EnrichColumns()) != columns.NumSpur {
			t.Errorf("%s at %v: %v, want %v", c.ip, c.start, got[1:], c.want)
		}
	}
}

// Answers of the Context API count for their address alone, from when they were
// fetched or from the end of the day they were asked about.
func TestSpurContext(t *testing.T) {
	answers := spurFile(t, "x", "context.jsonl", strings.Join([]string{
		`{"fetched_at":"2024-08-10T12:00:00Z","body":{"ip":"5.6.7.8","infrastructure":"MOBILE"}}`,
		`{"fetched_at":"2024-09-10T12:00:00Z","dt":"20240805","body":{"ip":"5.6.7.9","infrastructure":"DATACENTER"}}`,
		`{"fetched_at":"2024-08-12T12:00:00Z","ip":"5.6.7.10","body":{}}`,
		`{"fetched_at":"when","body":{"ip":"5.6.7.8"}}`, `{"fetched_at":"2024-08-10T12:00:00Z","body":{"ip":"x"}}`, `{"dt":"2024","body":{"ip":"5.6.7.8"}}`,
	}, "\n"))
	feed := spurFile(t, "20240808", "feed.json", spurLine+"\n")
	s, err := OpenSpur(context.Background(), []string{answers, feed}, SpurOptions{})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := OpenSpur(context.Background(), []string{answers}, SpurOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if st := alone.Stats()[0]; st.Good != 3 || len(st.Rejects) != 3 || len(st.Months) != 1 {
		t.Errorf("%+v", st)
	}
	at := func(d, h int) time.Time { return time.Date(2024, 8, d, h, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		of    *SpurFeeds
		ip    string
		at    time.Time
		infra string
		found bool
		known bool
	}{
		{s, "5.6.7.8", at(10, 12), "RESIDENTIAL", true, true}, {s, "5.6.7.8", at(10, 13), "MOBILE", true, true},
		{s, "5.6.7.9", at(6, 0), "DATACENTER", true, true}, {s, "5.6.7.9", at(5, 23), "", false, false},
		{s, "5.6.7.9", at(9, 0), "", false, true}, // the later feed does not have it
		{alone, "5.6.7.8", at(10, 12), "", false, false}, {alone, "5.6.7.10", at(13, 0), "", true, true}, {alone, "5.6.7.11", at(13, 0), "", false, false},
	} {
		e, known := c.of.Before(ip(c.ip), c.at)
		if known != c.known || (e != nil) != c.found || e != nil && e.Infrastructure != c.infra {
			t.Errorf("%s at %v: %+v, %v", c.ip, c.at, e, known)
		}
	}
}

func drops(t testing.TB, lines ...string) *Drops {
	t.Helper()
	d, err := OpenDrops(context.Background(), write(t, "drops.tsv", strings.Join(lines, "\n")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDropColumns(t *testing.T) {
	d := drops(t,
		"2024-07-01T10:00:00\tcp1\tsilent-drop_for_300s\t5.6.7.8",
		"2024-08-01T10:00:00\tcp1\tsilent-drop_for_300s\t5.6.7.8",
		"2024-08-01T10:06:00\tcp2\tsilent-drop_port80_for_300s\t5.6.7.8",
		"2024-08-01T11:00:00\tcp1\tsilent-drop_for_300s\t5.6.7.9",
	)
	at := func(m time.Month, d, h int) time.Time { return time.Date(2024, m, d, h, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		ip         string
		start, end time.Time
		want       []float64
	}{
		{"5.6.7.8", at(8, 1, 0), at(9, 1, 0), []float64{2, 1, 2, 1}},
		{"5.6.7.8", at(8, 1, 10), at(8, 1, 11), []float64{2, 1, 2, 1}},
		{"5.6.7.9", at(8, 1, 10), at(8, 1, 11), []float64{0, 0, 0, 0}},
		{"5.6.7.10", at(7, 1, 0), at(8, 1, 0), []float64{0, 0, 0, nan}},
		{"5.6.7.8", at(7, 2, 0), at(7, 3, 0), []float64{nan, nan, nan, 1}},
	} {
		if got := d.Enrich([]float64{3}, ip(c.ip), c.start, c.end); !alike(got[1:], c.want) {
			t.Errorf("%s in %v: %v, want %v", c.ip, c.start, got[1:], c.want)
		}
	}
}

// Whatever becomes known after the window began (of records: after it ended)
// changes nothing.
func TestTheFutureIsNotRead(t *testing.T) {
	start, end := time.Date(2024, 8, 1, 0, 0, 0, 0, time.UTC), time.Date(2024, 8, 2, 0, 0, 0, 0, time.UTC)
	rapid.Check(t, func(rt *rapid.T) {
		var dropLines, spurLines, lists []string
		line := func(at time.Time, ip int) {
			dropLines = append(dropLines, fmt.Sprintf("%s\tcp1\tsilent-drop_for_300s\t5.6.7.%d", at.Format("2006-01-02T15:04:05"), ip))
		}
		answer := func(at time.Time, ip, count int) {
			spurLines = append(spurLines, fmt.Sprintf(`{"fetched_at":%q,"body":{"ip":"5.6.7.%d","client":{"count":%d}}}`, at.Format(time.RFC3339), ip, count))
		}
		list := func(at time.Time, ip int) {
			lists = append(lists, fmt.Sprintf(`{"meta":{"generatedAt":%q},"data":[{"ipAddress":"5.6.7.%d"},{"ipAddress":"9.9.9.9"}]}`, at.Format(time.RFC3339), ip))
		}
		line(start.Add(-time.Hour), 1)
		line(start.Add(time.Hour), 2)
		answer(start.Add(-time.Hour), 1, 5)
		list(start.Add(-time.Hour), 1)
		values := func() (out []float64) {
			d, err := OpenDrops(context.Background(), write(t, "d.tsv", strings.Join(dropLines, "\n")))
			if err != nil {
				rt.Fatal(err)
			}
			s, err := OpenSpur(context.Background(), write(t, "s.jsonl", strings.Join(spurLines, "\n")), SpurOptions{})
			if err != nil {
				rt.Fatal(err)
			}
			l, err := Open(context.Background(), write(t, "l.json", strings.Join(lists, "\n")), Options{})
			if err != nil {
				rt.Fatal(err)
			}
			for i := range 4 {
				a := netip.AddrFrom4([4]byte{5, 6, 7, byte(i)})
				out = d.Enrich(out, a, start, end)
				out = s.Enrich(out, a, start, end)
				out = WithEarlier{l}.Enrich(out, a, start, end)
			}
			return out
		}
		before := values()
		for range rapid.IntRange(1, 5).Draw(rt, "planted") {
			ip := rapid.IntRange(0, 3).Draw(rt, "ip")
			late := time.Duration(rapid.IntRange(0, 80).Draw(rt, "hours")) * time.Hour
			switch rapid.IntRange(0, 2).Draw(rt, "what") {
			case 0:
				line(end.Add(late), ip)
			case 1:
				answer(start.Add(late), ip, 99)
			case 2:
				list(start.Add(late), ip)
			}
		}
		if after := values(); !alike(before, after) {
			rt.Fatalf("%v\nbecame %v", before, after)
		}
	})
}

// What somebody reported himself teaches nothing.
func TestOwnReports(t *testing.T) {
	report := func(at string, id int) string { return fmt.Sprintf(`{"reportedAt":%q,"reporterId":%d}`, at, id) }
	body := func(ip string, total int, last string, reports ...string) string {
		return enveloped("2024-08-31T00:00:00Z", ip, 90, check(ip, total, last, `,"reports":[`+strings.Join(reports, ",")+`]`))
	}
	file := strings.Join([]string{
		body("5.6.7.1", 1, "2024-08-20T00:00:00+00:00", report("2024-08-20T00:00:00+00:00", 7)),
		body("5.6.7.2", 2, "2024-08-20T00:00:00+00:00", report("2024-08-20T00:00:00+00:00", 7), report("2024-08-10T00:00:00+00:00", 8)),
		body("5.6.7.3", 1, "2024-08-20T00:00:00+00:00", report("2024-08-20T00:00:00+00:00", 8)),
		body("5.6.7.4", 3, "2024-08-20T00:00:00+00:00", report("2024-08-20T00:00:00+00:00", 7), report("2024-08-19T00:00:00+00:00", 9)),
		body("5.6.7.5", 5, "2024-08-20T00:00:00+00:00", report("2024-08-20T00:00:00+00:00", 7), report("2024-08-19T00:00:00+00:00", 7)),
	}, "\n")
	august := month(t, "2024-08")
	with, without := open(t, Options{}, "c.jsonl", file), open(t, Options{OwnReporters: []int64{7, 9}}, "c.jsonl", file)
	for i, want := range []row.Label{row.False, row.True, row.True, row.True, row.True} {
		a := ip(fmt.Sprint("5.6.7.", i+1))
		if l := with.Label(a, august); l != row.True {
			t.Errorf("%s with all reports: %v", a, l)
		}
		// The last two have a report that the answer does not list: by whom is
		// not known, and it counts.
		if l := without.Label(a, august); l != want {
			t.Errorf("%s without our own: %v, want %v", a, l, want)
		}
	}
}

func TestReportedByDrops(t *testing.T) {
	var lines []string
	for ip, n := range map[int]int{1: 1, 2: 2, 3: 3, 4: 9, 5: 2} {
		for i := range n {
			lines = append(lines, fmt.Sprintf("2024-08-01T10:%02d:00\tcp1\tsilent-drop_for_300s\t5.6.7.%d", i, ip))
		}
	}
	lines = append(lines, "2024-09-01T10:00:00\tcp1\tsilent-drop_for_300s\t5.6.7.1")
	label := func(ip netip.Addr) row.Label {
		return map[byte]row.Label{1: row.False, 2: row.True, 3: row.True, 4: row.True}[ip.As4()[3]]
	}
	d := drops(t, lines...)
	got := d.ReportedByDrops(label, time.Date(2024, 8, 1, 0, 0, 0, 0, time.UTC), time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC), 5)
	var s strings.Builder
	for _, g := range got {
		fmt.Fprintf(&s, "≥%d %d/%d %.3f [%.3f, %.3f]\n", g.Drops, g.Reported, g.Labelled, g.Share, g.Low, g.High)
	}
	// Where all are reported the lower end is n/(n+z²).
	want := "≥1 3/4 0.750 [0.301, 0.954]\n≥2 3/3 1.000 [0.439, 1.000]\n≥3 2/2 1.000 [0.342, 1.000]\n≥4 1/1 1.000 [0.207, 1.000]\n≥5 1/1 1.000 [0.207, 1.000]\n"
	if s.String() != want {
		t.Errorf("got\n%swant\n%s", s.String(), want)
	}
	if MathoidExcluded.Format(time.DateOnly) != "2024-08-02" {
		t.Error(MathoidExcluded)
	}
}
