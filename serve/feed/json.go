package feed

import (
	"encoding/json"
	"math"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
)

// AppendJSON appends the line as one JSON object, without a newline. Numbers
// are the shortest that read back the same.
func (l *Line) AppendJSON(b []byte) []byte {
	b = append(b, `{"schema_version":`...)
	b = strconv.AppendInt(b, SchemaVersion, 10)
	b = append(b, `,"ip":"`...)
	b = l.IP.AppendTo(b)
	b = append(b, `","confidence":`...)
	b = appendFloat(b, l.Confidence)
	b = append(b, `,"verdict":"`...)
	b = append(b, l.Verdict.String()...)
	b = append(b, `","reasons":[`...)
	for i := range l.Reasons {
		if i > 0 {
			b = append(b, ',')
		}
		r := &l.Reasons[i]
		b = append(b, `{"feature":`...)
		b = appendString(b, r.Feature)
		b = append(b, `,"value":`...)
		if math.IsNaN(r.Value) {
			b = append(b, "null"...)
		} else {
			b = appendFloat(b, r.Value)
		}
		b = append(b, `,"contribution":`...)
		b = appendFloat(b, r.Contribution)
		b = append(b, '}')
	}
	b = append(b, `],"windows":[`...)
	for i := range l.Windows {
		if i > 0 {
			b = append(b, ',')
		}
		w := &l.Windows[i]
		b = append(b, `{"attack":`...)
		b = appendString(b, w.Attack)
		b = append(b, `,"start":"`...)
		b = w.Start.UTC().AppendFormat(b, time.RFC3339)
		b = append(b, `","end":"`...)
		b = w.End.UTC().AppendFormat(b, time.RFC3339)
		b = append(b, `","confidence":`...)
		b = appendFloat(b, w.Confidence)
		b = append(b, '}')
	}
	b = append(b, `],"model_version":`...)
	b = appendString(b, l.ModelVersion)
	b = append(b, `,"as_of":"`...)
	b = l.AsOf.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","expires_at":"`...)
	b = l.ExpiresAt.UTC().AppendFormat(b, time.RFC3339)
	return append(b, `"}`...)
}

// appendFloat writes the shortest decimal that reads back the same, with an
// exponent only where the number is very small or large.
func appendFloat(b []byte, v float64) []byte {
	format := byte('f')
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, v, format, -1, 64)
}

// appendString writes a JSON string; what is not UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = append(b, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// lineJSON is a line as encoding/json reads it. Pointers tell absent from zero.
type lineJSON struct {
	SchemaVersion *int         `json:"schema_version"`
	IP            string       `json:"ip"`
	Confidence    *float64     `json:"confidence"`
	Verdict       string       `json:"verdict"`
	Reasons       []reasonJSON `json:"reasons"`
	Windows       []windowJSON `json:"windows"`
	ModelVersion  string       `json:"model_version"`
	AsOf          time.Time    `json:"as_of"`
	ExpiresAt     time.Time    `json:"expires_at"`
}

type reasonJSON struct {
	Feature      string   `json:"feature"`
	Value        *float64 `json:"value"`
	Contribution float64  `json:"contribution"`
}

type windowJSON struct {
	Attack     string    `json:"attack"`
	Start      time.Time `json:"start"`
	End        time.Time `json:"end"`
	Confidence *float64  `json:"confidence"`
}

// ParseLine reads one line of a feed into l, whose slices it uses again.
// Unknown fields are skipped. Errors: Version where a newer program wrote the
// line, else Invalid.
func ParseLine(b []byte, l *Line) error {
	var j lineJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fault.New(fault.Invalid, "not a line of a feed: %w", err)
	}
	switch {
	case j.SchemaVersion == nil:
		return fault.Field(fault.Invalid, "schema_version", "schema_version is missing")
	case *j.SchemaVersion > SchemaVersion:
		return fault.Field(fault.Version, "schema_version", "schema_version %d is newer than this program, which reads up to %d; update it", *j.SchemaVersion, SchemaVersion)
	case *j.SchemaVersion < 1:
		return fault.Field(fault.Invalid, "schema_version", "schema_version %d: want 1 to %d", *j.SchemaVersion, SchemaVersion)
	}
	ip, err := netip.ParseAddr(j.IP)
	if err != nil {
		return fault.Field(fault.Invalid, "ip", "ip is no address")
	}
	if j.Confidence == nil {
		return fault.Field(fault.Invalid, "confidence", "confidence of %s is missing", row.Mask(ip))
	}
	v, ok := ParseVerdict(j.Verdict)
	if !ok {
		return fault.Field(fault.Invalid, "verdict", "verdict %q of %s: want abusive, not_abusive or abstain", j.Verdict, row.Mask(ip))
	}
	*l = Line{
		IP: ip, Confidence: *j.Confidence, Verdict: v, ModelVersion: j.ModelVersion,
		AsOf: j.AsOf, ExpiresAt: j.ExpiresAt,
		Reasons: l.Reasons[:0], Windows: l.Windows[:0],
	}
	for _, r := range j.Reasons {
		value := math.NaN()
		if r.Value != nil {
			value = *r.Value
		}
		l.Reasons = append(l.Reasons, Reason{r.Feature, value, r.Contribution})
	}
	for i, w := range j.Windows {
		if w.Confidence == nil {
			return fault.Field(fault.Invalid, "windows", "confidence of window %d of %s is missing", i, row.Mask(ip))
		}
		l.Windows = append(l.Windows, Window{w.Attack, w.Start, w.End, *w.Confidence})
	}
	if err := l.check(); err != nil {
		return err
	}
	l.normalise()
	return nil
}
