package reputation

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"sluice/featurestore/row"
)

// Answer is AbuseIPDB's answer to one check of one address
// (https://docs.abuseipdb.com, GET /check).
type Answer struct {
	IP             netip.Addr
	Month          row.Month // that the answer speaks for
	FetchedAt      time.Time // zero where the file does not tell
	MaxAgeInDays   int       // of the query; 0 where the file does not tell
	IsPublic       bool
	IsWhitelisted  bool
	IsTor          bool
	Score          int // abuseConfidenceScore, 0 to 100
	TotalReports   int // within MaxAgeInDays
	DistinctUsers  int // numDistinctUsers
	LastReportedAt time.Time
	CountryCode    string
	UsageType      string
	ISP            string
	Domain         string
	Reports        []time.Time // reportedAt of a verbose answer, ascending
	Error          string      // what AbuseIPDB said instead; "" for an answer

	known int64
}

// checkData is the data object of a check answer and of a blacklist's entry.
type checkData struct {
	IPAddress            *string     `json:"ipAddress"`
	IsPublic             *bool       `json:"isPublic"`
	IsWhitelisted        *bool       `json:"isWhitelisted"`
	IsTor                bool        `json:"isTor"`
	AbuseConfidenceScore *int        `json:"abuseConfidenceScore"`
	CountryCode          string      `json:"countryCode"`
	UsageType            string      `json:"usageType"`
	ISP                  string      `json:"isp"`
	Domain               string      `json:"domain"`
	TotalReports         *int        `json:"totalReports"`
	NumDistinctUsers     int         `json:"numDistinctUsers"`
	LastReportedAt       string      `json:"lastReportedAt"`
	Reports              []reportRaw `json:"reports"`
}

type reportRaw struct {
	ReportedAt string `json:"reportedAt"`
	ReporterID int64  `json:"reporterId"`
}

// envelope is a response body, bare or with what was known when it was
// fetched beside it.
type envelope struct {
	FetchedAt    string          `json:"fetched_at"`
	Month        string          `json:"month"`
	IP           string          `json:"ip"`
	MaxAgeInDays int             `json:"max_age_in_days"`
	Body         json.RawMessage `json:"body"`
	Meta         struct {
		GeneratedAt string `json:"generatedAt"`
	} `json:"meta"`
	Data   json.RawMessage `json:"data"`
	Errors []struct {
		Detail string `json:"detail"`
		Status int    `json:"status"`
	} `json:"errors"`
}

// AppendAnswer appends one line of a check-answer file: body, the response as
// AbuseIPDB sent it, with the address asked for, the time and the query's
// maxAgeInDays, without which it could not be read as of a date.
func AppendAnswer(dst []byte, ip netip.Addr, fetchedAt time.Time, maxAgeInDays int, body []byte) ([]byte, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, body); err != nil {
		return dst, err
	}
	dst = append(dst, `{"fetched_at":"`...)
	dst = fetchedAt.UTC().AppendFormat(dst, time.RFC3339)
	dst = append(dst, `","ip":"`...)
	dst = ip.AppendTo(dst)
	dst = append(dst, `","max_age_in_days":`...)
	dst = strconv.AppendInt(dst, int64(maxAgeInDays), 10)
	dst = append(dst, `,"body":`...)
	dst = append(dst, compact.Bytes()...)
	return append(dst, "}\n"...), nil
}

// parseTime reads AbuseIPDB's dates: ISO 8601 with an offset, and the older
// form without one, which is UTC.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// answer checks d and turns it into an Answer; the reason tells what is wrong.
// Reports by own are as if they had never been.
func (d *checkData) answer(own []int64) (a Answer, reason string) {
	if d.IPAddress == nil {
		return a, "no ipAddress"
	}
	ip, ok := row.ParseIP(*d.IPAddress)
	if !ok {
		return a, "not an IP address"
	}
	if d.TotalReports == nil {
		return a, "no totalReports"
	}
	if *d.TotalReports < 0 {
		return a, "totalReports below 0"
	}
	a = Answer{
		IP: ip, IsPublic: d.IsPublic == nil || *d.IsPublic,
		IsWhitelisted: d.IsWhitelisted != nil && *d.IsWhitelisted,
		IsTor:         d.IsTor, TotalReports: *d.TotalReports, DistinctUsers: d.NumDistinctUsers,
		CountryCode: d.CountryCode, UsageType: d.UsageType, ISP: d.ISP, Domain: d.Domain,
	}
	if a.Score, reason = d.score(); reason != "" {
		return a, reason
	}
	if d.LastReportedAt != "" {
		if a.LastReportedAt, ok = parseTime(d.LastReportedAt); !ok {
			return a, "lastReportedAt is not a date"
		}
	}
	taken := 0
	for _, r := range d.Reports {
		t, ok := parseTime(r.ReportedAt)
		if !ok {
			return a, "reportedAt is not a date"
		}
		if slices.Contains(own, r.ReporterID) {
			taken++
			continue
		}
		a.Reports = append(a.Reports, t)
	}
	slices.SortFunc(a.Reports, time.Time.Compare)
	if taken > 0 {
		a.TotalReports = max(0, a.TotalReports-taken)
		// The latest reports are listed, so the last that is left is among them;
		// where none is, older ones that are not listed have no known time.
		a.LastReportedAt = time.Time{}
		if n := len(a.Reports); n > 0 {
			a.LastReportedAt = a.Reports[n-1]
		}
	}
	return a, ""
}

func (d *checkData) score() (int, string) {
	if d.AbuseConfidenceScore == nil {
		return 0, ""
	}
	if s := *d.AbuseConfidenceScore; s >= 0 && s <= 100 {
		return s, ""
	}
	return 0, "abuseConfidenceScore outside 0 to 100"
}

// compareAnswers puts a month's answers in order of address, the one that
// counts first: a real answer before an error, then the latest.
func compareAnswers(a, b Answer) int {
	if c := a.IP.Compare(b.IP); c != 0 {
		return c
	}
	if (a.Error == "") != (b.Error == "") {
		if a.Error == "" {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(b.known, a.known), cmp.Compare(b.TotalReports, a.TotalReports),
		b.LastReportedAt.Compare(a.LastReportedAt), cmp.Compare(b.Score, a.Score), cmp.Compare(a.Error, b.Error))
}

// reportedWithin says whether the answer shows a report in the window that
// ends at the cut-off, or at the fetch where that was earlier. Unknown: the
// answer can't tell, because its query reached less far back or its reports
// are later than the cut-off.
func (a *Answer) reportedWithin(window time.Duration, cutoff time.Time) row.Label {
	asOf, late := cutoff, a.FetchedAt.After(cutoff)
	inTime := !a.FetchedAt.IsZero() && !late
	if inTime {
		asOf = a.FetchedAt
	}
	from := asOf.Add(-window)
	in := func(t time.Time) bool { return t.After(from) && !t.After(asOf) }

	for _, t := range a.Reports {
		if in(t) {
			return row.True
		}
	}
	maxAge := time.Duration(a.MaxAgeInDays) * 24 * time.Hour
	reachesBack := maxAge == 0 || maxAge >= window
	last := a.LastReportedAt
	if inTime && last.After(asOf) {
		last = asOf // clocks differ by seconds
	}
	switch {
	case !last.IsZero() && in(last):
		return row.True
	case a.TotalReports == 0, len(a.Reports) >= a.TotalReports:
		if reachesBack {
			return row.False
		}
		return row.Unknown
	case last.IsZero():
		if !late && maxAge <= window {
			return row.True
		}
		return row.Unknown
	case last.After(asOf):
		// One report, and it came too late to count.
		if a.TotalReports == 1 && reachesBack {
			return row.False
		}
		return row.Unknown
	}
	return row.False // the last report is older than the window
}
