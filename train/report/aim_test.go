package report

import (
	"strings"
	"testing"

	"sluice/models/rules/aim"
)

// Each aim is said in the verdict, the headline, the curves, the card and the
// definitions, and no word of a target precision is left where there is none.
func TestReportFollowsTheAim(t *testing.T) {
	for _, c := range []struct {
		name  string
		aim   aim.Aim
		skill float64
		says  []string // in the report's Markdown
		card  []string
	}{
		{"limit", aim.AtFalsePositiveRate(0.1), 1.9, []string{
			"The model passes every gate: in 2024-08,", "(at least 80.0 % asked)", "of those not reported (at most 10.0 % asked), and it finds",
			"False-positive rate at the operating point", "What the limit costs.", "chosen on five folds of 2024-06 and 2024-07, grouped by address, for a false-positive rate of at most 10 %",
			"was to be had within the limit", "For the greatest false-positive rate: ", "max_false_positive_rate", "keep to a false-positive rate of at most 10 % at the operating point chosen beforehand",
			"whose false-positive rate has an upper 90 % bound at or below the limit", "both tuned to the same limit",
		}, []string{"for a false-positive rate of at most 10 %."}},
		{"costs", aim.AtCosts(3, 1), 1.9, []string{
			"The model passes every gate: in 2024-08,", "and that saves", "of what flagging nothing costs", "Saved of the cost of flagging nothing", "What flagging saves.",
			"was to be saved, with recall", "For the least cost: ", "cheaper_than_nothing", "are cheaper than flagging nothing at the operating point chosen beforehand",
			"The threshold whose mistakes cost least", "both tuned to the same costs", "| Saved |", "by cost it is", "false positive costs 3",
		}, []string{"for the least cost, a false positive costing 3 and a missed row 1."}},
		{"limit out of reach", aim.AtFalsePositiveRate(0.0001), 0.25, []string{
			"held back: no threshold promised a false-positive rate of at most 0.01 % on the training months; the lowest upper bound was", "so it flags nothing (gate min_precision)",
		}, []string{"The model abstains"}},
		{"costs out of reach", aim.AtCosts(1000, 1), 0.25, []string{
			"held back: on the training months flagging nothing was cheapest, a false positive costing 1000 and a missed row 1, so it flags nothing", "It fails cheaper_than_nothing too",
		}, []string{"The model abstains"}},
	} {
		out, err := Render(fixtureFor(t, 300, 60, c.skill, c.aim))
		if err != nil {
			t.Fatal(err)
		}
		md, page := string(out.Markdown), string(out.HTML)
		for _, want := range c.says {
			if !strings.Contains(md, want) && !strings.Contains(page, want) {
				t.Errorf("%s: the report does not say %q", c.name, want)
			}
		}
		for _, want := range c.card {
			if !strings.Contains(string(out.ModelCard), want) {
				t.Errorf("%s: the card does not say %q", c.name, want)
			}
		}
		for _, bad := range []string{"| NaN", "NaN %", "target precision", "at or above the target", "reach precision", "precision –"} {
			if strings.Contains(md, bad) || strings.Contains(page, ">"+bad) {
				t.Errorf("%s: the report says %q", c.name, bad)
			}
		}
		checkLinks(t, page)
	}
}

// Two versions of other aims are told apart.
func TestCompareAims(t *testing.T) {
	usual := fixture(t, 300, 60, 1.9).Evaluation
	limit, costs := fixtureFor(t, 300, 60, 1.9, aim.AtFalsePositiveRate(0.1)).Evaluation, fixtureFor(t, 300, 60, 1.9, aim.AtCosts(3, 1)).Evaluation
	html, md, err := Compare(&usual, &limit)
	if err != nil {
		t.Fatal(err)
	}
	checkLinks(t, string(html))
	for _, want := range []string{"aim at different things", "the first at precision 80 %, the second at a false-positive rate of at most 10 %", "False-positive rate at the operating point", "Chosen for precision 80 %: "} {
		if !strings.Contains(string(md), want) {
			t.Errorf("the comparison does not say %q", want)
		}
	}
	if html, md, err = Compare(&costs, &costs); err != nil || !strings.Contains(string(md), "Saved of the cost of flagging nothing") || strings.Contains(string(md), "different things") {
		t.Errorf("two versions of one cost: %v\n%s", err, md)
	}
	checkLinks(t, string(html))
}
