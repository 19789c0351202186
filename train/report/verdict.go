package report

import (
	"fmt"
	"math"
	"strings"

	"sluice/models/rules/aim"
	"sluice/train/evaluation"
)

// precisionInterval is that of the figures, so that the first sentence and the
// tables agree; where no draws were made, Wilson's.
func precisionInterval(s *evaluation.Split) (low, high float64) {
	if iv, ok := s.Intervals.Of("operating_point.classes.True.precision"); ok && iv.Low.Defined() && iv.High.Defined() {
		return float64(iv.Low), float64(iv.High)
	}
	return float64(s.OperatingPoint.PrecisionLow), float64(s.OperatingPoint.PrecisionHigh)
}

// Verdict is the report's first sentence: whether the model may serve and why,
// for a reader who reads nothing else.
func Verdict(e *evaluation.Evaluation) string {
	s := e.Main()
	if s == nil {
		return "Nothing was evaluated."
	}
	test := joined(s.Months.Test)
	t := s.OperatingPoint.Classes.True
	kind := e.Aim().Kind()
	precisionAim := kind == aim.Precision || kind == aim.None
	if e.Gate.Passed {
		out := fmt.Sprintf("The model passes every gate: in %s, %s of the rows it flags are reported", test, pct(float64(t.Precision)))
		if precisionAim {
			out += fmt.Sprintf(" (at least %s asked), and it finds %s of those reported", pct(float64(e.Target)), pct(float64(t.Recall)))
			// A pass by the point alone is said with how sure it is.
			if low, high := precisionInterval(s); low < float64(e.Target) {
				out += fmt.Sprintf(" (the precision's 95 %% interval, %s to %s, reaches below the target)", pct(low), pct(high))
			}
		} else {
			out += passedFor(e, s)
		}
		var rivals []string
		for _, c := range []*evaluation.Paired{s.Comparison.Rules, s.Comparison.ListedBefore, s.Comparison.Champion} {
			if c != nil && c.Verdict == evaluation.NoContest {
				out += "; no rules " + map[bool]string{true: "reach the target", false: "keep to the limit"}[precisionAim]
				if f := s.Comparison.RulesF1; f != nil {
					out += ", and with both tuned for the best F1 it is " + f.Verdict.Words() + " them"
				}
				continue
			}
			if c != nil {
				words := c.Verdict.Words() + " " + c.With
				// What one aim tells apart, the other may not.
				if f := s.Comparison.RulesF1; c == s.Comparison.Rules && c.Verdict == evaluation.Better && f != nil && f.Verdict != evaluation.Better {
					words += " (both tuned for the best F1, " + f.Verdict.Words() + " them)"
				}
				rivals = append(rivals, words)
			}
		}
		if len(rivals) > 0 {
			out += "; by " + map[bool]string{true: "cost", false: "recall"}[kind == aim.Cost] + " it is " + joined(rivals)
		}
		return out + "."
	}
	failed := e.Gate.Failed()
	if len(failed) == 0 {
		return "No gate was asked, so nothing judges the model."
	}
	first := failed[0]
	for _, c := range failed {
		if c.Name == "min_precision" {
			first = c
		}
	}
	out := "The model is held back: "
	op := s.OperatingPoint
	switch {
	case first.Name == "min_precision" && op.Abstains && !precisionAim:
		out += abstainsFor(e)
	case first.Name == "min_precision" && op.Abstains && e.Operating.Best.Defined():
		out += fmt.Sprintf("no threshold promised precision %s on the training months; the best lower bound was %s, %s short, so it flags nothing",
			pct(float64(op.Target)), pct(float64(e.Operating.Best)), evaluation.Short(float64(e.Operating.Best), float64(op.Target)))
	case first.Name == "min_precision" && first.Observed.Defined():
		out += fmt.Sprintf("in %s, %s of the rows it flags are reported, where %s is asked: %s short",
			test, pct(float64(first.Observed)), pct(float64(first.Required)), evaluation.Short(float64(first.Observed), float64(first.Required)))
	case strings.HasPrefix(first.Name, "not_worse_than_") || strings.HasPrefix(first.Name, "better_than_"):
		rival := first.Name[strings.LastIndex(first.Name, "_")+1:]
		word := "is worse than"
		if strings.HasPrefix(first.Name, "better") {
			word = "is not shown to be better than"
		}
		of := map[bool]string{true: "what flagging nothing costs", false: "recall"}[kind == aim.Cost]
		out += fmt.Sprintf("in %s it %s the %s at the operating point, by %s points of %s", test, word, rival, fixed(math.Abs(float64(first.Observed))*100, 1), of)
	default:
		out += strings.TrimSuffix(first.Reason, ".")
	}
	out += fmt.Sprintf(" (gate %s).", first.Name)
	var others []string
	for _, c := range failed {
		if c.Name != first.Name {
			others = append(others, c.Name)
		}
	}
	if len(others) > 0 {
		out += " It fails " + joined(others) + " too."
	}
	return out
}

func verdictBlocks(in Input, s *evaluation.Split) []block {
	e := &in.Evaluation
	tone := "good"
	if !e.Gate.Passed {
		tone = "bad"
	}
	out := []block{callout{tone, []span{{text: Verdict(e), bold: true}}}}
	if in.Simulated || e.Simulated {
		out = append(out, callout{"note", words("**These months are simulated.** The figures say that the road works, not how a model does on real traffic.")})
	}
	for _, w := range in.Warnings {
		out = append(out, callout{"note", words("Warning: " + w)})
	}
	for _, w := range s.Warnings {
		out = append(out, callout{"note", words("Warning: " + w + ".")})
	}
	if b := prevalenceBlock(e, s); b != nil {
		out = append(out, b)
	}
	out = append(out, headlineCards(e, s), costOfTarget(e, s))
	if len(e.Gate.Checks) > 0 {
		t := newTable("Gates, judged on "+joined(s.Months.Test), thDef("Gate", "gate"), th("Result"), thNum("Observed", ""), thNum("Required", ""), th("Why"))
		for _, c := range e.Gate.Checks {
			result := "passed"
			if !c.Passed {
				result = "held back"
			}
			t.add(name(c.Name), td(result), plainNum(gateNumber(c, c.Observed)), plainNum(gateNumber(c, c.Required)), prose(c.Reason))
		}
		out = append(out, *t)
		if !e.Gate.Passed {
			out = append(out, para("Everything of this version is written and can be looked at; the serving champion stays as it is."))
		}
	}
	return out
}

func gateNumber(c evaluation.Check, v evaluation.Float) string {
	switch c.Name {
	case "min_test_rows", "min_test_true":
		return count(float64(v))
	case "max_false_positive_rate":
		return fixed(float64(v), 4)
	case "not_worse_than_rules", "better_than_rules", "not_worse_than_champion", "cheaper_than_nothing":
		return signed(float64(v), 3)
	}
	return share(v)
}

func headlineCards(e *evaluation.Evaluation, s *evaluation.Split) cards {
	t := s.OperatingPoint.Classes.True
	iv := func(figure string) string {
		if s.OperatingPoint.Abstains && strings.HasPrefix(figure, "operating_point") {
			return "the model abstains"
		}
		if f, ok := s.Intervals.Of(figure); ok && f.Low.Defined() {
			return "95 % interval " + within(f.Low, f.High)
		}
		return ""
	}
	out := cards{
		{"Precision at the operating point", share(t.Precision), iv("operating_point.classes.True.precision"), "precision"},
		{"Recall at the operating point", share(t.Recall), iv("operating_point.classes.True.recall"), "recall"},
		{"Rows flagged", count(s.OperatingPoint.Confusion.Flagged()), "of " + plural(s.Rows.Rows, "labelled row", "labelled rows"), "flagged"},
		{"ROC AUC", share(s.ROCAUC), iv("roc_auc"), "roc-auc"},
		{"PR AUC", share(s.PRAUC), "guessing gives " + share(s.Rows.Prevalence()), "pr-auc"},
		{"Brier score", share(s.Brier), iv("brier"), "brier"},
	}
	if own := aimCards(e, s); len(own) > 0 {
		// The Brier score, which no threshold moves, makes room.
		return append(own, out[:len(out)-1]...)
	}
	return out
}

// costOfTarget says in words what the target precision costs in recall.
func costOfTarget(e *evaluation.Evaluation, s *evaluation.Split) block {
	if k := e.Aim().Kind(); k == aim.FalsePositiveRate || k == aim.Cost {
		return costOfAim(e, s)
	}
	var out []span
	add := func(format string, args ...any) { out = append(out, span{text: fmt.Sprintf(format, args...)}) }
	fig := func(text, def string) { out = append(out, span{text: text, def: def, bold: true}) }
	out = append(out, span{text: "What the target costs. ", bold: true})
	op := s.OperatingPoint
	o := e.Operating
	if op.Abstains {
		add("On the training months no threshold promised precision ")
		fig(pct(float64(op.Target)), "operating-point")
		add(" with 90 %% confidence")
		if o.Best.Defined() {
			add("; the best lower bound was ")
			fig(pct(float64(o.Best)), "lower-bound")
		}
		add(". So the model flags nothing. ")
	} else {
		add("The threshold %s, chosen on %s, finds ", share(op.Threshold), op.ChosenOn)
		fig(pct(float64(op.Classes.True.Recall)), "recall")
		add(" of the reported rows and misses the rest; at one half it would find ")
		fig(pct(float64(s.AtHalf.Classes.True.Recall)), "at-half")
		add(" at precision %s. ", pct(float64(s.AtHalf.Classes.True.Precision)))
	}
	h := s.Hindsight
	if h.Reachable {
		add("In hindsight, on the test months themselves, precision %s was to be had with recall ", pct(float64(h.Target)))
		fig(pct(float64(h.Recall)), "hindsight")
		add(".")
	} else {
		add("In hindsight no threshold that flags %s or more reaches precision %s on the test months: the best is ", plural(h.MinRows, "row", "rows"), pct(float64(h.Target)))
		fig(pct(float64(h.Best)), "hindsight")
		add(", with recall %s.", pct(float64(h.BestAt)))
	}
	return paragraph(out)
}
