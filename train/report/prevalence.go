package report

import (
	"fmt"

	"sluice/train/evaluation"
)

// muchPrevalence is the ratio of shares labelled True between training and
// test from which the report speaks of it.
const muchPrevalence = 1.5

// prevalenceBlock explains a precision that moved because the share of reported
// rows did: with the rates of flagged rows by label as on the training folds,
// precision is TPR p / (TPR p + FPR (1 - p)) at the test's share p. nil where
// the shares are alike or nothing was chosen.
func prevalenceBlock(e *evaluation.Evaluation, s *evaluation.Split) block {
	o := e.Operating
	if o.Abstains || o.Rows == 0 || !(o.Recall > 0) || !s.Rows.Prevalence().Defined() {
		return nil
	}
	tp := float64(o.Precision) * o.Flagged
	pos := tp / float64(o.Recall)
	neg := float64(o.Rows) - pos
	before, now := pos/float64(o.Rows), float64(s.Rows.Prevalence())
	if neg <= 0 || now == 0 || max(before, now) < muchPrevalence*min(before, now) {
		return nil
	}
	tpr, fpr := float64(o.Recall), (o.Flagged-tp)/neg
	expected := tpr * now / (tpr*now + fpr*(1-now))
	return callout{"note", []span{
		{text: "The months differ. ", bold: true},
		{text: fmt.Sprintf("%s of the training rows are reported and ", pct(before))},
		{text: pct(now), def: "label", bold: true},
		{text: fmt.Sprintf(" of the test rows. That alone would move the precision at the operating point from %s to ", pct(float64(o.Precision)))},
		{text: pct(expected), def: "prevalence", bold: true},
		{text: fmt.Sprintf(", were both labels flagged as often as before; it is %s.", pct(float64(s.OperatingPoint.Classes.True.Precision)))},
	}}
}
