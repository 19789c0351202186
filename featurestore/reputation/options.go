package reputation

import (
	"regexp"
	"strconv"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// Options say how exports are read and what they mean. The zero value reads
// every shape, lets the shape decide the definition and refuses a mixture.
type Options struct {
	Definition Definition // ByShape unless asked otherwise
	MinScore   int        // for L4: the abuseConfidenceScore, 1 to 100; 0 means 100
	AllowMixed bool       // accept check answers and lists together
	Month      row.Month  // of exports that tell no month themselves; 0: none
	// Delay is how long after a month's end its exports and reports still
	// count: an export of time t speaks for the month of t-Delay. It is the
	// same for every month, for otherwise prevalence would differ between them.
	Delay    time.Duration
	Location *time.Location // the months' time zone; nil means UTC
	// Columns maps AbuseIPDB's field names to a CSV file's own, as in
	// {"ipAddress": "client"}. Fields that are not named keep their own name.
	Columns map[string]string
	// OwnReporters are the reporterIds under which the exports' reader reports to
	// AbuseIPDB itself. Their reports are taken out of verbose check answers:
	// a model must not learn what it reported. Scores and lists, and answers
	// without reports, hold them all the same.
	OwnReporters []int64
	Threads      int // files read at a time; 0 means one
	// Progress, when set, is told of each file that was read. It is called
	// from several goroutines, one call at a time.
	Progress func(FileStats)
}

func (o *Options) check() error {
	if o.Definition > L6 {
		return fault.Field(fault.Invalid, "definition", "label definition %v: want L1 to L6, or ByShape", o.Definition)
	}
	if o.MinScore < 0 || o.MinScore > 100 {
		return fault.Field(fault.Invalid, "min_score", "minimum abuseConfidenceScore %d: want 1 to 100", o.MinScore)
	}
	if o.MinScore == 0 {
		o.MinScore = 100
	}
	if o.Delay < 0 {
		return fault.Field(fault.Invalid, "delay", "label delay %v: want 0 or more", o.Delay)
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	for field := range o.Columns {
		if !knownField(field) {
			return fault.Field(fault.Invalid, "columns", "column mapping for %q: AbuseIPDB has no such field; want one of %s", field, fieldList())
		}
	}
	return nil
}

// cutoff is the instant after which nothing counts for m.
func (o *Options) cutoff(m row.Month) time.Time { return m.End(o.Location).Add(o.Delay) }

// date is the month an export speaks for and the Unix second from which it can
// have been known.
type date struct {
	month row.Month
	known int64
}

func (o *Options) dateOf(t time.Time) date {
	return date{row.MonthOf(t.Add(-o.Delay).In(o.Location)), t.Unix()}
}

// monthDate dates an export of which only the month is known: it may have been
// made in the last second that counts.
func (o *Options) monthDate(m row.Month) date { return date{m, o.cutoff(m).Unix() - 1} }

var nameDate = regexp.MustCompile(`(?:^|[^0-9])((?:19|20)[0-9]{2})-(0[1-9]|1[0-2])(?:-(0[1-9]|[12][0-9]|3[01]))?(?:[^0-9]|$)`)

// dateByName takes the date from a file's name, else from Options.Month.
func (o *Options) dateByName(base string) (date, bool) {
	if m := nameDate.FindStringSubmatch(base); m != nil {
		y, _ := strconv.Atoi(m[1])
		mon, _ := strconv.Atoi(m[2])
		if m[3] == "" {
			return o.monthDate(row.Month(y*12 + mon - 1)), true
		}
		d, _ := strconv.Atoi(m[3])
		day := time.Date(y, time.Month(mon), d, 0, 0, 0, 0, o.Location)
		at := o.dateOf(day)
		at.known = day.AddDate(0, 0, 1).Unix() - 1
		return at, true
	}
	if o.Month != 0 {
		return o.monthDate(o.Month), true
	}
	return date{}, false
}
