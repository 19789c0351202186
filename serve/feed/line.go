package feed

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// SchemaVersion is the version of the lines that this program writes and the
// newest that it reads.
const SchemaVersion = 1

// DefaultTTL is how long a score may be used after its as_of, unless the
// writer of a feed says otherwise.
const DefaultTTL = 7 * 24 * time.Hour

// Verdict is what the model's operating point says of an address.
type Verdict uint8

// The verdicts. Abstain means that the model has no threshold that holds its aim
// (a target precision, unless trained for another), so it does not decide; the
// confidence still stands.
const (
	NotAbusive Verdict = iota + 1
	Abusive
	Abstain
)

var verdictNames = [...]string{NotAbusive: "not_abusive", Abusive: "abusive", Abstain: "abstain"}

// String is "abusive", "not_abusive" or "abstain".
func (v Verdict) String() string {
	if v < NotAbusive || v > Abstain {
		return fmt.Sprintf("verdict(%d)", uint8(v))
	}
	return verdictNames[v]
}

// ParseVerdict reads a verdict's name.
func ParseVerdict(s string) (Verdict, bool) {
	i := slices.Index(verdictNames[:], s)
	return Verdict(max(i, 0)), i > 0
}

// Line is the score of one address.
type Line struct {
	// IP is the address: unmapped, without zone.
	IP netip.Addr
	// Confidence is the calibrated probability of abuse, in [0, 1].
	Confidence float64
	// Verdict is what the operating point says.
	Verdict Verdict
	// Reasons are the strongest contributions, the greatest magnitude first.
	Reasons []Reason
	// Windows are the windows in which the address was seen.
	Windows []Window
	// ModelVersion names the model that scored.
	ModelVersion string
	// AsOf is the instant after which nothing became known that entered the
	// score; whole seconds.
	AsOf time.Time
	// ExpiresAt is when the score should no longer be used; whole seconds.
	ExpiresAt time.Time
}

// Reason is what one feature added to the score.
type Reason struct {
	Feature string
	Value   float64 // the feature's value; NaN is missing and null in JSON
	// Contribution is what the value adds to the margin, in log-odds. A feed
	// keeps it to four decimals.
	Contribution float64
}

// Window is a window in which the address was seen.
type Window struct {
	Attack     string    // id; the month where there is no attack
	Start, End time.Time // [Start, End), whole seconds
	Confidence float64   // from this window alone, in [0, 1]
}

// Expired reports whether the line's score should no longer be used.
func (l *Line) Expired(now time.Time) bool { return !now.Before(l.ExpiresAt) }

// contributionScale is one over the unit in which a feed keeps contributions.
const contributionScale = 1e4

// maxContribution bounds contributions so that they fit the index; log-odds
// beyond it mean nothing.
const maxContribution = 1e9

// The greatest numbers of reasons and windows in a line.
const (
	MaxReasons = 1 << 10
	MaxWindows = 1 << 16
)

// roundContribution rounds to the feed's four decimals.
func roundContribution(c float64) float64 {
	r := math.Round(c*contributionScale) / contributionScale
	if r == 0 {
		return 0 // not -0
	}
	return r
}

// check says what is wrong with a line, if anything. Addresses are masked.
func (l *Line) check() error {
	c, ok := row.Canonical(l.IP)
	switch {
	case !ok:
		return fault.Field(fault.Invalid, "ip", "ip is no address without zone")
	case c != l.IP:
		return fault.Field(fault.Invalid, "ip", "ip %s is IPv4-mapped; want the IPv4 address", row.Mask(l.IP))
	case !(l.Confidence >= 0 && l.Confidence <= 1):
		return fault.Field(fault.Invalid, "confidence", "confidence %v of %s: want a number in [0, 1]", l.Confidence, row.Mask(l.IP))
	case l.Verdict < NotAbusive || l.Verdict > Abstain:
		return fault.Field(fault.Invalid, "verdict", "verdict of %s: want abusive, not_abusive or abstain", row.Mask(l.IP))
	case l.ModelVersion == "":
		return fault.Field(fault.Invalid, "model_version", "model_version of %s is empty", row.Mask(l.IP))
	case len(l.Reasons) > MaxReasons:
		return fault.Field(fault.Invalid, "reasons", "%d reasons of %s: want at most %d", len(l.Reasons), row.Mask(l.IP), MaxReasons)
	case len(l.Windows) > MaxWindows:
		return fault.Field(fault.Invalid, "windows", "%d windows of %s: want at most %d", len(l.Windows), row.Mask(l.IP), MaxWindows)
	}
	if err := checkTime("as_of", l.AsOf); err != nil {
		return err
	}
	if err := checkTime("expires_at", l.ExpiresAt); err != nil {
		return err
	}
	for i := range l.Reasons {
		r := &l.Reasons[i]
		switch {
		case r.Feature == "":
			return fault.Field(fault.Invalid, "reasons", "reason %d of %s has no feature", i, row.Mask(l.IP))
		case math.IsInf(r.Value, 0):
			return fault.Field(fault.Invalid, "reasons", "value of %s of %s is infinite; missing is null", r.Feature, row.Mask(l.IP))
		case !(math.Abs(r.Contribution) <= maxContribution):
			return fault.Field(fault.Invalid, "reasons", "contribution %v of %s of %s: want a number within ±%g", r.Contribution, r.Feature, row.Mask(l.IP), float64(maxContribution))
		}
	}
	for i := range l.Windows {
		w := &l.Windows[i]
		if !(w.Confidence >= 0 && w.Confidence <= 1) {
			return fault.Field(fault.Invalid, "windows", "confidence %v of window %d of %s: want a number in [0, 1]", w.Confidence, i, row.Mask(l.IP))
		}
		if err := checkTime("windows", w.Start); err != nil {
			return err
		}
		if err := checkTime("windows", w.End); err != nil {
			return err
		}
	}
	return nil
}

// The instants that RFC 3339 can write.
var (
	minTime = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	maxTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
)

func checkTime(field string, t time.Time) error {
	if s := t.Unix(); s <= minTime || s > maxTime || t.Nanosecond() != 0 {
		return fault.Field(fault.Invalid, field, "%s: want an instant in whole seconds between the years 1 and 9999", field)
	}
	return nil
}

// normalise brings a line that check accepts into the form in which it is
// written: UTC and rounded contributions.
func (l *Line) normalise() {
	l.AsOf, l.ExpiresAt = l.AsOf.UTC(), l.ExpiresAt.UTC()
	for i := range l.Reasons {
		l.Reasons[i].Contribution = roundContribution(l.Reasons[i].Contribution)
		if l.Reasons[i].Value == 0 {
			l.Reasons[i].Value = 0 // not -0
		}
	}
	for i := range l.Windows {
		w := &l.Windows[i]
		w.Start, w.End = w.Start.UTC(), w.End.UTC()
		if w.Confidence == 0 {
			w.Confidence = 0
		}
	}
	if l.Confidence == 0 {
		l.Confidence = 0
	}
}

// clone copies src into l, into l's own slices.
func (l *Line) clone(src *Line) {
	reasons, windows := l.Reasons[:0], l.Windows[:0]
	*l = *src
	l.Reasons = append(reasons, src.Reasons...)
	l.Windows = append(windows, src.Windows...)
}

// Equal reports whether two lines say the same; a missing value equals itself.
func (l *Line) Equal(o *Line) bool {
	return l.IP == o.IP && l.Confidence == o.Confidence && l.Verdict == o.Verdict &&
		l.ModelVersion == o.ModelVersion && l.AsOf.Equal(o.AsOf) && l.ExpiresAt.Equal(o.ExpiresAt) &&
		slices.EqualFunc(l.Reasons, o.Reasons, func(a, b Reason) bool {
			return a.Feature == b.Feature && a.Contribution == b.Contribution &&
				(a.Value == b.Value || math.IsNaN(a.Value) && math.IsNaN(b.Value))
		}) &&
		slices.EqualFunc(l.Windows, o.Windows, func(a, b Window) bool {
			return a.Attack == b.Attack && a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.Confidence == b.Confidence
		})
}
