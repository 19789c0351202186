package study

import (
	"fmt"
	"strings"

	"sluice/featurestore/row"
	"sluice/notebooks-port/internal/words"
	"sluice/train/evaluation"
)

// Tally counts addresses by label.
type Tally struct {
	Addresses   int `json:"addresses"`
	Reported    int `json:"reported"`
	NotReported int `json:"not_reported"`
	Unknown     int `json:"unknown"`
}

// Add counts one.
func (t *Tally) Add(l row.Label) {
	t.Addresses++
	switch l {
	case row.True:
		t.Reported++
	case row.False:
		t.NotReported++
	default:
		t.Unknown++
	}
}

// Share is the share reported of those with a label, with its exact 95 %
// interval (Clopper and Pearson).
func (t Tally) Share() Share {
	n := t.Reported + t.NotReported
	s := Share{Of: n, Value: evaluation.NaN(), Low: evaluation.NaN(), High: evaluation.NaN()}
	if n > 0 {
		low, high := evaluation.ClopperPearson(t.Reported, n, 0.95)
		s.Value, s.Low, s.High = evaluation.Float(float64(t.Reported)/float64(n)), evaluation.Float(low), evaluation.Float(high)
	}
	return s
}

// Share is a share with its interval; null where there is nothing to share.
type Share struct {
	Of    int              `json:"of"`
	Value evaluation.Float `json:"value"`
	Low   evaluation.Float `json:"low"`
	High  evaluation.Float `json:"high"`
}

// String is the share.
func (s Share) String() string { return words.Percent(float64(s.Value)) }

// Interval is the interval in words.
func (s Share) Interval() string {
	if !s.Value.Defined() {
		return words.None
	}
	return fmt.Sprintf("%.1f – %.1f %%", 100*float64(s.Low), 100*float64(s.High))
}

// Sentence says what "reported" means; s is that of a reputation.Set, or "".
func Sentence(s string) string {
	if s = strings.TrimPrefix(s, "reported: "); s == "" {
		return "no label export was given, so nothing is known of it"
	}
	return s
}

// LabelWord is a label in a table.
func LabelWord(l row.Label) string {
	switch l {
	case row.True:
		return "reported"
	case row.False:
		return "not reported"
	}
	return "unknown"
}
