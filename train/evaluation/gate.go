package evaluation

import (
	"fmt"
	"math"

	"sluice/featurestore/fault"
	"sluice/models/rules/aim"
)

// GateConfig says what a model must reach to become champion. The zero value
// checks nothing; DefaultGates is the usual one.
type GateConfig struct {
	// MinPrecision is the least precision of True at the operating point on
	// the test months; 0 switches the gate off.
	MinPrecision float64 `json:"min_precision" yaml:"min_precision"`
	// PrecisionBound holds the lower 90 % bound, instead of the point, to
	// MinPrecision.
	PrecisionBound bool `json:"precision_bound" yaml:"precision_bound"`
	// ByAddress judges the precision of addresses, as a feed gives them,
	// instead of that of rows.
	ByAddress bool `json:"by_address,omitempty" yaml:"by_address"`
	// MaxFalsePositiveRate is the greatest share of the test rows labelled
	// False that may be flagged; 0 switches the gate off. It is on where the
	// operating point is chosen for such a limit.
	MaxFalsePositiveRate float64 `json:"max_false_positive_rate,omitempty" yaml:"max_false_positive_rate"`
	// CheaperThanNothing refuses a model whose mistakes on the test months cost
	// as much as flagging nothing. It is on, and only makes sense, where the
	// operating point is chosen for costs.
	CheaperThanNothing bool `json:"cheaper_than_nothing,omitempty" yaml:"cheaper_than_nothing"`
	// NotWorseThanRules refuses a model whose comparison with the rules says
	// worse; BetterThanRules demands that it says better. Where the rules
	// abstain at the target both are judged by F1, each tuned for it.
	NotWorseThanRules bool `json:"not_worse_than_rules" yaml:"not_worse_than_rules"`
	BetterThanRules   bool `json:"better_than_rules" yaml:"better_than_rules"`
	// NotWorseThanChampion is the same against the serving model.
	NotWorseThanChampion bool `json:"not_worse_than_champion" yaml:"not_worse_than_champion"`
	// MinTestRows and MinTestTrue are the least labelled test rows, and those
	// labelled True, that a judgement needs.
	MinTestRows int `json:"min_test_rows" yaml:"min_test_rows"`
	MinTestTrue int `json:"min_test_true" yaml:"min_test_true"`
	// MaxPSI is the greatest population stability index of a feature; 0
	// switches the gate off.
	MaxPSI float64 `json:"max_psi" yaml:"max_psi"`
	// MaxCalibrationError is the greatest expected calibration error of the
	// calibrated probability; 0 switches the gate off.
	MaxCalibrationError float64 `json:"max_calibration_error,omitempty" yaml:"max_calibration_error"`
	// MinLabelled is the least share of test rows with a known label.
	MinLabelled float64 `json:"min_labelled" yaml:"min_labelled"`
}

// DefaultGates is precision >= 0.80 at the operating point, not worse than
// rules and champion, and enough test rows to say so.
func DefaultGates() GateConfig {
	return GateConfig{
		MinPrecision: 0.80, NotWorseThanRules: true, NotWorseThanChampion: true,
		MinTestRows: 100, MinTestTrue: 20,
	}
}

// For is the gates with what an aim asks of the test months: its precision or
// its limit instead of the usual one. The usual precision stays beside a limit
// and beside costs.
func (c GateConfig) For(a aim.Aim) GateConfig {
	switch a.Kind() {
	case aim.Precision:
		c.MinPrecision = a.Precision
	case aim.FalsePositiveRate:
		c.MaxFalsePositiveRate = a.FalsePositiveRate
	case aim.Cost:
		c.CheaperThanNothing = true
	}
	return c
}

// Validate refuses limits outside their ranges.
func (c GateConfig) Validate() error {
	share := func(name string, v float64) error {
		if !(v >= 0 && v <= 1) {
			return fault.Field(fault.Invalid, name, "gate %s: %v: want a number from 0 to 1", name, v)
		}
		return nil
	}
	if err := share("min_precision", c.MinPrecision); err != nil {
		return err
	}
	if err := share("min_labelled", c.MinLabelled); err != nil {
		return err
	}
	if err := share("max_false_positive_rate", c.MaxFalsePositiveRate); err != nil {
		return err
	}
	if err := share("max_calibration_error", c.MaxCalibrationError); err != nil {
		return err
	}
	if !(c.MaxPSI >= 0) || math.IsInf(c.MaxPSI, 0) {
		return fault.Field(fault.Invalid, "max_psi", "gate max_psi: %v: want a number from 0, as in 0.25", c.MaxPSI)
	}
	if c.MinTestRows < 0 || c.MinTestTrue < 0 {
		return fault.Field(fault.Invalid, "min_test_rows", "gate min_test_rows %d, min_test_true %d: want numbers from 0", c.MinTestRows, c.MinTestTrue)
	}
	return nil
}

// Gate is the judgement: whether the model may become champion.
type Gate struct {
	Passed bool    `json:"passed"`
	Split  string  `json:"split"`
	Checks []Check `json:"checks"`
}

// Check is one gate's answer.
type Check struct {
	Name     string `json:"name"`
	Passed   bool   `json:"passed"`
	Observed Float  `json:"observed"`
	Required Float  `json:"required"`
	Reason   string `json:"reason"` // one sentence with the figures
}

// Failed are the checks that hold the model back.
func (g Gate) Failed() []Check {
	var out []Check
	for _, c := range g.Checks {
		if !c.Passed {
			out = append(out, c)
		}
	}
	return out
}

// Facts are what the gates need beside the split.
type Facts struct {
	// MaxPSI is the greatest drift of a feature, and its name; NaN where it
	// was not measured.
	MaxPSI        float64
	MaxPSIFeature string
	// Aim is what the operating point was chosen for.
	Aim aim.Aim
}

// Judge holds a split against the gates.
func Judge(s *Split, c GateConfig, f Facts) Gate {
	g := Gate{Passed: true, Split: s.Name, Checks: []Check{}}
	add := func(name string, passed bool, observed, required float64, format string, args ...any) {
		g.Checks = append(g.Checks, Check{name, passed, Float(observed), Float(required), fmt.Sprintf(format, args...)})
		g.Passed = g.Passed && passed
	}
	if c.MinTestRows > 0 {
		add("min_test_rows", s.Rows.Rows >= c.MinTestRows, float64(s.Rows.Rows), float64(c.MinTestRows),
			"%s labelled test rows, %s needed", thousands(float64(s.Rows.Rows)), thousands(float64(c.MinTestRows)))
	}
	if c.MinTestTrue > 0 {
		add("min_test_true", s.Rows.True >= c.MinTestTrue, float64(s.Rows.True), float64(c.MinTestTrue),
			"%s test rows labelled True, %s needed", thousands(float64(s.Rows.True)), thousands(float64(c.MinTestTrue)))
	}
	if c.MinLabelled > 0 {
		known := float64(ratio(float64(s.Rows.Rows), float64(s.Rows.Rows+s.Rows.Unknown)))
		add("min_labelled", known >= c.MinLabelled, known, c.MinLabelled,
			"%s of the test rows have a known label, %s needed", percent(known), percent(c.MinLabelled))
	}
	if n := s.Rows.Unscored; n > 0 {
		add("scored", false, float64(s.Rows.Rows)/float64(s.Rows.Rows+n), 1, "%s labelled test rows have no probability (NaN)", thousands(float64(n)))
	}
	op, of, rows := s.OperatingPoint, "", "test rows"
	if c.ByAddress && s.Addresses != nil {
		op, of, rows = s.Addresses.OperatingPoint, " by address", "test addresses"
	}
	if c.MinPrecision > 0 {
		p, what := op.Classes.True.Precision, "precision of True at the operating point"+of
		if c.PrecisionBound {
			p, what = op.PrecisionBound, "the lower 90 % bound of the precision of True at the operating point"+of
		}
		switch {
		case op.Abstains:
			add("min_precision", false, math.NaN(), c.MinPrecision, "the model abstains: %s", unserved(f.Aim, op.Target))
		case op.Confusion.Flagged() == 0:
			add("min_precision", false, math.NaN(), c.MinPrecision, "no test row reaches the operating point, so its precision is unknown")
		default:
			add("min_precision", float64(p) >= c.MinPrecision, float64(p), c.MinPrecision, "%s is %s, %s needed%s",
				what, percent(float64(p)), percent(c.MinPrecision), short(float64(p), c.MinPrecision))
		}
	}
	if c.MaxFalsePositiveRate > 0 {
		rate := float64(op.Confusion.FalsePositiveRate())
		add("max_false_positive_rate", rate <= c.MaxFalsePositiveRate, rate, c.MaxFalsePositiveRate,
			"%s of the %s labelled False are flagged, at most %s allowed", finePercent(rate), rows, finePercent(c.MaxFalsePositiveRate))
	}
	if c.CheaperThanNothing && f.Aim.Kind() == aim.Cost {
		saved := Saving(f.Aim, op.Confusion)
		verb := "saves"
		if saved < 0 {
			verb = "loses"
		}
		add("cheaper_than_nothing", saved > 0, float64(saved), 0, "%s, flagging %s %s of what flagging nothing costs%s; it must save some",
			f.Aim.Costs(), verb, percent(math.Abs(float64(saved))), of)
	}
	against := func(name string, p *Paired, better bool) {
		if p == nil {
			return
		}
		ok := p.Verdict != Worse
		if better {
			ok = p.Verdict == Better
		}
		reason := p.Sentence
		if r := s.Comparison.Rules; r != nil && p == s.Comparison.RulesF1 {
			reason = r.Sentence + " " + p.Sentence
		}
		add(name, ok, float64(p.Difference.Estimate), 0, "%s", reason)
	}
	if c.BetterThanRules {
		against("better_than_rules", s.Comparison.AgainstRules(), true)
	} else if c.NotWorseThanRules {
		against("not_worse_than_rules", s.Comparison.AgainstRules(), false)
	}
	if c.NotWorseThanChampion {
		against("not_worse_than_champion", s.Comparison.Champion, false)
	}
	if e := s.CalibrationError; c.MaxCalibrationError > 0 && e != nil && e.Error.Defined() {
		add("max_calibration_error", float64(e.Error) <= c.MaxCalibrationError, float64(e.Error), c.MaxCalibrationError,
			"calibrated probabilities lie %s points from the shares seen on average, at most %s allowed", pointsAlone(e.Error), pointsAlone(Float(c.MaxCalibrationError)))
	}
	if c.MaxPSI > 0 && !math.IsNaN(f.MaxPSI) {
		add("max_psi", f.MaxPSI <= c.MaxPSI, f.MaxPSI, c.MaxPSI,
			"the most drifted feature, %s, has PSI %.3f, at most %.3f allowed", f.MaxPSIFeature, f.MaxPSI, c.MaxPSI)
	}
	return g
}

// unserved says why nothing is flagged: no threshold served the aim.
func unserved(a aim.Aim, target Float) string {
	switch a.Kind() {
	case aim.FalsePositiveRate:
		return "no threshold gave " + a.Words() + " with 90 % confidence on the training months"
	case aim.Cost:
		return "on the training months flagging nothing was cheapest, " + a.Costs()
	}
	return "no threshold gave precision " + percent(float64(target)) + " with 90 % confidence on the training months"
}

// Short is how far got lies below want, in percentage points, for a sentence.
func Short(got, want float64) string {
	if d := math.Round((want-got)*1000) / 10; d >= 0.1 {
		return fmt.Sprintf("%.1f points", d)
	}
	return "less than 0.1 points"
}

func short(got, want float64) string {
	if got >= want {
		return ""
	}
	return ": " + Short(got, want) + " short"
}
