package evaluation

import (
	"fmt"
	"math"
	"strings"

	"sluice/models/rules/aim"
)

// Verdict is the answer to "is the model better?".
type Verdict string

// The verdicts. The interval of the difference decides: above 0, below 0, or
// holding it. NoContest is said where one of the two flags nothing because
// nothing that it could flag reaches the target: recall then tells that it
// abstained and not how well it would do.
const (
	Better             Verdict = "better"
	NotDistinguishable Verdict = "not distinguishable"
	Worse              Verdict = "worse"
	NoContest          Verdict = "no contest"
)

// Paired compares the model's verdicts at the operating point with another's
// on the same rows.
type Paired struct {
	With       string   `json:"with"`
	Figure     string   `json:"figure"` // what decides: recall of True, or with costs what is saved
	Model      Float    `json:"model"`
	Other      Float    `json:"other"`
	Difference Interval `json:"difference"`           // model - other, paired bootstrap by IP
	Precision  Interval `json:"precision_difference"` // for the whole picture
	F1         Interval `json:"f1_difference"`
	// AtItsPrecision is the model's greatest recall on these rows among the
	// thresholds whose precision is at least the rival's: a fair look where
	// the two landed at different precisions. In hindsight, for the reader.
	AtItsPrecision Float   `json:"recall_at_rivals_precision"`
	Verdict        Verdict `json:"verdict"`
	Sentence       string  `json:"sentence"`
	McNemar        McNemar `json:"mcnemar"`
}

// McNemar is the exact test of whether two verdicts are right equally often
// (Q. McNemar, Psychometrika 12, 1947): under the null hypothesis each row on
// which exactly one is right is a fair coin. It treats rows as independent.
type McNemar struct {
	OnlyModel int   `json:"only_model_right"`
	OnlyOther int   `json:"only_other_right"`
	PValue    Float `json:"p_value"` // two-sided
}

// NewMcNemar counts rows on which exactly one of two verdicts is right.
func NewMcNemar(labels, model, other []bool) McNemar {
	var m McNemar
	for i, y := range labels {
		switch a, b := model[i] == y, other[i] == y; {
		case a && !b:
			m.OnlyModel++
		case b && !a:
			m.OnlyOther++
		}
	}
	m.PValue = Float(binomialTwoSided(m.OnlyModel, m.OnlyOther))
	return m
}

// binomialTwoSided is the two-sided p value of a against b under a fair coin:
// twice the smaller tail, at most 1.
func binomialTwoSided(a, b int) float64 {
	n, k := a+b, min(a, b)
	if n == 0 {
		return 1
	}
	// Terms grow towards k; summing from 0 keeps the small ones.
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	base := lg(n) - float64(n)*math.Ln2
	var tail float64
	for i := 0; i <= k; i++ {
		tail += math.Exp(base - lg(i) - lg(n-i))
	}
	return min(1, 2*tail)
}

// told fills the verdict from the interval of the difference; false where there
// is none.
func (p *Paired) told() bool {
	d := p.Difference
	p.Verdict = NotDistinguishable
	switch {
	case !d.Estimate.Defined() || !d.Low.Defined():
		return false
	case d.Low > 0:
		p.Verdict = Better
	case d.High < 0:
		p.Verdict = Worse
	}
	return true
}

// decide fills the verdict and its plain sentence from the difference.
func (p *Paired) decide(level float64) {
	d := p.Difference
	if !p.told() {
		p.Sentence = fmt.Sprintf("The model can't be compared with %s: recall is undefined, as no row is labelled True.", p.With)
		return
	}
	p.Sentence = fmt.Sprintf("The model is %s %s: recall %s against %s, a difference of %s (%.0f %% interval %s to %s).",
		p.Verdict.Words(), p.With, percent(float64(p.Model)), percent(float64(p.Other)),
		points(d.Estimate), level*100, points(d.Low), points(d.High))
	p.Sentence += p.aside()
}

// aside names the price in precision where it is beyond chance, so that recall
// alone does not tell the story.
func (p *Paired) aside() string {
	d := p.Precision
	if !d.Low.Defined() || !d.High.Defined() || d.Low <= 0 && d.High >= 0 {
		return ""
	}
	out := fmt.Sprintf(" Its precision differs by %s (%s to %s)", points(d.Estimate), points(d.Low), points(d.High))
	if p.AtItsPrecision.Defined() {
		out += fmt.Sprintf("; at the precision of %s its recall would be %s", p.With, percent(float64(p.AtItsPrecision)))
	}
	return out + "."
}

// recallAtPrecision is the greatest recall among thresholds whose precision is
// at least least; 0 where none has it, NaN without rows labelled True.
func (r *Ranking) recallAtPrecision(least float64) Float {
	pos, _ := r.totals()
	if pos == 0 || math.IsNaN(least) {
		return NaN()
	}
	best := 0.0
	r.walk(func(_, tp, fp float64) {
		if tp >= least*(tp+fp) {
			best = max(best, tp/pos)
		}
	})
	return Float(best)
}

// points is a difference of shares in percentage points, signed.
func points(d Float) string {
	v := math.Round(float64(d)*1000) / 10
	if v == 0 {
		return "0 points"
	}
	return strings.Replace(fmt.Sprintf("%+.1f points", v), "-", "−", 1)
}

// signed is a difference with its sign and three decimals.
func signed(x Float) string {
	return strings.Replace(fmt.Sprintf("%+.3f", float64(x)), "-", "−", 1)
}

// decideF1 is decide for two flags that were both tuned for the best F1.
func (p *Paired) decideF1(level float64) {
	d := p.Difference
	if !p.told() {
		p.Sentence = fmt.Sprintf("Both tuned for the best F1 on the training months, the model can't be compared with %s: F1 is undefined.", p.With)
		return
	}
	p.Sentence = fmt.Sprintf("Both tuned for the best F1 on the training months, the model is %s %s: F1 %.3f against %.3f, a difference of %s (%.0f %% interval %s to %s).",
		p.Verdict.Words(), p.With, float64(p.Model), float64(p.Other), signed(d.Estimate), level*100, signed(d.Low), signed(d.High))
}

// decideCost is decide for what flagging saves at the costs that the threshold
// was chosen for. Flagging nothing saves nothing and is an answer like any.
func (p *Paired) decideCost(level float64, abstains bool) {
	if !p.told() {
		p.Sentence = fmt.Sprintf("The model can't be compared with %s: what it saves is undefined, as no row is labelled True.", p.With)
		return
	}
	d := p.Difference
	p.Sentence = fmt.Sprintf("The model is %s %s: it saves %s of what flagging nothing costs, against %s, a difference of %s (%.0f %% interval %s to %s).",
		p.Verdict.Words(), p.With, signedPercent(p.Model), signedPercent(p.Other), points(d.Estimate), level*100, points(d.Low), points(d.High))
	if abstains {
		p.Sentence = "The model abstains and flags nothing. " + p.Sentence
	}
}

// signedPercent is percent with a minus sign that reads as one.
func signedPercent(x Float) string { return strings.Replace(percent(float64(x)), "-", "−", 1) }

// Words joins a verdict to its rival: "better than".
func (v Verdict) Words() string {
	switch v {
	case Better:
		return "better than"
	case Worse:
		return "worse than"
	case NoContest:
		return "not to be compared with"
	}
	return "not distinguishable from"
}

// abstentions makes the comparison of recalls one of words where the rival, or
// the model, flags nothing at all.
func (p *Paired) abstentions(a aim.Aim, model, other bool) {
	switch {
	case model && other:
		p.Verdict = NoContest
		p.Sentence = fmt.Sprintf("Neither the model nor %s %s: both abstain and flag nothing.", p.With, a.Reaches())
	case model:
		p.Sentence = "The model abstains and flags nothing. " + p.Sentence
	case other:
		// A recall of 0 was chosen, not reached: to be above it proves nothing.
		p.Verdict = NoContest
		p.Sentence = fmt.Sprintf("No setting of %s %s on the training months, so they flag nothing and their recall can't be compared; the model's is %s.", p.With, a.Reaches(), percent(float64(p.Model)))
	}
}

// AgainstRules is the comparison with the rules that counts: recall at the
// target where the rules reach it, F1 with both tuned for it where they
// abstain. Nil without rules.
func (c Comparison) AgainstRules() *Paired {
	if c.Rules != nil && c.Rules.Verdict == NoContest && c.RulesF1 != nil {
		return c.RulesF1
	}
	return c.Rules
}
