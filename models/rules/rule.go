package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/models/rules/aim"
)

// Op is the side of a threshold that satisfies a condition.
type Op string

// The two sides.
const (
	AtLeast Op = ">="
	AtMost  Op = "<="
)

// Combine joins the two conditions.
type Combine string

// The two joins.
const (
	And Combine = "AND"
	Or  Combine = "OR"
)

// Condition compares one column with a threshold. NaN satisfies no condition.
type Condition struct {
	Column    string  `json:"column"`
	Op        Op      `json:"op"`
	Threshold float64 `json:"threshold"`
}

// Holds reports whether x satisfies the condition.
func (c Condition) Holds(x float64) bool {
	if c.Op == AtMost {
		return x <= c.Threshold
	}
	return x >= c.Threshold
}

// String is the condition as "request_count >= 120".
func (c Condition) String() string {
	return c.Column + " " + string(c.Op) + " " + strconv.FormatFloat(c.Threshold, 'f', -1, 64)
}

// Rule is two conditions and what they reached on the rows they were fitted
// on. The zero Rule, and every rule that abstains, flags nothing.
type Rule struct {
	RequestCount     Condition `json:"request_count"`
	ResponseSizeMean Condition `json:"response_size_mean"`
	Combine          Combine   `json:"combine"`
	Abstains         bool      `json:"abstains"` // no rule served the aim
	Fit              Fit       `json:"fit"`
}

// Fit is the counts of a rule on the rows it was fitted on.
type Fit struct {
	TN int `json:"tn"`
	FP int `json:"fp"`
	FN int `json:"fn"`
	TP int `json:"tp"`
	// PrecisionLower is the lower 90 % bound of the precision, clustered by
	// IP; 0 where nothing is flagged.
	PrecisionLower float64 `json:"precision_lower_90"`
	// FalsePositiveUpper is the upper 90 % bound of the false-positive rate,
	// clustered by IP, of a rule fitted for one.
	FalsePositiveUpper float64 `json:"false_positive_rate_upper_90,omitempty"`
}

// F1 is 2 tp / (2 tp + fp + fn); 0 where that is undefined.
func (f Fit) F1() float64 {
	if d := 2*f.TP + f.FP + f.FN; d > 0 {
		return 2 * float64(f.TP) / float64(d)
	}
	return 0
}

// Flag reports whether a row with these two values is flagged: requestCount in
// requests, sizeMean in bytes, either NaN where unknown.
func (r Rule) Flag(requestCount, sizeMean float64) bool {
	if r.Abstains {
		return false
	}
	a, b := r.RequestCount.Holds(requestCount), r.ResponseSizeMean.Holds(sizeMean)
	switch r.Combine {
	case And:
		return a && b
	case Or:
		return a || b
	}
	return false
}

// Flags is Flag of each row.
func (r Rule) Flags(requestCount, sizeMean []float64) []bool {
	out := make([]bool, len(requestCount))
	for i := range out {
		out[i] = r.Flag(requestCount[i], sizeMean[i])
	}
	return out
}

// String is the rule as a sentence would have it.
func (r Rule) String() string {
	if r.Abstains || r.Combine == "" {
		return "flags nothing"
	}
	return fmt.Sprintf("%s %s %s", r.RequestCount, r.Combine, r.ResponseSizeMean)
}

// SchemaVersion is the version of rules.json.
const SchemaVersion = 1

// Set is the content of rules.json: the same two columns fitted twice.
type Set struct {
	SchemaVersion int    `json:"schema_version"`
	Verdict       string `json:"verdict"` // what a flagged row is called
	aim.Aim              // what AtTarget was fitted for
	Rows          int    `json:"rows"`
	IPs           int    `json:"ips"`
	BestF1        Rule   `json:"best_f1"`
	AtTarget      Rule   `json:"at_target"`
}

// MarshalIndent is rules.json: indented, ending in a newline, the same bytes
// for the same set.
func (s Set) MarshalIndent() ([]byte, error) {
	b, err := json.MarshalIndent(s, "", "  ")
	return append(b, '\n'), err
}

// Parse reads rules.json. Unknown fields, another column, operator or join,
// and thresholds that are no numbers are refused.
func Parse(b []byte) (Set, error) {
	var head struct {
		SchemaVersion int `json:"schema_version"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return Set{}, fault.New(fault.Corrupt, "rules.json: %w", err)
	}
	if head.SchemaVersion > SchemaVersion {
		return Set{}, fault.New(fault.Version, "rules.json has schema version %d, this program reads up to %d: use a newer sluice", head.SchemaVersion, SchemaVersion)
	}
	if head.SchemaVersion < 1 {
		return Set{}, fault.Field(fault.Corrupt, "schema_version", "rules.json: schema_version %d: want 1", head.SchemaVersion)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var s Set
	if err := dec.Decode(&s); err != nil {
		return Set{}, fault.New(fault.Corrupt, "rules.json: %w", err)
	}
	for name, r := range map[string]Rule{"best_f1": s.BestF1, "at_target": s.AtTarget} {
		if err := r.check(name); err != nil {
			return Set{}, err
		}
	}
	return s, nil
}

func (r Rule) check(name string) error {
	if r.Abstains {
		return nil
	}
	if r.Combine != And && r.Combine != Or {
		return fault.Field(fault.Corrupt, name, "rules.json: %s.combine is %q: want AND or OR", name, r.Combine)
	}
	for _, c := range []struct {
		got  Condition
		want string
	}{
		{r.RequestCount, columns.Names()[columns.RequestCount]},
		{r.ResponseSizeMean, columns.Names()[columns.ResponseSizeMean]},
	} {
		if c.got.Column != c.want {
			return fault.Field(fault.Corrupt, name, "rules.json: %s compares column %q: want %q", name, c.got.Column, c.want)
		}
		if !slices.Contains([]Op{AtLeast, AtMost}, c.got.Op) {
			return fault.Field(fault.Corrupt, name, "rules.json: %s.%s.op is %q: want >= or <=", name, c.want, c.got.Op)
		}
		if math.IsNaN(c.got.Threshold) || math.IsInf(c.got.Threshold, 0) {
			return fault.Field(fault.Corrupt, name, "rules.json: %s.%s.threshold is no number", name, c.want)
		}
	}
	return nil
}
