package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"sluice/models/rules/aim"
	"sluice/train/evaluation"
)

// What the report says where the operating point was not chosen for a
// precision.

// passedFor says how a version that passed serves an aim other than precision:
// what follows "in 2024-08, 82.4 % of the rows it flags are reported".
func passedFor(e *evaluation.Evaluation, s *evaluation.Split) string {
	var out strings.Builder
	for _, c := range e.Gate.Checks {
		if c.Name == "min_precision" {
			fmt.Fprintf(&out, " (at least %s asked)", pct(float64(c.Required)))
		}
	}
	found := pct(float64(s.OperatingPoint.Classes.True.Recall))
	switch a := e.Aim(); a.Kind() {
	case aim.FalsePositiveRate:
		rate := falsePositives(s)
		fmt.Fprintf(&out, ", it flags %s of those not reported (at most %s asked), and it finds %s of those reported", finePct(rate.Estimate), finePct(evaluation.Float(a.FalsePositiveRate)), found)
		if float64(rate.High) > a.FalsePositiveRate {
			fmt.Fprintf(&out, " (the false-positive rate's 95 %% interval, %s to %s, reaches above the limit)", finePct(rate.Low), abovePct(rate.High, a.FalsePositiveRate))
		}
	case aim.Cost:
		saved := saving(a, s)
		fmt.Fprintf(&out, ", it finds %s of those reported, and that saves %s of what flagging nothing costs", found, pct(float64(saved.Estimate)))
		if float64(saved.Low) <= 0 {
			fmt.Fprintf(&out, " (the 95 %% interval, %s to %s, holds none)", pct(float64(saved.Low)), pct(float64(saved.High)))
		}
	}
	return out.String()
}

// abstainsFor says why nothing serves an aim other than precision.
func abstainsFor(e *evaluation.Evaluation) string {
	a := e.Aim()
	if r := e.Operating.Rate; a.Kind() == aim.FalsePositiveRate && r != nil {
		return fmt.Sprintf("no threshold promised %s on the training months; the lowest upper bound was %s, so it flags nothing", a.Words(), finePct(r.Least))
	}
	return "on the training months flagging nothing was cheapest, " + a.Costs() + ", so it flags nothing"
}

// falsePositives is the false-positive rate at the operating point with its
// interval: what is left of the recall of False.
func falsePositives(s *evaluation.Split) evaluation.Interval {
	out := evaluation.Interval{Estimate: s.OperatingPoint.Confusion.FalsePositiveRate(), Low: evaluation.NaN(), High: evaluation.NaN()}
	if iv, ok := s.Intervals.Of("operating_point.classes.False.recall"); ok {
		out.Low, out.High = 1-iv.High, 1-iv.Low
	}
	return out
}

// saving is what flagging at the operating point saves, with its interval.
func saving(a aim.Aim, s *evaluation.Split) evaluation.Interval {
	iv, _ := s.Intervals.Of("operating_point.saving")
	iv.Estimate = evaluation.Saving(a, s.OperatingPoint.Confusion)
	return iv
}

// finePct is a share that may be small, as "0.05 %".
func finePct(x evaluation.Float) string {
	if v := float64(x); v > 0 && v < 0.01 {
		return fixed(v*100, 2) + " %"
	}
	return pct(float64(x))
}

// abovePct is finePct of a share above a limit, with the digits that it takes to
// tell them apart.
func abovePct(x evaluation.Float, limit float64) string {
	if s := finePct(x); s != finePct(evaluation.Float(limit)) {
		return s
	}
	for decimals := 2; decimals < 6; decimals++ {
		if s := fixed(float64(x)*100, decimals); s != fixed(limit*100, decimals) {
			return s + " %"
		}
	}
	return "just above " + finePct(evaluation.Float(limit))
}

// aimCards are headline figures of an aim other than precision.
func aimCards(e *evaluation.Evaluation, s *evaluation.Split) cards {
	of := func(iv evaluation.Interval) string {
		switch {
		case s.OperatingPoint.Abstains:
			return "the model abstains"
		case iv.Low.Defined():
			return "95 % interval " + within(iv.Low, iv.High)
		}
		return ""
	}
	switch a := e.Aim(); a.Kind() {
	case aim.FalsePositiveRate:
		rate := falsePositives(s)
		return cards{{"False-positive rate at the operating point", fixed(float64(rate.Estimate), 4), of(rate), "fpr"}}
	case aim.Cost:
		saved := saving(a, s)
		return cards{{"Saved of the cost of flagging nothing", share(saved.Estimate), of(saved), "saving"}}
	}
	return nil
}

// costOfAim is costOfTarget for an aim other than precision.
func costOfAim(e *evaluation.Evaluation, s *evaluation.Split) block {
	var out []span
	add := func(format string, args ...any) { out = append(out, span{text: fmt.Sprintf(format, args...)}) }
	fig := func(text, def string) { out = append(out, span{text: text, def: def, bold: true}) }
	a, op, h := e.Aim(), s.OperatingPoint, s.Hindsight
	rate := a.Kind() == aim.FalsePositiveRate
	out = append(out, span{text: map[bool]string{true: "What the limit costs. ", false: "What flagging saves. "}[rate], bold: true})
	if op.Abstains {
		why := abstainsFor(e)
		add("%s. ", strings.ToUpper(why[:1])+why[1:])
	} else {
		add("The threshold %s, chosen on %s, for %s, finds ", share(op.Threshold), op.ChosenOn, a.Words())
		fig(pct(float64(op.Classes.True.Recall)), "recall")
		add(" of the reported rows and flags ")
		fig(finePct(op.Confusion.FalsePositiveRate()), "fpr")
		add(" of the others")
		if saved := float64(evaluation.Saving(a, op.Confusion)); !rate {
			add(", which %s ", saves(saved))
			fig(pct(math.Abs(saved)), "saving")
			add(" of what flagging nothing costs")
		}
		add("; at one half it would find %s and flag %s", pct(float64(s.AtHalf.Classes.True.Recall)), finePct(s.AtHalf.Confusion.FalsePositiveRate()))
		if saved := float64(evaluation.Saving(a, s.AtHalf.Confusion)); !rate {
			add(", which %s %s", saves(saved), pct(math.Abs(saved)))
		}
		add(". ")
	}
	switch {
	case h.Reachable && h.Rate != nil:
		add("In hindsight, on the test months themselves, recall ")
		fig(pct(float64(h.Recall)), "hindsight")
		add(" was to be had within the limit.")
	case h.Reachable && h.Saving != nil:
		add("In hindsight, on the test months themselves, ")
		fig(pct(float64(*h.Saving)), "hindsight")
		add(" was to be saved, with recall %s.", pct(float64(h.Recall)))
	case rate:
		add("In hindsight no threshold finds anything within the limit on the test months.")
	default:
		add("In hindsight flagging nothing is cheapest on the test months too.")
	}
	return paragraph(out)
}

// saves is the verb for a saving, which may be a loss.
func saves(x float64) string {
	if x < 0 {
		return "loses"
	}
	return "saves"
}

// keptSentence is what splits are counted by, as in "Of 8 splits, 5 …".
func keptSentence(a aim.Aim) string {
	switch a.Kind() {
	case aim.FalsePositiveRate:
		return "keep to " + a.Words() + " at the operating point chosen beforehand"
	case aim.Cost:
		return "are cheaper than flagging nothing at the operating point chosen beforehand"
	}
	return "reach precision " + pct(a.Precision) + " at the operating point chosen beforehand"
}

// definitionsOf are the definitions where operating points were chosen for
// these aims.
func definitionsOf(aims ...aim.Aim) definitionList {
	if !slices.ContainsFunc(aims, func(a aim.Aim) bool { return a.Kind() != aim.Precision && a.Kind() != aim.None }) {
		return definitions
	}
	var points, better []string
	costs := false
	for _, a := range aims {
		var p string
		by, tuned := "recall", "target"
		switch a.Kind() {
		case aim.FalsePositiveRate:
			p = "The threshold with the greatest recall whose false-positive rate has an upper 90 % bound at or below the limit on folds of the training months, grouped by address. If no threshold gives that, the model abstains. The rules beside it are fitted for the same limit."
			tuned = "limit"
		case aim.Cost:
			p = "The threshold whose mistakes cost least on folds of the training months, grouped by address. If flagging nothing is cheapest, the model abstains. The rules beside it are fitted for the same costs."
			by, tuned, costs = "what they save", "costs", true
		default:
			p = definitions.text("operating-point")
		}
		b := strings.NewReplacer("the same target", "the same "+tuned, "difference in recall", "difference in "+by).Replace(definitions.text("comparison"))
		if len(aims) > 1 {
			p = "Chosen for " + a.Words() + ": " + p
		}
		if !slices.Contains(points, p) {
			points = append(points, p)
		}
		if !slices.Contains(better, b) {
			better = append(better, b)
		}
	}
	out := slices.Clone(definitions)
	for i := range out {
		switch out[i].id {
		case "operating-point":
			out[i].text = strings.Join(points, " ")
		case "comparison":
			out[i].text = strings.Join(better, " With costs: ")
		}
	}
	if costs {
		out = append(out, definition{"saving", "Saved", "The share of the cost of flagging nothing that flagging saves: 1 without a mistake, 0 where it costs as much as it saves, below 0 where it costs more."})
	}
	return out
}

// text is the text of a definition.
func (l definitionList) text(id string) string {
	for _, d := range l {
		if d.id == id {
			return d.text
		}
	}
	return ""
}
