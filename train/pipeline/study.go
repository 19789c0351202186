package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/train/evaluation"
	"sluice/train/gbtree"
)

// variant is one setting of a study: rows, columns and parameters of a model of
// its own.
type variant struct {
	name, note  string
	skipped     string   // why it can't be measured
	have        []string // columns of the rows
	train, test []row.Row
	names       []string // columns of the model
	params      gbtree.Params
	rounds      int
}

// study trains and measures variants of w on its months. paired says that all
// have the same rows with the same labels.
func (w *work) study(name, question string, paired bool, variants []variant) (evaluation.Study, error) {
	begun := time.Now()
	s := evaluation.Study{Name: name, Question: question, Months: w.months(), Paired: paired, Draws: evaluation.DefaultDraws}
	m := newMeter(w.sink, "study", "models")
	var inputs [][]evaluation.PartInput
	var at []int // the variant of each input
	for i, v := range variants {
		out := evaluation.Variant{Name: v.name, Note: v.note, Skipped: v.skipped, Columns: len(v.names), Threshold: evaluation.NaN(), FoldsROCAUC: evaluation.NaN(), FoldsPRAUC: evaluation.NaN(), Parts: []evaluation.VariantPart{}}
		if v.skipped == "" {
			parts, err := w.variant(v, &out)
			switch {
			case fault.Is(err, fault.Invalid):
				out.Skipped = oneLine(err)
			case err != nil:
				return s, err
			default:
				inputs, at = append(inputs, parts), append(at, i)
			}
		}
		s.Variants = append(s.Variants, out)
		m.at(int64(i+1), int64(len(variants)), name+": "+v.name)
	}
	// Gains are over the first variant; where that was skipped there are none.
	parts, err := evaluation.MeasureParts(w.ctx, inputs, paired && len(at) > 0 && at[0] == 0, evaluation.Options{Seed: uint64(w.Seed), Threads: w.Threads})
	if err != nil {
		return s, err
	}
	for k, i := range at {
		s.Variants[i].Parts = parts[k]
	}
	w.stage("study", begun, "%s: %d variants of %s", name, len(at), w.splitName())
	return s, nil
}

// variant trains one variant, chooses its threshold on folds of its training
// rows, and says what it makes of the test rows.
func (w *work) variant(v variant, out *evaluation.Variant) ([]evaluation.PartInput, error) {
	ids := groupNumbers{}
	train, err := newTable(v.have, v.train, v.names, ids, true)
	if err != nil {
		return nil, err
	}
	test, err := newTable(v.have, v.test, v.names, ids, true)
	if err != nil {
		return nil, err
	}
	out.TrainRows, out.TrainTrue = train.len(), train.positives()
	for _, t := range []struct {
		what string
		t    *table
	}{{"training", train}, {"test", test}} {
		if p := t.t.positives(); p == 0 || p == t.t.len() {
			return nil, fault.New(fault.Invalid, "%d of %d %s rows are reported: both kinds are needed", p, t.t.len(), t.what)
		}
	}
	folds, err := outOfFold(w.ctx, w.Config, train, v.params, v.rounds, func(Event) {})
	if err != nil {
		return nil, err
	}
	if out.FoldsROCAUC, err = evaluation.ROCAUC(train.labels, folds, nil); err != nil {
		return nil, err
	}
	if out.FoldsPRAUC, err = evaluation.PRAUC(train.labels, folds, nil); err != nil {
		return nil, err
	}
	op, err := evaluation.Choose(train.labels, folds, train.groups, w.Aim, "folds")
	if err != nil {
		return nil, err
	}
	out.Threshold, out.Abstains = op.Threshold, op.Abstains
	_, pred, err := fit(w.ctx, w.Config, v.params, v.rounds, v.names, train.x, train.float32Labels(), nil)
	if err != nil {
		return nil, err
	}
	scores := probabilities(pred, test, w.Threads)
	var listed []bool
	if w.knowsLists() {
		listed = listedBefore(w.Config, w.store, test, w.lists)
	}
	return parts(test, scores, op.Flags(scores), listed, seen(train, test)), nil
}

// parts are the test rows, and those on which a list can say nothing; listed
// may be nil.
func parts(t *table, scores []float64, flags, listed, seen []bool) []evaluation.PartInput {
	all := func(int) bool { return true }
	out := []evaluation.PartInput{part(evaluation.PartAll, t, scores, flags, all)}
	out[0].Unknown = t.unknown
	if listed != nil {
		out = append(out,
			part(evaluation.PartUnlisted, t, scores, flags, func(i int) bool { return !listed[i] }),
			part(evaluation.PartNew, t, scores, flags, func(i int) bool { return !listed[i] && !seen[i] }))
	}
	return out
}

func part(name string, t *table, scores []float64, flags []bool, keep func(i int) bool) evaluation.PartInput {
	in := evaluation.PartInput{Part: name}
	for i := range t.rows {
		if !keep(i) {
			continue
		}
		in.Labels, in.Flags, in.Groups = append(in.Labels, t.labels[i]), append(in.Flags, flags[i]), append(in.Groups, t.groups[i])
		if scores != nil {
			in.Scores = append(in.Scores, scores[i])
		}
	}
	return in
}

// knowsLists reports whether exports can tell what was listed before.
func (w *work) knowsLists() bool { return w.lists != nil && behind(w.Config, w.store) != nil }

func (w *work) months() evaluation.Months {
	return evaluation.Months{Train: monthNames(w.Train), Test: monthNames(w.Test)}
}

// trainedIn is the store of the training months.
func (w *work) trainedIn() *featurestore.Store {
	if w.trainStore != nil {
		return w.trainStore
	}
	return w.store
}

func (w *work) splitName() string { return monthSpan(w.Train) + " → " + monthSpan(w.Test) }

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// rowsOf are the rows of training and test months, with columns enough for
// names.
func (w *work) rowsOf(names []string) (have []string, train, test []row.Row, err error) {
	if have, train, err = monthRows(w.Config, w.trainedIn(), "train", w.Train, w.lists, names); err != nil {
		return nil, nil, nil, err
	}
	haveTest, test, err := monthRows(w.Config, w.store, "test", w.Test, w.lists, names)
	if err != nil {
		return nil, nil, nil, err
	}
	if !slices.Equal(have, haveTest) {
		return nil, nil, nil, fault.Field(fault.Invalid, "test", "%s has other columns than the training months; build them alike", monthSpan(w.Test))
	}
	return have, train, test, nil
}

// studies asks what a sceptical reader asks, one study a question.
func (w *work) studies() ([]evaluation.Study, error) {
	var out []evaluation.Study
	for _, ask := range []func() (evaluation.Study, error){w.columnStudy, w.tuningStudy, w.definitionStudy, w.delayStudy} {
		s, err := ask()
		if err != nil {
			return nil, err
		}
		if len(s.Variants) > 1 {
			out = append(out, s)
		}
	}
	return out, nil
}

// columnStudy puts the three sets of columns beside each other, and the list
// and the rules beside them.
func (w *work) columnStudy() (evaluation.Study, error) {
	full := append(columns.Stored(), columns.EarlierNames()...)
	have, train, test, err := w.rowsOf(full)
	if err != nil {
		return evaluation.Study{}, err
	}
	behaviour := !slices.ContainsFunc(columns.BehaviourNames(), func(n string) bool { return !slices.Contains(have, n) })
	variants := []variant{
		{name: "twelve", note: "the published study's columns", names: columns.Names()},
		{name: "with behaviour", note: "what requests do besides", names: columns.Stored()},
		{name: "with earlier listings", note: "what production would have: it knows the lists of the months before", names: full},
	}
	for i := range variants {
		v := &variants[i]
		v.have, v.train, v.test, v.params, v.rounds = have, train, test, w.params, w.rounds
		switch {
		case i > 0 && !behaviour:
			v.skipped = "the months were built before all of today's behaviour columns were stored; build them again from their logs"
		case i == 2 && !slices.Contains(have, full[len(full)-1]):
			v.skipped = "no label exports are at hand to say what was listed before"
		}
	}
	s, err := w.study(evaluation.StudyColumns, "What do further columns add to the twelve?", true, variants)
	if err != nil {
		return s, err
	}
	if err := w.addBaselines(&s); err != nil {
		return s, err
	}
	s.Sentence = gainSentence(s.Variants[1:3], "Over the twelve columns, ROC AUC on all rows changes")
	return s, nil
}

// addBaselines puts the rules at the operating point and the list itself into a
// study of the columns, on the same rows.
func (w *work) addBaselines(s *evaluation.Study) error {
	if !w.knowsLists() {
		return nil
	}
	listed := listedBefore(w.Config, w.store, w.test, w.lists)
	if listed == nil {
		return nil
	}
	known := seen(w.train, w.test)
	for _, b := range []struct {
		name, note string
		flags      []bool
		abstains   bool
	}{
		{"the rules", "two thresholds fitted for the same target", w.rules.AtTarget.Flags(w.test.requestCount, w.test.sizeMean), w.rules.AtTarget.Abstains},
		{"the list alone", "flag what was listed before", listed, false},
	} {
		got, err := evaluation.MeasureParts(w.ctx, [][]evaluation.PartInput{parts(w.test, nil, b.flags, listed, known)}, false, evaluation.Options{Seed: uint64(w.Seed), Threads: w.Threads})
		if err != nil {
			return err
		}
		for k := range got[0] {
			p := &got[0][k]
			p.ROCAUC, p.PRAUC = undefined(p.ROCAUC.Figure), undefined(p.PRAUC.Figure)
		}
		s.Variants = append(s.Variants, evaluation.Variant{
			Name: b.name, Note: b.note, Abstains: b.abstains, Threshold: evaluation.NaN(), FoldsROCAUC: evaluation.NaN(), FoldsPRAUC: evaluation.NaN(), Parts: got[0],
		})
	}
	return nil
}

func undefined(figure string) evaluation.Interval {
	return evaluation.Interval{Figure: figure, Estimate: evaluation.NaN(), Low: evaluation.NaN(), High: evaluation.NaN()}
}

// gainSentence says of each variant whether its gain can be told from chance.
func gainSentence(variants []evaluation.Variant, begin string) string {
	var said []string
	for _, v := range variants {
		p := v.Part(evaluation.PartAll)
		if p == nil || p.ROCAUCGain == nil {
			continue
		}
		g := p.ROCAUCGain
		word := "which can't be told from chance"
		switch {
		case g.Low > 0:
			word = "a gain"
		case g.High < 0:
			word = "a loss"
		}
		text := fmt.Sprintf("%s by %+.3f (%+.3f to %+.3f), %s", v.Name, float64(g.Estimate), float64(g.Low), float64(g.High), word)
		said = append(said, strings.NewReplacer("by -", "by −", "(-", "(−", "to -", "to −").Replace(text))
	}
	if len(said) == 0 {
		return ""
	}
	return begin + ": " + strings.Join(said, "; ") + "."
}

// tuningStudy holds the parameters as given against those that a search on the
// training months finds.
func (w *work) tuningStudy() (evaluation.Study, error) {
	t := w.tuning
	if t == nil {
		var err error
		if t, err = w.search(); err != nil {
			return evaluation.Study{}, err
		}
	}
	c := t.Tried[t.Chosen]
	p := w.Params
	p.MaxDepth, p.Eta, p.MinChildWeight = c.MaxDepth, c.Eta, c.MinChildWeight
	have, train, test, err := w.rowsOf(w.train.names)
	if err != nil {
		return evaluation.Study{}, err
	}
	given := variant{name: "as given", note: t.Tried[0].String(), have: have, names: w.train.names, params: w.Params, rounds: w.Rounds, train: train, test: test}
	tuned := given
	tuned.name, tuned.note, tuned.params, tuned.rounds = "tuned", fmt.Sprintf("%s, the best of %d settings by average precision out of fold", c, len(t.Tried)), p, c.Rounds
	s, err := w.study(evaluation.StudyTuning, "Is it worth tuning?", true, []variant{given, tuned})
	if err != nil {
		return s, err
	}
	s.Sentence = gainSentence(s.Variants[1:], "On the test months, which took no part in the search, ROC AUC changes against the parameters as given")
	if t.Chosen == 0 {
		s.Sentence = "No other setting is better out of fold on the training months than the one given: there is nothing to gain."
	}
	return s, nil
}
