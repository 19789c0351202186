package simulate

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"sluice/featurestore/reputation"
)

// standing is what AbuseIPDB knows about an address at a month's end, and a
// little later.
type standing struct {
	ip        netip.Addr
	reported  bool
	at        time.Time // first report; zero: none
	last      time.Time // last report by the month's end; zero: none
	total     int       // reports by the month's end, within 90 days
	late      int       // further reports within three weeks after the month
	score     int
	days      int // of the month on the list
	whitelist bool
}

// strangers is how many listed addresses never show up in the logs, for each
// that does.
const strangers = 2

// standings are those of everyone in the month's logs, in order of address.
func (w *World) standings(m *month) []standing {
	r := w.rng(partLists, uint64(m.index), 0)
	end := m.month.End(time.UTC)
	start := m.month.Start(time.UTC)
	seen := map[netip.Addr]bool{}
	var out []standing
	for _, ps := range [][]Profile{m.pairs, m.background} {
		for i := range ps {
			p := &ps[i]
			if seen[p.IP] {
				continue
			}
			seen[p.IP] = true
			s := standing{ip: p.IP, reported: p.Reported, at: p.ReportedAt}
			s.whitelist = p.Crawler && p.Attack == m.month.String() && !p.Reported
			draw(&s, r, start, end)
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b standing) int { return a.ip.Compare(b.ip) })
	return out
}

// draw fills in the details of a standing.
func draw(s *standing, r *rand.Rand, start, end time.Time) {
	lateReports := 1 + r.IntN(4)
	switch {
	case s.reported:
		s.total = 1 + int(lognormal(r, 6, 1.3))
		s.score = min(100, 20+int(lognormal(r, 30, .8)))
		from := s.at
		if from.Before(start) { // known before, reported again this month
			from = start
		}
		s.last = from.Add(time.Duration(r.Float64() * float64(end.Add(-time.Hour).Sub(from)))).Truncate(time.Second)
		s.days = 1 + int(end.Sub(from).Hours()/24*r.Float64())
		if r.Float64() < .5 {
			s.late = lateReports
		}
	case !s.at.IsZero(): // reported late
		s.late = lateReports
	}
}

// writeLabels writes each month's exports in every shape, each shape in a
// folder of its own, since shapes mean different things. The late folder has
// the answers of three weeks later, with the reports' dates.
func (w *World) writeLabels(ctx context.Context, dir string, f *Files) error {
	for i := range w.cfg.Months {
		m := w.get(i)
		end := m.month.End(time.UTC)
		ss := w.standings(m)
		listed := w.listed(m, ss)
		r := w.rng(partLists, uint64(i), 1)
		for _, x := range []struct {
			shape, name string
			write       func(*bufio.Writer) error
		}{
			{"check", "simulated-checks-%s.jsonl.gz", func(b *bufio.Writer) error { return writeChecks(b, ss, end, r) }},
			{"check-csv", "simulated-checks-%s.csv", func(b *bufio.Writer) error { return writeCheckCSV(b, ss, end) }},
			{"blacklist", "simulated-blacklist-%s.json", func(b *bufio.Writer) error { return writeBlacklist(b, listed, end.Add(-30*time.Minute)) }},
			{"plain", "simulated-blacklist-%s.txt", func(b *bufio.Writer) error { return writePlain(b, listed, m) }},
			{"csv", "simulated-listed-%s.csv.gz", func(b *bufio.Writer) error { return writeListCSV(b, listed) }},
			{"late", "simulated-late-checks-%s.jsonl.gz", func(b *bufio.Writer) error { return writeLate(b, ss, m, r) }},
		} {
			path := filepath.Join(dir, "labels", x.shape, fmt.Sprintf(x.name, m.month))
			if err := writeAtomic(path, x.write); err != nil {
				return err
			}
			f.Labels[x.shape] = append(f.Labels[x.shape], path)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// listed are the reported ones and strangers, in order of address.
func (w *World) listed(m *month, ss []standing) []standing {
	var out []standing
	taken := map[netip.Addr]bool{}
	for _, s := range ss {
		taken[s.ip] = true
		if s.reported {
			out = append(out, s)
		}
	}
	r := w.rng(partLists, uint64(m.index), 2)
	for range strangers * len(out) {
		s := standing{ip: public4(r), reported: true, at: m.month.Start(time.UTC)}
		if taken[s.ip] {
			continue
		}
		taken[s.ip] = true
		draw(&s, r, m.month.Start(time.UTC), m.month.End(time.UTC))
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b standing) int { return a.ip.Compare(b.ip) })
	return out
}

// checkBody is a check's response.
type checkBody struct {
	Data checkBodyData `json:"data"`
}

type checkBodyData struct {
	IPAddress            string       `json:"ipAddress"`
	IsPublic             bool         `json:"isPublic"`
	IPVersion            int          `json:"ipVersion"`
	IsWhitelisted        *bool        `json:"isWhitelisted"`
	AbuseConfidenceScore int          `json:"abuseConfidenceScore"`
	CountryCode          *string      `json:"countryCode"`
	UsageType            string       `json:"usageType"`
	ISP                  string       `json:"isp"`
	Domain               string       `json:"domain"`
	Hostnames            []string     `json:"hostnames"`
	IsTor                bool         `json:"isTor"`
	TotalReports         int          `json:"totalReports"`
	NumDistinctUsers     int          `json:"numDistinctUsers"`
	LastReportedAt       *string      `json:"lastReportedAt"`
	Reports              []reportBody `json:"reports,omitempty"`
}

type reportBody struct {
	ReportedAt          string `json:"reportedAt"`
	Comment             string `json:"comment"`
	Categories          []int  `json:"categories"`
	ReporterID          int    `json:"reporterId"`
	ReporterCountryCode string `json:"reporterCountryCode"`
}

func (s *standing) body() checkBody {
	version := 4
	if s.ip.Is6() {
		version = 6
	}
	d := checkBodyData{IPAddress: s.ip.String(), IsPublic: true, IPVersion: version, IsWhitelisted: &s.whitelist,
		AbuseConfidenceScore: s.score, UsageType: "Simulated", ISP: "Simulated network", Domain: "simulated.example",
		Hostnames: []string{}, TotalReports: s.total, NumDistinctUsers: min(s.total, 1+s.total/2)}
	if !s.last.IsZero() {
		at := abuseTime(s.last)
		d.LastReportedAt = &at
	}
	return checkBody{d}
}

// abuseTime is a date as AbuseIPDB writes it.
func abuseTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05-07:00") }

// writeChecks writes one answer per address, fetched in the month's last hour.
// A few were refused at first and asked again.
func writeChecks(b *bufio.Writer, ss []standing, end time.Time, r *rand.Rand) error {
	var line []byte
	for i := range ss {
		s := &ss[i]
		at := end.Add(-time.Hour + time.Duration(i)*50*time.Minute/time.Duration(len(ss))).Truncate(time.Second)
		body, err := json.Marshal(s.body())
		if err != nil {
			return err
		}
		if r.Float64() < .002 {
			refusal := []byte(`{"errors":[{"detail":"Simulated: daily rate limit exceeded.","status":429}]}`)
			if line, err = reputation.AppendAnswer(line[:0], s.ip, at.Add(-time.Minute), 90, refusal); err != nil {
				return err
			}
			b.Write(line)
		}
		if line, err = reputation.AppendAnswer(line[:0], s.ip, at, 90, body); err != nil {
			return err
		}
		b.Write(line)
	}
	return nil
}

func writeCheckCSV(b *bufio.Writer, ss []standing, end time.Time) error {
	b.WriteString("ipAddress,isPublic,isWhitelisted,abuseConfidenceScore,totalReports,lastReportedAt,maxAgeInDays,fetched_at\n")
	for i := range ss {
		s := &ss[i]
		last := ""
		if !s.last.IsZero() {
			last = abuseTime(s.last)
		}
		fmt.Fprintf(b, "%s,true,%t,%d,%d,%s,90,%s\n", s.ip, s.whitelist, s.score, s.total, last, abuseTime(end.Add(-time.Minute)))
	}
	return nil
}

func writeBlacklist(b *bufio.Writer, ss []standing, generatedAt time.Time) error {
	type entry struct {
		IPAddress            string  `json:"ipAddress"`
		CountryCode          *string `json:"countryCode"`
		AbuseConfidenceScore int     `json:"abuseConfidenceScore"`
		LastReportedAt       string  `json:"lastReportedAt"`
	}
	fmt.Fprintf(b, `{"meta":{"generatedAt":%q,"simulated":true},"data":[`, abuseTime(generatedAt))
	for i := range ss {
		if i > 0 {
			b.WriteByte(',')
		}
		e, err := json.Marshal(entry{ss[i].ip.String(), nil, max(25, ss[i].score), abuseTime(ss[i].last)})
		if err != nil {
			return err
		}
		b.Write(e)
	}
	b.WriteString("]}\n")
	return nil
}

func writePlain(b *bufio.Writer, ss []standing, m *month) error {
	fmt.Fprintf(b, "# Simulated list of %s: no address here was ever reported.\n", m.month)
	for i := range ss {
		b.WriteString(ss[i].ip.String())
		b.WriteByte('\n')
	}
	return nil
}

func writeListCSV(b *bufio.Writer, ss []standing) error {
	b.WriteString("# simulated\nipAddress,daysListed,daysListedApi\n")
	for i := range ss {
		fmt.Fprintf(b, "%s,%d,%d\n", ss[i].ip, ss[i].days, max(1, ss[i].days/2))
	}
	return nil
}

// writeLate writes the answers of three weeks later, asked on the month's
// behalf: with the date of each report, so that those after the month can be
// told from those before.
func writeLate(b *bufio.Writer, ss []standing, m *month, r *rand.Rand) error {
	end := m.month.End(time.UTC)
	at := end.AddDate(0, 0, 21)
	for i := range ss {
		s := &ss[i]
		d := s.body().Data
		var dates []time.Time
		for k := range s.total { // by the month's end, the last of them first
			t := s.last.Add(-time.Duration(k) * time.Hour)
			if t.Before(s.at) {
				t = s.at
			}
			dates = append(dates, t)
		}
		for k := range s.late {
			t := end.Add(time.Duration(r.Float64()*20*24*float64(time.Hour)) + time.Minute)
			if k == 0 && !s.reported {
				t = s.at
			}
			dates = append(dates, t)
		}
		slices.SortFunc(dates, func(a, b time.Time) int { return cmp.Compare(b.Unix(), a.Unix()) })
		d.TotalReports, d.NumDistinctUsers = len(dates), min(len(dates), 1+len(dates)/2)
		for _, t := range dates {
			d.Reports = append(d.Reports, reportBody{abuseTime(t), "simulated", []int{4, 19}, 1 + r.IntN(500), "ZZ"})
		}
		d.LastReportedAt = nil
		if len(dates) > 0 {
			last := abuseTime(dates[0])
			d.LastReportedAt = &last
		}
		body, err := json.Marshal(struct {
			FetchedAt string        `json:"fetched_at"`
			Month     string        `json:"month"`
			MaxAge    int           `json:"max_age_in_days"`
			Data      checkBodyData `json:"data"`
		}{at.Format(time.RFC3339), m.month.String(), 365, d})
		if err != nil {
			return err
		}
		b.Write(body)
		b.WriteByte('\n')
	}
	return nil
}
