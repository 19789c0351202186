package pipeline

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
	"sluice/train/evaluation"
)

// labelDelays are the days after a month's end that the study of delays tries.
var labelDelays = []int{0, 7, 30, 60, 90}

// relabelled is a variant of the model's columns and parameters whose rows have
// other labels, and how many agree with those of the version.
func (w *work) relabelled(name string, have []string, train, test []row.Row, label func(netip.Addr, row.Month) row.Label) variant {
	same, known := 0, 0
	again := func(rows []row.Row, of *featurestore.Store) []row.Row {
		address := behind(w.Config, of)
		out := slices.Clone(rows)
		for i := range out {
			was := out[i].Label
			out[i].Label = label(address(out[i].IP), out[i].Month)
			if was != row.Unknown && out[i].Label != row.Unknown {
				known++
				if was == out[i].Label {
					same++
				}
			}
		}
		return out
	}
	v := variant{name: name, have: have, names: w.train.names, params: w.params, rounds: w.rounds, train: again(train, w.trainedIn()), test: again(test, w.store)}
	if known == 0 {
		v.skipped = "the exports give no row a label under it"
		return v
	}
	v.note = fmt.Sprintf("%.1f %% of the rows known to both are labelled as this version's", 100*float64(same)/float64(known))
	return v
}

// noRelabelling is why labels can't be looked up anew, "" where they can.
func (w *work) noRelabelling() string {
	switch {
	case w.lists == nil:
		return "no label exports are at hand"
	case !w.knowsLists() || behind(w.Config, w.trainedIn()) == nil:
		return "addresses are pseudonyms, whose key is not at hand"
	}
	return ""
}

// exports opens the label exports under other options.
func (w *work) exports(change func(*reputation.Options)) (*reputation.Set, error) {
	o := w.LabelOptions
	o.Location, o.Threads = w.Zone, w.Threads
	def, err := reputation.ParseDefinition(w.LabelDefinition)
	if err != nil {
		return nil, err
	}
	o.Definition = def
	change(&o)
	return reputation.Open(w.ctx, w.Labels, o)
}

// definitionStudy asks what the version would be had "reported" meant another
// of the readings that the exports allow.
func (w *work) definitionStudy() (evaluation.Study, error) {
	const question = "What if “reported” meant something else?"
	if w.noRelabelling() != "" {
		return evaluation.Study{}, nil
	}
	have, train, test, err := w.rowsOf(w.train.names)
	if err != nil {
		return evaluation.Study{}, err
	}
	variants := []variant{{name: "as labelled (" + w.definitions() + ")", have: have, names: w.train.names, params: w.params, rounds: w.rounds, train: train, test: test}}
	add := func(name string, change func(*reputation.Options)) error {
		set, err := w.exports(change)
		switch {
		case fault.Is(err, fault.Invalid):
			variants = append(variants, variant{name: name, skipped: w.withoutPaths(oneLine(err))})
			return nil
		case err != nil:
			return err
		}
		meaning := strings.TrimPrefix(set.Sentence(), "reported: ")
		v := w.relabelled(name, have, train, test, set.Label)
		if sameLabels(v.train, train) && sameLabels(v.test, test) {
			if own := &variants[0]; own.note == "" {
				own.name, own.note = name, meaning+"; this version's own labels"
			} else {
				own.note += "; " + name + " gives the same"
			}
			return nil
		}
		v.note = meaning + "; " + v.note
		variants = append(variants, v)
		return nil
	}
	for d := reputation.L1; d <= reputation.L6; d++ {
		scores := []int{0}
		if d == reputation.L4 {
			scores = []int{100, 75, 50, 25}
		}
		for _, least := range scores {
			name := d.String()
			if least > 0 {
				name += fmt.Sprintf(" from %d", least)
			}
			if err := add(name, func(o *reputation.Options) { o.Definition, o.MinScore = d, least }); err != nil {
				return evaluation.Study{}, err
			}
			if variants[len(variants)-1].skipped != "" {
				break // the exports lack what the definition needs, at any score
			}
		}
	}
	s, err := w.study(evaluation.StudyDefinition, question, false, variants)
	if err == nil {
		s.Sentence = spanSentence(s.Variants, "definitions")
	}
	return s, err
}

func sameLabels(a, b []row.Row) bool {
	return slices.EqualFunc(a, b, func(x, y row.Row) bool { return x.Label == y.Label })
}

// withoutPaths names the label exports in a text by their base names.
func (w *work) withoutPaths(s string) string {
	for _, f := range w.Labels {
		s = strings.ReplaceAll(s, f, filepath.Base(f))
	}
	return s
}

// delayStudy asks what the version would be had labels been taken earlier or
// later. Of lists, an address counts as reported by a date when a list of its
// month or of a later one, known by then, names it.
func (w *work) delayStudy() (evaluation.Study, error) {
	const question = "What if labels had been taken some days after the month?"
	if w.noRelabelling() != "" {
		return evaluation.Study{}, nil
	}
	have, train, test, err := w.rowsOf(w.train.names)
	if err != nil {
		return evaluation.Study{}, err
	}
	set, err := w.exports(func(o *reputation.Options) { o.Delay = 0 })
	if err != nil {
		return evaluation.Study{}, err
	}
	answers := set.Definition() != reputation.L5.String() && set.Definition() != reputation.L6.String()
	last := set.Months()[len(set.Months())-1].End(w.zone())
	newest := slices.Max(slices.Concat(w.Train, w.Test)).End(w.zone())
	var variants []variant
	// What gives the labels of the delay before is not trained once more.
	add := func(v variant) {
		if n := len(variants); n > 0 && v.skipped == "" && sameLabels(v.train, variants[n-1].train) && sameLabels(v.test, variants[n-1].test) {
			variants[n-1].note += "; " + v.name + " give the same"
			return
		}
		variants = append(variants, v)
	}
	for _, days := range labelDelays {
		name := fmt.Sprintf("%d days", days)
		delay := time.Duration(days) * 24 * time.Hour
		if answers {
			at, err := w.exports(func(o *reputation.Options) { o.Delay = delay })
			if err != nil {
				return evaluation.Study{}, err
			}
			add(w.relabelled(name, have, train, test, at.Label))
			continue
		}
		if newest.Add(delay).After(last) {
			variants = append(variants, variant{name: name, skipped: "the exports end on " + last.Format(time.DateOnly)})
			continue
		}
		add(w.relabelled(name, have, train, test, func(ip netip.Addr, m row.Month) row.Label {
			return listedBy(set, ip, m, m.End(w.zone()).Add(delay))
		}))
	}
	s, err := w.study(evaluation.StudyDelay, question, false, variants)
	if err == nil {
		s.Sentence = spanSentence(s.Variants, "delays")
	}
	return s, err
}

// listedBy is True where a list of month m or a later one, known before the
// instant by, names ip; else what the month's own lists say.
func listedBy(set *reputation.Set, ip netip.Addr, m row.Month, by time.Time) row.Label {
	l := set.Label(ip, m)
	if l != row.False {
		return l
	}
	for _, x := range set.Facts(ip).Listings {
		if x.Month > m && x.First.Before(by) {
			return row.True
		}
	}
	return row.False
}

// definitions are those of the labels in the store.
func (w *work) definitions() string {
	var defs []string
	for _, mo := range w.store.Manifest().Months {
		if slices.Contains(w.Train, mo.Month) || slices.Contains(w.Test, mo.Month) {
			defs = append(defs, mo.Labels.Definition)
		}
	}
	slices.Sort(defs)
	return strings.Join(slices.Compact(defs), ", ")
}

// spanSentence says between what figures the variants lie.
func spanSentence(variants []evaluation.Variant, what string) string {
	n := 0
	type span struct{ lo, hi float64 }
	var roc, share span
	see := func(s *span, x float64) {
		if n == 0 {
			*s = span{x, x}
			return
		}
		s.lo, s.hi = min(s.lo, x), max(s.hi, x)
	}
	for i := range variants {
		p := variants[i].Part(evaluation.PartAll)
		if p == nil || !p.ROCAUC.Estimate.Defined() {
			continue
		}
		see(&roc, float64(p.ROCAUC.Estimate))
		see(&share, float64(p.True)/float64(p.Rows))
		n++
	}
	if n < 2 {
		return fmt.Sprintf("The exports allow one of these %s only, so nothing can be said of the others.", what)
	}
	return fmt.Sprintf("Under %d %s, %.1f to %.1f %% of the test rows are reported and ROC AUC lies between %.3f and %.3f. A threshold promises precision for the definition it was chosen under and for no other.", n, what, 100*share.lo, 100*share.hi, roc.lo, roc.hi)
}
