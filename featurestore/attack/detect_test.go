package attack

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"sluice/featurestore/fault"
	"sluice/featurestore/webrequest"
)

// poisson draws a count of a mean.
func poisson(r *rand.Rand, mean float64) int {
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	n, p, limit := 0, r.Float64(), math.Exp(-mean)
	for p > limit {
		n++
		p *= r.Float64()
	}
	return n
}

// rhythm is traffic with days and weeks in it: requests a minute.
func rhythm(base float64, minute int64) float64 {
	at := time.Unix(minute*60, 0).UTC()
	hour := float64(at.Hour()) + float64(at.Minute())/60
	w := base * (1 + .7*math.Sin(2*math.Pi*(hour-9)/24))
	if d := at.Weekday(); d == time.Saturday || d == time.Sunday {
		w *= .6
	}
	return w
}

func timeline(seed uint64, base float64, from, to int64, attacks []Window, extra float64) *Timeline {
	r := rand.New(rand.NewPCG(seed, 7))
	t := new(Timeline)
	for m := from / 60; m < to/60; m++ {
		n := poisson(r, rhythm(base, m))
		for _, a := range attacks {
			if m*60 >= a.Start && m*60 < a.End {
				n += poisson(r, extra)
			}
		}
		for range n {
			t.Add(m*60 + r.Int64N(60))
		}
	}
	return t
}

// match counts the true windows that were found, and how far their ends are off
// at most, in minutes.
func match(truth []Window, got []Detected) (found, off int) {
	for _, w := range truth {
		for _, d := range got {
			if d.Start < w.End && d.End > w.Start {
				found++
				far := max(max(d.Start-w.Start, w.Start-d.Start), max(d.End-w.End, w.End-d.End))
				off = max(off, int((far+59)/60))
				break
			}
		}
	}
	return found, off
}

func TestDetectAgainstTheRhythm(t *testing.T) {
	from, to := unix(t, "2024-06-01 00:00:00"), unix(t, "2024-07-01 00:00:00")
	attacks := []Window{
		{Start: unix(t, "2024-06-05 03:10:00"), End: unix(t, "2024-06-05 04:00:00")},
		{Start: unix(t, "2024-06-12 15:00:00"), End: unix(t, "2024-06-12 23:30:00")},
		{Start: unix(t, "2024-06-13 15:00:00"), End: unix(t, "2024-06-13 18:30:00")},
		{Start: unix(t, "2024-06-30 22:00:00"), End: unix(t, "2024-07-01 00:00:00")}, // to the last minute
	}
	for _, base := range []float64{.05, 2, 40} {
		for seed := range uint64(3) {
			extra := max(30, 4*base)
			got := timeline(seed, base, from, to, attacks, extra).Detect(DetectOptions{})
			found, off := match(attacks, got)
			if found != len(attacks) || len(got) != len(attacks) || off > 5 {
				t.Errorf("base %v, seed %d: %d of %d found, %d in all, off by %d minutes", base, seed, found, len(attacks), len(got), off)
			}
			if quiet := timeline(seed, base, from, to, nil, 0).Detect(DetectOptions{}); len(quiet) > 0 {
				t.Errorf("base %v, seed %d: %d attacks where none are: %+v", base, seed, len(quiet), quiet[0])
			}
		}
	}
	if got := new(Timeline).Detect(DetectOptions{}); got != nil {
		t.Errorf("in nothing: %v", got)
	}
}

// A busy afternoon is no attack; the same traffic at night is.
func TestDetectKnowsTheHour(t *testing.T) {
	from, to := unix(t, "2024-06-03 00:00:00"), unix(t, "2024-07-01 00:00:00")
	line := new(Timeline)
	for m := from / 60; m < to/60; m++ {
		n := 1
		if h := m / 60 % 24; h >= 14 && h < 16 {
			n = 40
		}
		if m*60 >= unix(t, "2024-06-20 02:00:00") && m*60 < unix(t, "2024-06-20 03:00:00") {
			n = 40
		}
		for range n {
			line.Add(m * 60)
		}
	}
	got := line.Detect(DetectOptions{})
	if len(got) != 1 || got[0].ID != "detected-2024-06-20T0200Z" || got[0].End-got[0].Start != 3600 || got[0].Requests != 2400 || got[0].Peak != 40 || got[0].Usual != 60 {
		t.Errorf("%+v", got)
	}
}

// A window over the month's end is one, and belongs to the month it starts in.
func TestDetectOverAMonthsEnd(t *testing.T) {
	from, to := unix(t, "2024-07-10 00:00:00"), unix(t, "2024-08-20 00:00:00")
	truth := []Window{{Start: unix(t, "2024-07-31 22:00:00"), End: unix(t, "2024-08-01 03:00:00")}}
	got := timeline(1, 3, from, to, truth, 60).Detect(DetectOptions{})
	if found, off := match(truth, got); found != 1 || len(got) != 1 || off > 5 {
		t.Fatalf("%+v", got)
	}
	s, err := New([]Window{got[0].Window}, nil)
	if err != nil || s.Window(0).Month.String() != "2024-07" {
		t.Errorf("%+v, %v", s, err)
	}
}

// However requests are dealt to timelines, and in whatever order they come, the
// outcome is the same; and windows never overlap.
func TestTimelinesMerge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole, parts := new(Timeline), [3]Timeline{}
		for range rapid.IntRange(0, 300).Draw(t, "bursts") {
			at := rapid.Int64Range(0, 6*86400).Draw(t, "at")
			p := rapid.IntRange(0, 2).Draw(t, "part")
			for i := range rapid.Int64Range(1, 40).Draw(t, "requests") {
				whole.Add(at + i)
				parts[p].Add(at + i)
			}
		}
		var sum Timeline
		for _, i := range rapid.Permutation([]int{0, 1, 2}).Draw(t, "order") {
			sum.Merge(&parts[i])
		}
		o := DetectOptions{MinRequests: 20, Threshold: 4}
		got, want := sum.Detect(o), whole.Detect(o)
		if !slices.Equal(got, want) {
			t.Fatalf("%+v, want %+v", got, want)
		}
		for i := 1; i < len(got); i++ {
			if got[i].Start < got[i-1].End {
				t.Fatalf("%+v overlaps %+v", got[i], got[i-1])
			}
		}
	})
	var far Timeline
	far.Add(0)
	far.Add(1 << 40)
	if len(far.counts) > 1440 {
		t.Error("an instant out of all reason takes memory")
	}
}

func writeLog(t *testing.T, dir, name string, requests []map[string]any) string {
	t.Helper()
	path := filepath.Join(dir, name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := gzip.NewWriter(f)
	e := json.NewEncoder(z)
	for _, r := range requests {
		if err := e.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	var quiet, loud []map[string]any
	request := func(at int64, ip, path, query, agent, cache string) map[string]any {
		return map[string]any{"dt": time.Unix(at, 0).UTC().Format(time.RFC3339), "ip": ip, "uri_path": path, "uri_query": query, "user_agent": agent, "cache_status": cache}
	}
	from := unix(t, "2024-07-01 00:00:00")
	for h := range int64(24 * 24) {
		quiet = append(quiet, request(from+h*3600+h%60*60, "192.0.2.1", "/", "", "reader", "miss"))
	}
	start := unix(t, "2024-07-18 04:00:00")
	for i := range int64(1200) { // one address above a request a second, ten slow ones
		loud = append(loud, request(start+i/2, "203.0.113.9", "/w/index.php", fmt.Sprint("?x=", i), "flood", "miss"))
		if i%10 == 0 {
			loud = append(loud, request(start+i/2, fmt.Sprint("198.51.100.", i/10%10), "/search", "?q=a", "flood", "pass"))
		}
	}
	// As much from the cache is no cache-busting attack.
	for i := range int64(1200) {
		loud = append(loud, request(start+86400+i/2, "203.0.113.9", "/", "", "flood", "hit-front"))
	}
	files := []string{writeLog(t, dir, "a.json.gz", quiet), writeLog(t, dir, "b.json.gz", loud[:900]), writeLog(t, dir, "c.json.gz", loud[900:])}
	s := Search{Files: files, Filter: webrequest.DefaultFilter(webrequest.Wikimedia), Threads: 3}
	got, err := Find(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Attacks) != 1 || got.Attacks[0].Start != start || got.Attacks[0].End != start+600 || got.Attacks[0].Month.String() != "2024-07" {
		t.Fatalf("%+v", got.Attacks)
	}
	want := Signature{Requests: 1320, Addresses: 11, Fast: 1,
		Paths: []ValueCount{{"/w/index.php", 1200}, {"/search", 120}}, Agents: []ValueCount{{"flood", 1320}},
		Prefixes: []ValueCount{{"203.0.113.0/24", 1200}, {"198.51.100.0/24", 120}}}
	sig := got.Signatures[0]
	if sig.Queries[0] != (ValueCount{"?q=a", 120}) || len(sig.Queries) != topShown {
		t.Errorf("queries %v", sig.Queries)
	}
	sig.Queries = nil
	if fmt.Sprint(sig) != fmt.Sprint(want) {
		t.Errorf("got  %+v\nwant %+v", sig, want)
	}
	s.Threads = 1
	if again, err := Find(t.Context(), s); err != nil || fmt.Sprint(again.Attacks, again.Signatures) != fmt.Sprint(got.Attacks, got.Signatures) {
		t.Errorf("with one thread: %+v, %v", again, err)
	}
	// Windows that are known are described as those found.
	signatures, hours, err := Describe(t.Context(), s, got.Set)
	if err != nil || fmt.Sprint(signatures) != fmt.Sprint(got.Signatures) || fmt.Sprint(hours) != fmt.Sprint(got.Hours) {
		t.Errorf("described: %+v, %v, %v; want %+v, %v", signatures, hours, err, got.Signatures, got.Hours)
	}
	s.Files = []string{"-"}
	if _, _, err := Describe(t.Context(), s, got.Set); !fault.Is(err, fault.Usage) {
		t.Errorf("the standard input: %v", err)
	}
	if _, err := Find(t.Context(), s); !fault.Is(err, fault.Usage) {
		t.Errorf("the standard input: %v", err)
	}
	s.Files = files
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(ctx, s); !fault.Is(err, fault.Interrupted) {
		t.Errorf("after cancel: %v", err)
	}
	if _, _, err := Describe(ctx, s, got.Set); !fault.Is(err, fault.Interrupted) {
		t.Errorf("described after cancel: %v", err)
	}
}

// A request in several windows counts in the signature of each.
func TestSignatureOfOverlappingWindows(t *testing.T) {
	s, err := New([]Window{{ID: "a", Start: 0, End: 100}, {ID: "b", Start: 50, End: 150}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	one, two := s.Signer(), s.Signer()
	for i := range int64(150) {
		r := webrequest.Request{Time: i, IP: netip.MustParseAddr("2001:db8::1"), Available: webrequest.FieldURIPath, URIPath: "/"}
		if i%2 == 0 {
			one.Add(&r)
		} else {
			two.Add(&r)
		}
	}
	one.Merge(two)
	for i, sig := range one.Signatures(func(netip.Addr, time.Time) string { return "XK" }) {
		if len(sig.Countries) != 1 || sig.Countries[0] != (ValueCount{"XK", 100}) {
			t.Errorf("window %d: countries %v", i, sig.Countries)
		}
		if sig.Requests != 100 || sig.Addresses != 1 || sig.Prefixes[0] != (ValueCount{"2001:db8::/64", 100}) {
			t.Errorf("window %d: %+v", i, sig)
		}
	}
}

func TestFrequentIsBounded(t *testing.T) {
	var f, o frequent
	for i := range topKeys + 500 {
		f.add("often", 1)
		f.add(fmt.Sprint(i), 1)
		o.add(fmt.Sprint("o", i), 1)
	}
	f.merge(&o)
	if len(f.counts) != topKeys || f.top()[0] != (ValueCount{"often", topKeys + 500}) {
		t.Errorf("%d values, %v", len(f.counts), f.top())
	}
	total := f.missed
	for _, n := range f.counts {
		total += *n
	}
	if total != 3*(topKeys+500) {
		t.Errorf("%d requests are counted or missed", total)
	}
}

// A request's strings are the log reader's, which writes over them.
func TestSignatureKeepsNoString(t *testing.T) {
	var f frequent
	buf := []byte("/page")
	for range 3 {
		f.add(unsafe.String(&buf[0], len(buf)), 1)
	}
	copy(buf, "/xxxx")
	if got := f.top(); len(got) != 1 || got[0] != (ValueCount{"/page", 3}) {
		t.Errorf("%v", got)
	}
}

func BenchmarkDetect(b *testing.B) {
	line := timeline(1, 20, 0, 60*86400, []Window{{Start: 30 * 86400, End: 30*86400 + 7200}}, 300)
	b.ReportAllocs()
	for b.Loop() {
		line.Detect(DetectOptions{})
	}
}
