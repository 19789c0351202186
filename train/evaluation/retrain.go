package evaluation

import (
	"fmt"
	"slices"
	"strings"

	"sluice/models/rules/aim"
)

// Retrain says from past months when a model is due to be trained again: how
// much is lost with age, and whether drift told beforehand.
type Retrain struct {
	// Ages are the models of one age together, youngest first.
	Ages []AgeLoss `json:"ages"`
	// Calm and Shifted count the tested months by their greatest PSI of a
	// feature, at most DriftLimit and above; of those in which the model
	// flagged something, Kept counts those that kept what the aim asks.
	DriftLimit    Float  `json:"drift_limit"`
	Calm          int    `json:"calm_months"`
	CalmKept      int    `json:"calm_months_kept"`
	Shifted       int    `json:"shifted_months"`
	ShiftedKept   int    `json:"shifted_months_kept"`
	Precisionless int    `json:"months_without_flags"`
	Sentence      string `json:"sentence"`
}

// AgeLoss is what models of one age lose against the youngest, on the same
// rows of the same months.
type AgeLoss struct {
	Months int   `json:"months"`  // from the last training month to the test month
	Tests  int   `json:"tests"`   // test months with such a model
	ROCAUC Float `json:"roc_auc"` // mean
	Gain   Float `json:"roc_auc_gain"`
	Worse  int   `json:"worse"`  // tests in which the interval of the loss excludes 0
	Better int   `json:"better"` // and of a gain
}

// driftLimit is the PSI from which a feature is said to have shifted.
const driftLimit = 0.25

// NewRetrain gathers the studies of age, in which each variant is a model of
// Age months, the youngest first, with a threshold chosen for a; nil without
// any.
func NewRetrain(studies []Study, a aim.Aim) *Retrain {
	r := &Retrain{DriftLimit: driftLimit, Ages: []AgeLoss{}}
	byAge := map[int]*AgeLoss{}
	for _, s := range studies {
		if s.Name != StudyAge {
			continue
		}
		for i := range s.Variants {
			v := &s.Variants[i]
			p := v.Part(PartAll)
			if p == nil {
				continue
			}
			age := byAge[v.Age]
			if age == nil {
				age = &AgeLoss{Months: v.Age}
				byAge[v.Age] = age
			}
			age.Tests++
			age.ROCAUC += p.ROCAUC.Estimate
			if g := p.ROCAUCGain; g != nil {
				age.Gain += g.Estimate
				switch {
				case g.High < 0:
					age.Worse++
				case g.Low > 0:
					age.Better++
				}
			}
			kept := Kept(a, p.Confusion)
			switch {
			case v.Abstains || p.Confusion.Flagged() == 0:
				r.Precisionless++
			case v.MaxPSI > driftLimit:
				r.Shifted++
				if kept {
					r.ShiftedKept++
				}
			default:
				r.Calm++
				if kept {
					r.CalmKept++
				}
			}
		}
	}
	if len(byAge) == 0 {
		return nil
	}
	for _, a := range byAge {
		a.ROCAUC /= Float(a.Tests)
		a.Gain /= Float(a.Tests)
		r.Ages = append(r.Ages, *a)
	}
	slices.SortFunc(r.Ages, func(a, b AgeLoss) int { return a.Months - b.Months })
	r.Sentence = r.sentence(a)
	return r
}

func (r *Retrain) sentence(a aim.Aim) string {
	var b strings.Builder
	older, worse, tests := 0, 0, 0
	for _, age := range r.Ages[1:] {
		older++
		worse += age.Worse
		tests += age.Tests
	}
	switch {
	case older == 0:
		b.WriteString("The store has too few months to tell how a model ages. ")
	case worse == 0:
		fmt.Fprintf(&b, "Age alone is no reason yet: of %d older models, none ranks addresses worse than the youngest beyond chance, on the same months. ", tests)
	default:
		oldest := r.Ages[len(r.Ages)-1]
		fmt.Fprintf(&b, "Models age: of %d older ones, %d rank addresses worse than the youngest beyond chance, on the same months; at %d months ROC AUC changes by %+.3f on average. ", tests, worse, oldest.Months, float64(oldest.Gain))
	}
	held := a.Words() + " held"
	switch a.Kind() {
	case aim.Precision:
		held = "precision " + percent(a.Precision) + " held"
	case aim.Cost:
		held = "flagging was cheaper than flagging nothing"
	}
	month := func(kept, n int) string { return fmt.Sprintf("%d of %d", kept, n) }
	switch {
	case r.Shifted > 0 && r.Calm > 0:
		fmt.Fprintf(&b, "Where no feature's PSI is above %.2f, %s in %s tests; where one is, in %s.", float64(r.DriftLimit), held, month(r.CalmKept, r.Calm), month(r.ShiftedKept, r.Shifted))
	case r.Shifted > 0:
		fmt.Fprintf(&b, "A feature's PSI is above %.2f in every test; %s in %s.", float64(r.DriftLimit), held, month(r.ShiftedKept, r.Shifted))
	case r.Calm > 0:
		fmt.Fprintf(&b, "No feature's PSI is above %.2f in any test; %s in %s.", float64(r.DriftLimit), held, month(r.CalmKept, r.Calm))
	}
	// The advice follows from the two counts, and says so where they are few.
	share := func(kept, n int) float64 { return float64(kept) / float64(max(1, n)) }
	switch {
	case r.Shifted > 0 && r.Calm > 0 && share(r.ShiftedKept, r.Shifted) < share(r.CalmKept, r.Calm):
		fmt.Fprintf(&b, " So train again when a PSI passes %.2f, and do not trust the threshold of that month.", float64(r.DriftLimit))
	case worse > 0:
		b.WriteString(" So train again every month.")
	default:
		b.WriteString(" Nothing here says that waiting costs; training again every month is cheap and safe.")
	}
	if r.Shifted+r.Calm < 10 {
		b.WriteString(" These are few months: a hint, no law.")
	}
	return strings.ReplaceAll(strings.TrimSpace(b.String()), " -", " −")
}
