package report

import (
	"fmt"
	"strings"

	"sluice/train/evaluation"
)

// addressBlocks show the same verdicts counted by row and by address: a feed
// gives an address the highest score of its windows.
func addressBlocks(s *evaluation.Split) []block {
	a := s.Addresses
	if a == nil || a.IPs == 0 {
		return nil
	}
	if a.Several == 0 {
		return []block{para("**By address.** Each address has one row, so every figure of rows is one of addresses too.")}
	}
	t := newTable("Class True at the operating point, by row and by address", th(""), thNum("Counted", ""), thNum("Reported", "label"), thNum("ROC AUC", "roc-auc"),
		thNum("Precision", "precision"), thNum("interval", "interval"), thNum("Recall", "recall"), thNum("interval", "interval"),
		thNum("Flagged", "flagged"))
	add := func(what string, n int, p *evaluation.Point, auc evaluation.Float) {
		if p == nil {
			return
		}
		c, m := p.Confusion, p.Classes.True
		t.add(name(what), plainNum(count(n)), plainNum(count(c.FN+c.TP)), tdNum(share(auc), "roc-auc"), tdNum(share(m.Precision), "precision"), plainNum(within(p.PrecisionLow, p.PrecisionHigh)),
			tdNum(share(m.Recall), "recall"), plainNum(within(p.RecallLow, p.RecallHigh)), tdNum(count(c.Flagged()), "flagged"))
	}
	add("Model, rows", s.Rows.Rows, &s.OperatingPoint, s.ROCAUC)
	add("Model, addresses", a.IPs, &a.OperatingPoint, a.ROCAUC)
	add("Rules, addresses", a.IPs, a.Rules, evaluation.NaN())
	add("Listed before, addresses", a.IPs, a.ListedBefore, evaluation.NaN())
	add("Champion, addresses", a.IPs, a.Champion, evaluation.NaN())
	text := fmt.Sprintf("%s of %s have more than one row. A feed gives an address the highest score of its windows: it is flagged where any of its rows is, and counts as reported where any is.", count(a.Several), plural(a.IPs, "address", "addresses"))
	if a.Both > 0 {
		text += fmt.Sprintf(" %s are reported in one month and not in another.", count(a.Both))
	}
	cs := []contender{{"Model, by row", "by-row", s.OperatingPoint}, {"Model, by address", "by-address", a.OperatingPoint}}
	return []block{
		heading{"By address"}, paragraph{{text: text}},
		gallery{[]figure{confusionFigure(cs[0]), confusionFigure(cs[1])}, countsTable("Counts by row and by address", cs)}, *t,
	}
}

// newBlocks show what is left where a list can say nothing: addresses it never
// named, and of them those that training never saw.
func newBlocks(s *evaluation.Split) []block {
	var parts []evaluation.Slice
	for _, x := range s.Slices {
		if x.Family == evaluation.FamilyListedBefore && x.Name != "listed before" || x.Family == evaluation.FamilySeen && x.Name == "address never seen in training" {
			parts = append(parts, x)
		}
	}
	if len(parts) == 0 || s.ListedBefore == nil {
		return nil
	}
	t := newTable("Who finds what on addresses that are new", th("Rows"), th("Who"), thNum("Rows", "row"), thNum("Reported", "label"), thNum("ROC AUC", "roc-auc"),
		thNum("Flagged", "flagged"), thNum("Precision", "precision"), thNum("interval", "interval"), thNum("Recall", "recall"), thNum("interval", "interval"))
	var ms []figure
	var cs []contender
	for i, x := range parts {
		for _, who := range []struct {
			name  string
			point *evaluation.Point
			auc   evaluation.Float
		}{{"model, operating point", &x.Operate, x.ROCAUC}, {"model, one half", &x.AtHalf, x.ROCAUC}, {"rules, operating point", x.Rules, evaluation.NaN()}, {"listed before", x.Listed, evaluation.NaN()}} {
			if who.point == nil {
				continue
			}
			p := who.point
			t.add(name(x.Name), td(who.name), plainNum(count(x.Rows)), plainNum(pct(float64(p.Classes.True.Support)/float64(max(1, x.Rows)))), tdNum(share(who.auc), "roc-auc"),
				tdNum(count(p.Confusion.Flagged()), "flagged"), tdNum(share(p.Classes.True.Precision), "precision"), plainNum(within(p.PrecisionLow, p.PrecisionHigh)),
				tdNum(share(p.Classes.True.Recall), "recall"), plainNum(within(p.RecallLow, p.RecallHigh)))
		}
		short := strings.TrimPrefix(x.Name, "address ") // it stands over a small picture
		c := contender{"Model: " + short, fmt.Sprintf("new-%d", i), x.Operate}
		if x.Operate.Abstains {
			c = contender{"At ½: " + short, fmt.Sprintf("new-%d", i), x.AtHalf}
		}
		ms, cs = append(ms, confusionFigure(c)), append(cs, c)
	}
	out := []block{para("A list repeats itself: most addresses that are reported were reported before. What a model is worth beside it shows on addresses that the list never named, and on those that training never saw either.")}
	if p := beyondTheList(s); p != nil {
		out = append(out, p)
	}
	return append(out, gallery{ms, countsTable("Counts on new addresses", cs)}, *t)
}
