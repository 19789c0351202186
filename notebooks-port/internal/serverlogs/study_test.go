package serverlogs

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The addresses of the study, replaced by ones for documentation. own are the
// three that it calls its own; visitor is the one it tells a story of; loud
// are the two that failed thousands of times.
var (
	own     = []string{"198.51.100.138", "198.51.100.19", "198.51.100.26"}
	visitor = "203.0.113.226"
	loud    = []string{"192.0.2.42", "192.0.2.179"}
)

// study writes a log in which the events of the published study of an LLM
// server's log happen, as far as its text gives figures: 55 days, fifteen
// columns. Ordinary traffic is a third of the study's, so that the test is
// quick; every figure that is asserted is the study's own.
type study struct {
	b    bytes.Buffer
	rng  *rand.Rand
	rows int
	path int
	ips  map[string]bool
}

func (s *study) row(t time.Time, ip, country, method, endpoint string, status int, size int, secs float64) {
	s.rows++
	s.ips[ip] = true
	fmt.Fprintf(&s.b, "%s,%s,%s,%s,%d,%d,%.3f,%s,HTTP/1.1,-,client/1.0,api.example,-,req-%d,eu\n", ip, t.UTC().Format(time.RFC3339), method, csvField(endpoint), status, size, secs, country, s.rows)
}

func csvField(s string) string {
	if strings.ContainsAny(s, ",\"") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

func at(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", "2024-"+text)
	if err != nil {
		panic(err)
	}
	return t
}

// down are the times without content, and how the log shows them.
var downTimes = []struct {
	from, to string
	silent   bool
}{
	{"12-03 10:20", "12-03 12:10", false}, {"12-04 02:00", "12-04 05:00", true}, {"12-07 16:05", "12-07 18:30", false},
	{"12-21 08:31", "12-21 15:10", false}, {"12-23 04:52", "12-23 08:05", false},
}

func isDown(t time.Time) (down, silent bool) {
	for _, d := range downTimes {
		if !t.Before(at(d.from)) && t.Before(at(d.to)) {
			return true, d.silent
		}
	}
	return false, false
}

func (s *study) ordinary() {
	for t := at("11-02 00:00"); t.Before(at("12-27 00:00")); t = t.Add(time.Minute) {
		pace := 0.55 + 0.3*math.Sin(float64(t.Hour()-9)/24*2*math.Pi)
		if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
			pace *= 0.7
		}
		slow := 1.0
		// The rush in front of the two big outages, from the own addresses.
		for _, rush := range []string{"12-21 08:31", "12-23 04:52"} {
			if d := at(rush).Sub(t); d > 0 && d <= 3*time.Hour {
				pace *= 5
				slow = 3
			}
		}
		n := int(pace)
		if s.rng.Float64() < pace-float64(n) {
			n++
		}
		down, silent := isDown(t)
		if silent {
			continue
		}
		for range n {
			sec := t.Add(time.Duration(s.rng.IntN(60)) * time.Second)
			size, secs := 400+s.rng.IntN(4000), slow*(0.4+1.2*s.rng.Float64())
			if down {
				size = 0
			}
			s.row(sec, own[s.rng.IntN(3)], "Singapore", "POST", "/generate_stream", 200, size, secs)
		}
	}
}

// many spreads n rows over a time.
func (s *study) many(n int, from, to string, f func(t time.Time, i int)) {
	a, d := at(from), at(to).Sub(at(from))
	for i := range n {
		f(a.Add(time.Duration(float64(d)*(float64(i)+s.rng.Float64())/float64(n))).Truncate(time.Second), i)
	}
}

func (s *study) errors() {
	ip := func(i int) string { return own[i%3] }
	s.many(8, "12-21 09:05", "12-21 09:50", func(t time.Time, i int) { s.row(t, ip(i), "Singapore", "POST", "/", 422, 0, .1) })
	s.many(193, "12-21 09:01", "12-21 09:58", func(t time.Time, i int) { s.row(t, ip(i), "Singapore", "POST", "/", 499, 0, 60) })
	s.many(136, "12-21 14:00", "12-21 14:40", func(t time.Time, i int) { s.row(t, ip(i), "Singapore", "POST", "/generate_stream", 502, 0, .01) })
	s.row(at("12-23 05:31"), own[2], "Singapore", "POST", "/", 499, 0, 60)
	s.many(33, "12-23 07:10", "12-23 07:40", func(t time.Time, i int) { s.row(t, ip(i), "Singapore", "POST", "/generate_stream", 502, 0, .01) })
	s.many(900, "11-05 13:00", "11-05 15:00", func(t time.Time, i int) { s.row(t, ip(i), "Singapore", "POST", "/generate_stream", 502, 0, .01) })
	s.many(3024, "11-06 08:00", "11-06 13:00", func(t time.Time, i int) { s.row(t, ip(i), "Singapore", "POST", "/generate_stream", 502, 0, .01) })
	s.many(260, "11-26 02:00", "11-26 22:00", func(t time.Time, i int) { s.row(t, ip(i), "Singapore", "POST", "/generate", 499, 0, 60) })
	s.many(140, "11-26 02:00", "11-26 22:00", func(t time.Time, i int) { s.row(t, ip(i), "Singapore", "POST", "/", 422, 60, .1) })
	for i, m := range []string{"HEAD", "OPTIONS", "PUT", "PROPFIND"} {
		for k := range 5 {
			s.row(at("11-12 10:00").Add(time.Duration(i*60+k)*time.Minute), fmt.Sprintf("192.0.2.%d", 200+k), "France", m, "/", []int{405, 400, 504, 405}[i], 20, .1)
		}
	}
	// The root answers POST, and refuses GET on /generate.
	s.many(60, "11-03 00:00", "12-26 00:00", func(t time.Time, i int) { s.row(t, ip(i), "Singapore", "POST", "/generate", 200, 900, 1) })
	s.many(40, "11-03 00:00", "12-26 00:00", func(t time.Time, i int) {
		s.row(t, fmt.Sprintf("192.0.2.%d", 100+i%20), "France", "GET", "/generate", 405, 20, .1)
	})
}

// getFailures are the failed GET requests by country.
var getFailures = []struct {
	country string
	n       int
}{{"Canada", 21973}, {"United Arab Emirates", 11846}, {"United States", 5103}, {"United Kingdom", 2456}, {"Singapore", 2300}, {"Germany", 1600}, {"France", 1460}, {"Netherlands", 1262}}

// when spreads failures over the days, with three spikes.
func (s *study) when() time.Time {
	d := s.rng.IntN(55)
	switch x := s.rng.Float64(); {
	case x < .12:
		d = 46 // 18 December
	case x < .22:
		d = 5 // 7 November
	case x < .30:
		d = 13 // 15 November
	}
	for {
		t := at("11-02 00:00").AddDate(0, 0, d).Add(time.Duration(s.rng.IntN(86400)) * time.Second)
		if down, _ := isDown(t); !down {
			return t
		}
	}
}

func (s *study) gets() {
	endpoint := func() string {
		s.path++
		return fmt.Sprintf("/p/%d", s.path%18900)
	}
	for c, g := range getFailures {
		for i := range g.n {
			ip := fmt.Sprintf("10.%d.%d.%d", c, i%260/26, i%26)
			switch {
			case g.country == "Canada" && i < 9000:
				ip = loud[0]
			case g.country == "United Arab Emirates" && i < 8000:
				ip = loud[1]
			case g.country == "United States" && i < 40:
				ip = visitor
			}
			s.row(s.when(), ip, g.country, "GET", endpoint(), 404, 9, .02)
		}
	}
	ok := func(t string, ip, country, target string, size int) {
		s.row(at(t), ip, country, "GET", target, 200, size, .05)
	}
	// The visitor: looks around, then attacks.
	for i := range 12 {
		ok(fmt.Sprintf("12-02 10:%02d", i), visitor, "United States", "/", 1240)
	}
	for i := range 2 {
		ok(fmt.Sprintf("12-02 10:1%d", 2+i), visitor, "United States", "/favicon.ico", 300)
		ok(fmt.Sprintf("12-02 10:1%d", 4+i), visitor, "United States", "/version", 20)
	}
	for i, target := range attackTargets {
		ok(fmt.Sprintf("12-02 10:2%d", i), visitor, "United States", target, 1240)
	}
	for i := range 28 {
		country, ip := "India", "203.0.113.10"
		if i < 14 {
			country, ip = "United States", "203.0.113.20"
		}
		day := []string{"11-03", "12-06", "12-15", "11-20"}[i%4]
		ok(fmt.Sprintf("%s 11:%02d", day, i), ip, country, "/", 1240)
	}
	for i := range 2 {
		for k, p := range docsPaths {
			ok(fmt.Sprintf("12-1%d 09:%02d", i, k), "203.0.113.30", "United States", p, 2000+100*k)
		}
	}
	// The study counts 83 successes from the United States; 19 + 14 + 16 are
	// told of.
	for i := range 34 {
		ok(fmt.Sprintf("12-1%d 12:%02d", i%5, i), "203.0.113.40", "United States", "/health", 2)
	}
}

var attackTargets = []string{
	"/?s=%3Cscript%3Ealert%28%22XSS%22%29%3B%3C%2Fscript%3E",
	"/?s=UNION+SELECT+ALL+FROM+information_schema+AND+%27+or+SLEEP%285%29+or+%27",
	"/?a=%3Cscript%3Ealert%28%22XSS%22%29%3B%3C%2Fscript%3E&b=UNION+SELECT+ALL+FROM+information_schema+AND+%27+or+SLEEP%285%29+or+%27&c=..%2F..%2F..%2F..%2Fetc%2Fpasswd",
}

var docsPaths = []string{"/api-doc/openapi.json", "/docs/", "/docs/favicon-32x32.png", "/docs/index.css", "/docs/swagger-initializer.js", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui-standalone-preset.js", "/docs/swagger-ui.css"}

func newStudy() *study {
	s := &study{rng: rand.New(rand.NewPCG(8, 27)), ips: map[string]bool{}}
	s.b.WriteString("ip_address,timestamp,method,endpoint,status_code,response_size,response_time,country,protocol,referer,user_agent,host,trace,request_id,region\n")
	s.ordinary()
	s.errors()
	s.gets()
	// As many rejected lines as the study had none of: two, to be counted.
	s.b.WriteString("192.0.2.1,not a time,GET,/,200,1,0.1,France,HTTP/1.1,-,x,api.example,-,req-x,eu\n\"broken\n")
	return s
}

var studied = sync.OnceValues(func() (*Result, error) {
	s := newStudy()
	dir, err := os.MkdirTemp("", "study")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "requests.csv")
	if err := os.WriteFile(path, s.b.Bytes(), 0o600); err != nil {
		return nil, err
	}
	o := DefaultOptions()
	o.Logs = []string{path}
	o.ShowAddresses = true
	o.Success = []StatusRange{{200, 200}}
	o.Groups, err = parseGroups(strings.NewReader("198.51.100.0/24 Render # own machines\n"), "groups")
	if err != nil {
		return nil, err
	}
	return Analyse(context.Background(), o, nil)
})

func result(t *testing.T) *Result {
	t.Helper()
	r, err := studied()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func countOf(list []Count, name string) int64 {
	for _, c := range list {
		if c.Name == name {
			return c.Count
		}
	}
	return -1
}

func TestStudyProfile(t *testing.T) {
	r := result(t)
	p := &r.Profile
	if p.Days != 55 || p.CalendarDay != 55 || !strings.HasPrefix(p.First, "2024-11-02") || !strings.HasPrefix(p.Last, "2024-12-26") {
		t.Errorf("days %d of %d, %s to %s", p.Days, p.CalendarDay, p.First, p.Last)
	}
	// One field holds path and query, which are two columns here.
	if n := p.Files[0].Columns; n != 16 {
		t.Errorf("columns: %d", n)
	}
	for _, c := range p.Columns {
		if c.Missing == nil && (c.Name == "ip" || c.Name == "http_status" || c.Name == "country") || c.Missing != nil && c.Name != "referer" && *c.Missing != 0 {
			t.Errorf("column %s: missing %v", c.Name, c.Missing)
		}
	}
	if countOf(p.Distinct, "status codes") != 8 || countOf(p.Distinct, "methods") != 6 {
		t.Errorf("distinct: %v", p.Distinct)
	}
	var rejected int64
	for _, c := range p.Rejected {
		rejected += c.Count
	}
	if rejected != 2 {
		t.Errorf("rejected: %v", p.Rejected)
	}
}

func TestStudyOutages(t *testing.T) {
	r := result(t)
	find := func(date string) *Incident {
		for i := range r.Incidents {
			if strings.HasPrefix(r.Incidents[i].Onset, date) {
				return &r.Incidents[i]
			}
		}
		t.Fatalf("no outage on %s", date)
		return nil
	}
	near := func(got, want string) bool {
		g, err := time.Parse("2006-01-02 15:04", got)
		if err != nil {
			t.Fatal(err)
		}
		d := g.Sub(at(want))
		return d > -12*time.Minute && d < 12*time.Minute
	}
	for _, d := range downTimes {
		in := find("2024-" + d.from[:5])
		if !near(in.Onset, d.from) {
			t.Errorf("outage of %s begins %s", d.from, in.Onset)
		}
		kind := signEmpty
		if d.silent {
			kind = signSilence
		}
		if !slices.ContainsFunc(in.Signs, func(s Sign) bool { return s.Kind == kind }) {
			t.Errorf("outage of %s shows %v, want %s", d.from, in.Signs, kind)
		}
	}
	want := map[string][]string{
		"2024-12-21": {"9 422 / 8", "9 499 / 193", "14 502 /generate_stream 136"},
		"2024-12-23": {"5 499 / 1", "7 502 /generate_stream 33"},
	}
	for date, rows := range want {
		in := find(date)
		var got []string
		for _, e := range in.Errors {
			got = append(got, fmt.Sprintf("%d %d %s %d", e.Hour, e.Status, e.Endpoint, e.Count))
			if e.Count > 8 {
				a := slices.Sorted(slices.Values(e.Addresses))
				if !slices.Equal(a, own) {
					t.Errorf("%s: top addresses %v", date, a)
				}
			}
		}
		if !slices.Equal(got, rows) {
			t.Errorf("%s: errors %q, want %q", date, got, rows)
		}
		if !strings.Contains(in.First, "already down") {
			t.Errorf("%s: %s", date, in.First)
		}
		b := in.Before
		if b.Ratio < 2 || b.OwnShare < 0.6 || !b.HasLatency || b.LatencyRise < 2 {
			t.Errorf("%s before: %.2f times, own %.2f, latency %.2f", date, b.Ratio, b.OwnShare, b.LatencyRise)
		}
		if c := in.Causes[0]; !strings.HasPrefix(c.Name, "Overload") || c.Verdict != "supported" {
			t.Errorf("%s: first cause %s, %s", date, c.Name, c.Verdict)
		}
		for _, c := range in.Causes {
			if strings.HasPrefix(c.Name, "Attack") && c.Verdict == "supported" {
				t.Errorf("%s: a flood is supported: %v", date, c.For)
			}
		}
	}
}

func TestStudyCalendar(t *testing.T) {
	r := result(t)
	has := func(date, kind, text string) {
		t.Helper()
		for _, e := range r.Calendar {
			if e.Date == date && e.Kind == kind && strings.Contains(e.Text, text) {
				return
			}
		}
		t.Errorf("no %q on %s", kind, date)
	}
	has("2024-11-05", "502 spike", "900")
	has("2024-11-06", "502 spike", "3,024")
	has("2024-11-26", "499 spike", "260")
	has("2024-11-26", "422 spike", "140")
	has("2024-12-21", "502 spike", "136")
	has("2024-12-21", "499 spike", "193")
	has("2024-12-23", "502 spike", "33")
	for _, d := range []string{"12-03", "12-04", "12-07", "12-21", "12-23"} {
		has("2024-"+d, "outage", "")
	}
	for _, d := range []string{"12-18", "11-07", "11-15"} {
		has("2024-"+d, "GET failures", "")
	}
	if n := len(r.Get.Spikes); n != 3 {
		t.Errorf("%d days of GET failures: %v", n, r.Get.Spikes)
	}
	for _, e := range r.Calendar {
		if e.Kind == "outage" && !slices.Contains([]string{"2024-12-03", "2024-12-04", "2024-12-07", "2024-12-21", "2024-12-23", "2024-11-05", "2024-11-06"}, e.Date) {
			t.Errorf("outage on %s: %s", e.Date, e.Text)
		}
	}
}

func TestStudyGet(t *testing.T) {
	r := result(t)
	g := &r.Get
	if g.Failure != 48000+40 || g.FailTargets < 18900 || g.FailTargets > 19000 {
		t.Errorf("failures %d at %d endpoints", g.Failure, g.FailTargets)
	}
	for _, f := range getFailures {
		i := slices.IndexFunc(g.Countries, func(c GetRow) bool { return c.Name == f.country })
		want := int64(f.n)
		if f.country == "France" {
			want += 40
		}
		if i < 0 || g.Countries[i].Failure != want {
			t.Errorf("%s: %v, want %d", f.country, g.Countries, want)
		}
	}
	for i, name := range []string{"Canada", "United Arab Emirates", "United States", "United Kingdom", "Singapore"} {
		if g.Countries[i].Name != name {
			t.Errorf("country %d is %s, want %s", i+1, g.Countries[i].Name, name)
		}
	}
	if us := g.Countries[2]; us.Success != 83 {
		t.Errorf("United States: %d successes, want 83", us.Success)
	}
	var never []string
	for _, row := range g.NeverOK {
		never = append(never, row.Name)
	}
	if !slices.Equal(never, loud) {
		t.Errorf("never succeeded: %v, want %v", never, loud)
	}
	i := slices.IndexFunc(g.BySuccess, func(c GetRow) bool { return c.Name == visitor })
	if i < 0 || g.BySuccess[i].Success != 19 {
		t.Errorf("the visitor's successes: %v", g.BySuccess)
	}
	byTarget := map[string]int64{}
	for _, row := range g.Succeeding {
		byTarget[row.Name] = row.Success
	}
	if byTarget["/"] != 40 {
		t.Errorf("/ succeeded %d times, want 40", byTarget["/"])
	}
	for _, p := range docsPaths {
		if byTarget[p] != 2 {
			t.Errorf("%s succeeded %d times, want 2", p, byTarget[p])
		}
	}
	for _, p := range attackTargets {
		if byTarget[p] != 1 {
			t.Errorf("%s succeeded %d times, want 1", p, byTarget[p])
		}
	}
	if i := slices.IndexFunc(g.Mismatches, func(m Mismatch) bool { return m.Endpoint == "/generate" && m.Method == "GET" }); i < 0 || g.Mismatches[i].Served != "POST" || g.Mismatches[i].Refused != 40 {
		t.Errorf("mismatches: %v", g.Mismatches)
	}
}

func TestStudyAttacks(t *testing.T) {
	r := result(t)
	a := &r.Attacks
	class := func(id string) *ClassRow {
		for i := range a.Classes {
			if a.Classes[i].Class == id {
				return &a.Classes[i]
			}
		}
		t.Fatalf("no class %s", id)
		return nil
	}
	for id, n := range map[string]int64{"xss": 2, "sqli": 2, "traversal": 1, "apidocs": 16} {
		if c := class(id); c.Requests != n || c.Answered != n {
			t.Errorf("%s: %d requests, %d answered, want %d", id, c.Requests, c.Answered, n)
		}
	}
	for _, id := range []string{"xss", "sqli", "traversal"} {
		if c := class(id); c.AsUsual != c.Answered || c.Likely != 0 {
			t.Errorf("%s: as usual %d of %d", id, c.AsUsual, c.Answered)
		}
	}
	for _, row := range a.Answered {
		if row.Target == attackTargets[2] && row.Class != "sqli+xss+traversal" {
			t.Errorf("the combined target is %s", row.Class)
		}
	}
	for _, f := range a.Findings {
		want := map[string]string{"SQL injection": stateIgnore, "Cross-site scripting": stateIgnore, "Path traversal": stateIgnore, "API documentation": stateWatch}[f.Title]
		if f.State != want || len(f.Reasons) == 0 {
			t.Errorf("%s: %s, want %s", f.Title, f.State, want)
		}
	}
	if len(a.Dossiers) == 0 || a.Dossiers[0].Address != visitor {
		t.Fatalf("no dossier of the visitor")
	}
	d := a.Dossiers[0]
	var story []string
	for _, e := range d.Timeline {
		if strings.HasPrefix(e.Time, "2024-12-02") && e.Status == 200 {
			story = append(story, fmt.Sprintf("%s×%d", strings.SplitN(e.Target, "?", 2)[0], e.Count))
		}
	}
	if !slices.Equal(story, []string{"/×12", "/favicon.ico×2", "/version×2", "/×1", "/×1", "/×1"}) {
		t.Errorf("timeline: %v", story)
	}
	if d.State != stateWatch || !slices.ContainsFunc(d.Phases, func(p Phase) bool { return p.Name == "attack" }) {
		t.Errorf("dossier: %s %v", d.State, d.Phases)
	}
	var titles []string
	for _, rec := range r.Recommendations {
		titles = append(titles, rec.Title)
		if len(rec.Rows) == 0 || len(rec.Snippets) == 0 {
			t.Errorf("%s has no rows or no snippets", rec.Title)
		}
	}
	for _, want := range []string{"Block", "Limit", "documentation", "Check input", "firewall", "backend", "405"} {
		if !strings.Contains(strings.Join(titles, "\n"), want) {
			t.Errorf("no recommendation on %q: %v", want, titles)
		}
	}
}

// TestStudyDays: the days that the study sets side by side.
func TestStudyDays(t *testing.T) {
	r := result(t)
	n := 0
	for _, d := range r.Days {
		switch d.Date {
		case "2024-12-20", "2024-12-24", "2024-12-25":
			if len(d.Marks) != 0 {
				t.Errorf("%s is marked %v", d.Date, d.Marks)
			}
			n++
		case "2024-12-21", "2024-12-23", "2024-11-06":
			if len(d.Marks) == 0 {
				t.Errorf("%s is not marked: z %.1f, errors %.1f", d.Date, d.Z, d.FailedZ)
			}
			n++
		}
	}
	if n != 6 {
		t.Errorf("%d of 6 days are there", n)
	}
}
