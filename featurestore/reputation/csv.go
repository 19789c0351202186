package reputation

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// csvFields are the columns a CSV export may have, by AbuseIPDB's names and
// our fetched_at; others are ignored.
var csvFields = []string{
	"ipAddress", "abuseConfidenceScore", "countryCode", "lastReportedAt",
	"totalReports", "numDistinctUsers", "isWhitelisted", "isPublic", "isTor",
	"usageType", "isp", "domain", "maxAgeInDays", "fetched_at", "daysListed", "daysListedApi",
}

func knownField(name string) bool { return slices.Contains(csvFields, name) }

func fieldList() string { return strings.Join(csvFields, ", ") }

// csvHeader finds the fields in a header line: their positions by name, and
// under "" the separator. nil: the line is no header.
func (r *reader) csvHeader(line []byte) map[string]int {
	want := map[string]string{}
	for _, f := range csvFields {
		want[strings.ToLower(f)] = f
	}
	for f, own := range r.o.Columns {
		delete(want, strings.ToLower(f))
		want[strings.ToLower(own)] = f
	}
	for _, sep := range []byte(",\t;") {
		cells, ok := splitCSV(nil, line, sep)
		if !ok {
			continue
		}
		at := map[string]int{"": int(sep)}
		for i, c := range cells {
			if f, ok := want[strings.ToLower(strings.TrimSpace(string(c)))]; ok {
				at[f] = i
			}
		}
		if _, ok := at["ipAddress"]; ok {
			return at
		}
	}
	return nil
}

// splitCSV cuts a line into cells, reusing dst. ok is false if a quote stays
// open: a record is one line here, so that a stray quote costs one line and
// not the rest of the file.
func splitCSV(dst [][]byte, line []byte, sep byte) (_ [][]byte, ok bool) {
	for {
		if len(line) > 0 && line[0] == '"' {
			var cell []byte
			rest := line[1:]
			for {
				i := bytes.IndexByte(rest, '"')
				if i < 0 {
					return dst, false
				}
				cell = append(cell, rest[:i]...)
				rest = rest[i+1:]
				if len(rest) == 0 || rest[0] != '"' {
					break
				}
				cell = append(cell, '"')
				rest = rest[1:]
			}
			dst = append(dst, cell)
			if len(rest) == 0 {
				return dst, true
			}
			if rest[0] != sep {
				return dst, false
			}
			line = rest[1:]
			continue
		}
		i := bytes.IndexByte(line, sep)
		if i < 0 {
			return append(dst, line), true
		}
		dst = append(dst, line[:i])
		line = line[i+1:]
	}
}

func (r *reader) readCSV() error {
	r.out.stats.Shape = CSVList
	var at map[string]int
	var cells [][]byte
	width := 0
	answers := false
	for {
		line, ok, err := r.src.next()
		if err != nil || !ok {
			return err
		}
		n := r.src.line
		if r.src.long {
			r.out.stats.reject("line too long", n)
			continue
		}
		if t := bytes.TrimSpace(line); len(t) == 0 || isComment(t) {
			continue
		}
		if at == nil {
			at = r.csvHeader(line)
			cells, _ = splitCSV(cells[:0], line, byte(at[""]))
			width = len(cells)
			if _, answers = at["totalReports"]; answers {
				r.out.stats.Shape = CheckCSV
			} else if _, dated := at["fetched_at"]; !dated && !r.dated {
				return r.noMonth("fetched_at column")
			}
			continue
		}
		if cells, ok = splitCSV(cells[:0], line, byte(at[""])); !ok {
			r.out.stats.reject("a quote that is not closed", n)
			continue
		}
		if len(cells) != width {
			r.out.stats.reject(strconv.Itoa(len(cells))+" cells where the header has "+strconv.Itoa(width), n)
			continue
		}
		if err := r.csvLine(at, cells, answers, n); err != nil {
			return err
		}
	}
}

func (r *reader) csvLine(at map[string]int, cells [][]byte, answers bool, n int) error {
	get := func(field string) string {
		if i, ok := at[field]; ok {
			return strings.TrimSpace(string(cells[i]))
		}
		return ""
	}
	var reason string
	number := func(field string) *int {
		s := get(field)
		if s == "" {
			return nil
		}
		v, err := strconv.Atoi(s)
		if err != nil {
			reason = field + " is not a number"
			return nil
		}
		return &v
	}
	flag := func(field string) *bool {
		s := get(field)
		if s == "" || strings.EqualFold(s, "null") {
			return nil
		}
		v, err := strconv.ParseBool(strings.ToLower(s))
		if err != nil {
			reason = field + " is neither true nor false"
			return nil
		}
		return &v
	}
	ip := get("ipAddress")
	d := checkData{
		IPAddress: &ip, AbuseConfidenceScore: number("abuseConfidenceScore"), CountryCode: get("countryCode"),
		LastReportedAt: get("lastReportedAt"), TotalReports: number("totalReports"),
		IsPublic: flag("isPublic"), IsWhitelisted: flag("isWhitelisted"),
		UsageType: get("usageType"), ISP: get("isp"), Domain: get("domain"),
	}
	if v := number("numDistinctUsers"); v != nil {
		d.NumDistinctUsers = *v
	}
	if v := flag("isTor"); v != nil {
		d.IsTor = *v
	}
	e := envelope{FetchedAt: get("fetched_at")}
	if v := number("maxAgeInDays"); v != nil {
		e.MaxAgeInDays = *v
	}
	if reason != "" {
		r.out.stats.reject(reason, n)
		return nil
	}
	if !answers {
		day := r.named
		if e.FetchedAt != "" {
			t, ok := parseTime(e.FetchedAt)
			if !ok {
				r.out.stats.reject("fetched_at is not a date", n)
				return nil
			}
			day = r.o.dateOf(t)
		} else if !r.dated {
			return r.noMonth("fetched_at")
		}
		r.entry(day, &d, n)
		return nil
	}
	a, reason := d.answer(r.o.OwnReporters)
	if reason != "" {
		r.out.stats.reject(reason, n)
		return nil
	}
	err := r.addAnswer(a, &e, n)
	r.out.stats.Shape = CheckCSV
	return err
}
