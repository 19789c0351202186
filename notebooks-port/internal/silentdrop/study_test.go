package silentdrop

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"sluice/featurestore/row"
	"sluice/notebooks-port/internal/study"
	"sluice/notebooks-port/internal/studytest"
)

// studyDir writes logs, records and labels with what the study tells: two wikis
// with its numbers of requests, addresses that are only answered from the cache,
// and ordinary abusive ones.
func studyDir(t *testing.T) (args []string) {
	dir := t.TempDir()
	var log, drops, labels bytes.Buffer
	gz := gzip.NewWriter(&log)
	request := func(day, ip, cache, host, path, agent string, n int64) {
		for i := range n {
			s := i % 86400
			fmt.Fprintf(gz, `{"dt":"%sT%02d:%02d:%02dZ","ip":"%s","cache_status":"%s","http_status":"200","response_size":900,"http_method":"GET","uri_host":"%s","uri_path":"%s","uri_query":"","content_type":"text/html","referer":"-","user_agent":"%s","accept_language":"-","x_analytics":"https=1","time_firstbyte":0.5}`+"\n",
				day, s/3600, s/60%60, s%60, ip, cache, host, path, agent)
		}
	}
	drop := func(day, ip string, n int, reported bool) {
		for i := range n {
			fmt.Fprintf(&drops, `{"time":"%sT%02d:%02d:00","hostname":"cp1106","prefix":"silent-drop_for_300s","data":"%s"}`+"\n", day, i/12, i%12*5, ip)
		}
		count := 0
		if reported {
			count = 3
		}
		fmt.Fprintf(&labels, `{"requestedAt":"2024-07-31T23:00:00Z","maxAgeInDays":90,"data":{"ipAddress":"%s","isPublic":true,"ipVersion":4,"isWhitelisted":false,"abuseConfidenceScore":%d,"totalReports":%d,"numDistinctUsers":%d,"lastReportedAt":null}}`+"\n", ip, count, count, count)
	}
	scale := int64(1)
	if testing.Short() {
		scale = 50
	}
	for i, p := range study.PublishedDropped {
		ip, day := fmt.Sprintf("20.30.40.%d", i+1), []string{"2024-07-01", "2024-07-03"}[i]
		for k, x := range p.Rows {
			request(day, ip, "pass", x.Host, strings.Replace(x.Path, "…", fmt.Sprint(k), 1), x.Agent, max(1, x.Count/scale))
		}
		drop(day, ip, 60-i, false)
	}
	for i := range 12 { // only answered from the cache
		ip := fmt.Sprintf("30.40.50.%d", i+1)
		request("2024-07-31", ip, "hit-front", "www.wikipedia.org", "/", "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", 40)
		drop("2024-07-31", ip, 9, i < 10)
	}
	for i := range 30 {
		ip := fmt.Sprintf("40.50.60.%d", i+1)
		request("2024-07-09", ip, "miss", "en.wikipedia.org", "/wiki/Special:Search", "curl/8.5", 30)
		drop("2024-07-09", ip, 1+i%4, i%2 == 0)
	}
	gz.Close()
	for name, b := range map[string][]byte{"log.json.gz": log.Bytes(), "drops.json": drops.Bytes(), "checks-2024-07.jsonl": labels.Bytes()} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"--logs", filepath.Join(dir, "log.json.gz"), "--drops", filepath.Join(dir, "drops.json"), "--labels", filepath.Join(dir, "checks-2024-07.jsonl"), "--min-addresses", "10", "--show-addresses", "--json", "--quiet", "--out", filepath.Join(dir, "out"), "--top", "2"}
}

// TestTheStudysFindings holds the program against what the study tells of its
// data.
func TestTheStudysFindings(t *testing.T) {
	args := studyDir(t)
	status, out, errs := studytest.Call(t, Main, args...)
	if status != 0 {
		t.Fatal(errs)
	}
	var r Result
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Requests) != 2 {
		t.Fatalf("%d tables", len(r.Requests))
	}
	for i, p := range study.PublishedDropped {
		for k, x := range p.Rows {
			want := TopRequest{x.Agent, x.Host, strings.Replace(x.Path, "…", fmt.Sprint(k), 1), x.Count}
			got := r.Requests[i].Rows[k]
			if testing.Short() {
				want.Count = max(1, x.Count/50)
			}
			if got != want {
				t.Errorf("table %d, line %d: %v, want %v", i, k, got, want)
			}
		}
	}
	for _, c := range []struct {
		name                string
		addresses, reported int
		records             int
	}{{classNames[mathoid], 2, 0, 119}, {classNames[hits], 12, 10, 108}, {classNames[busting], 30, 15, 73}} {
		i := slices.IndexFunc(r.Clients, func(x Client) bool { return x.Name == c.name })
		if i < 0 || r.Clients[i].Addresses != c.addresses || r.Clients[i].Reported != c.reported || r.Clients[i].Records != c.records {
			t.Errorf("%s: %+v", c.name, r.Clients)
		}
	}
	// Without the wikis all with 5 to 9 records are the cache's: 10 of 12.
	if r.Reversal.Peak != 5 && r.Reversal.Peak != 1 {
		t.Errorf("peak at %d", r.Reversal.Peak)
	}
	if r.Missed.Addresses != 12 {
		t.Errorf("missed by the cache filter: %+v", r.Missed)
	}
	if r.Targets[0].Host != "www.wikipedia.org" || r.Targets[0].Path != "/" || r.Targets[0].Date != "2024-07-31" || r.Targets[0].Addresses != 12 || r.Targets[0].Hits != 1 {
		t.Errorf("targets: %+v", r.Targets)
	}
	if r.Candidates.Addresses != 14 || r.Candidates.Excluded != 2 {
		t.Errorf("candidates: %+v", r.Candidates)
	}
	// In the first second formulas are checked five times and each of the four
	// others is asked for once, all of them Mathoid's.
	atOnce := 9
	if testing.Short() {
		atOnce = 5
	}
	if r.Requests[0].AtOnce != atOnce || r.Requests[0].Without != 0 {
		t.Errorf("at once: %d, %d without", r.Requests[0].AtOnce, r.Requests[0].Without)
	}
}

// TestReversalIsExplained tries the three ways in which a fall can be told.
func TestReversalIsExplained(t *testing.T) {
	make := func(records int, kind class, label row.Label, n int) []*address {
		var out []*address
		for range n {
			out = append(out, &address{drops: dropsOf(records), kind: kind, label: label})
		}
		return out
	}
	for _, c := range []struct {
		name string
		list []*address
		want string
	}{
		{"theirs", slices.Concat(make(20, mathoid, row.False, 30), make(8, busting, row.True, 50), make(1, busting, row.False, 20)), "**the fall is theirs.**"},
		{"not theirs", slices.Concat(make(20, busting, row.False, 30), make(8, busting, row.True, 50)), "So the fall is not theirs."},
		{"too few", slices.Concat(make(20, mathoid, row.False, 30), make(1, busting, row.True, 50)), "Too few addresses are left"},
		{"no fall", slices.Concat(make(20, busting, row.True, 30), make(2, busting, row.False, 50)), "does not fall"},
		{"too few labels", make(3, busting, row.Unknown, 40), "too few to speak of shares"},
	} {
		slices.SortFunc(c.list, func(x, y *address) int { return len(y.drops) - len(x.drops) })
		a := &analysis{o: options{minAddresses: 10}, found: c.list}
		a.labels = anyLabels(t)
		if got := a.reversal(a.curves()).Text; !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// TestCurvesAgainstCounting holds the curves against counting anew.
func TestCurvesAgainstCounting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := &analysis{}
		for range rapid.IntRange(1, 40).Draw(t, "addresses") {
			a.found = append(a.found, &address{
				drops: dropsOf(rapid.IntRange(1, 12).Draw(t, "records")), kind: class(rapid.IntRange(0, int(mixed)).Draw(t, "kind")), label: row.Label(rapid.IntRange(0, 2).Draw(t, "label")),
			})
		}
		slices.SortStableFunc(a.found, func(x, y *address) int { return len(y.drops) - len(x.drops) })
		for i, keep := range []func(x *address) bool{
			func(*address) bool { return true }, func(x *address) bool { return x.kind > commons }, func(x *address) bool { return x.kind > api },
		} {
			for _, p := range a.curves()[i].Points {
				var want study.Tally
				for _, x := range a.found {
					if len(x.drops) >= p.K && keep(x) {
						want.Add(x.label)
					}
				}
				if p.Tally != want {
					t.Fatalf("curve %d at %d: %+v, want %+v", i, p.K, p.Tally, want)
				}
			}
		}
	})
}

// TestAtOnceAgainstEveryInstant holds the sweep against looking at each
// millisecond.
func TestAtOnceAgainstEveryInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := listing{timed: true}
		for range rapid.IntRange(0, 30).Draw(t, "spans") {
			from := rapid.Int64Range(0, 50).Draw(t, "from")
			l.spans = append(l.spans, span{from, from + rapid.Int64Range(1, 20).Draw(t, "length"), rapid.Bool().Draw(t, "excluded")})
		}
		for _, without := range []bool{false, true} {
			want := 0
			for at := range int64(80) {
				n := 0
				for _, s := range l.spans {
					if s.from <= at && at < s.to && !(without && s.excluded) {
						n++
					}
				}
				want = max(want, n)
			}
			if got := l.atOnce(without); got != want {
				t.Fatalf("%d, want %d", got, want)
			}
		}
	})
}

func TestKind(t *testing.T) {
	for _, c := range []struct {
		counts counts
		want   class
	}{
		{counts{}, absent}, {counts{5, 0, 0, 5, 0}, mathoid}, {counts{1, 4, 0, 5, 0}, commons}, {counts{2, 2, 2, 2, 2}, mixed},
		{counts{0, 0, 5, 5, 0}, api}, {counts{0, 0, 1, 4, 3}, hits}, {counts{0, 0, 0, 1, 1}, hits}, {counts{0, 0, 0, 1, 2}, busting},
	} {
		if got := c.counts.kind(); got != c.want {
			t.Errorf("%v: %s", c.counts, classNames[got])
		}
	}
}
