package evaluation

import "context"

// The names of the studies.
const (
	StudyColumns    = "columns"
	StudyTuning     = "tuning"
	StudyDefinition = "label definition"
	StudyDelay      = "label delay"
	StudyAge        = "age"
)

// Study asks one question of a split by training and measuring variants of the
// version side by side: other columns, other parameters, other labels.
type Study struct {
	Name     string `json:"name"`
	Question string `json:"question"`
	Months   Months `json:"months"`
	// Paired says that the variants are measured on the same rows with the
	// same labels, so that gains over the first are paired.
	Paired   bool      `json:"paired"`
	Draws    int       `json:"draws"` // of addresses, for every interval
	Variants []Variant `json:"variants"`
	Sentence string    `json:"sentence"` // the answer
}

// Variant is one of a study's answers. Its parts are all test rows first, then
// those on which a list can say nothing.
type Variant struct {
	Name      string `json:"name"`
	Note      string `json:"note"`
	Skipped   string `json:"skipped"` // why it was not measured; "" where it was
	Columns   int    `json:"columns"`
	TrainRows int    `json:"train_rows"`
	TrainTrue int    `json:"train_true"`
	Threshold Float  `json:"threshold"` // chosen on folds of its training rows
	Abstains  bool   `json:"abstains"`
	// Folds are ROC AUC and average precision out of fold on the training
	// months, by which a setting may be chosen.
	FoldsROCAUC Float         `json:"folds_roc_auc"`
	FoldsPRAUC  Float         `json:"folds_pr_auc"`
	Parts       []VariantPart `json:"parts"`
	// Of the study of age: months from the last training month to the test
	// month, and the greatest drift of a feature and that of the score in
	// between; null elsewhere.
	Age           int    `json:"age"`
	MaxPSI        Float  `json:"max_psi"`
	MaxPSIFeature string `json:"max_psi_feature"`
	ScorePSI      Float  `json:"score_psi"`
}

// The parts of a variant's rows.
const (
	PartAll      = "all rows"
	PartUnlisted = "never listed before"
	PartNew      = "never listed, never seen"
)

// VariantPart is a variant's figures on part of the test rows. Gains are
// against the study's first variant on the same part, by paired bootstrap;
// null where there is nothing to pair.
type VariantPart struct {
	Part          string    `json:"part"`
	Rows          int       `json:"rows"`
	True          int       `json:"true"`
	Unknown       int       `json:"unknown"`
	ROCAUC        Interval  `json:"roc_auc"`
	PRAUC         Interval  `json:"pr_auc"`
	Precision     Interval  `json:"precision"` // at the variant's own operating point
	Recall        Interval  `json:"recall"`
	Confusion     Confusion `json:"confusion"`
	ROCAUCGain    *Interval `json:"roc_auc_gain"`
	PRAUCGain     *Interval `json:"pr_auc_gain"`
	RecallGain    *Interval `json:"recall_gain"`
	PrecisionGain *Interval `json:"precision_gain"`
}

// Part finds the figures of a part, nil where they were not measured.
func (v *Variant) Part(name string) *VariantPart {
	for i := range v.Parts {
		if v.Parts[i].Part == name {
			return &v.Parts[i]
		}
	}
	return nil
}

// PartInput is what a variant says of part of the rows; groups are addresses
// as any numbers. Scores may be nil, of plain flags.
type PartInput struct {
	Part    string
	Labels  []bool
	Scores  []float64
	Flags   []bool
	Groups  []int
	Unknown int
}

// MeasureParts measures variants, each on its parts in one order, with
// intervals by address. paired says that part k has the same rows, labels and
// addresses in every variant; gains over the first are then of the same draws.
func MeasureParts(ctx context.Context, variants [][]PartInput, paired bool, opt Options) ([][]VariantPart, error) {
	if opt.Draws == 0 {
		opt.Draws = DefaultDraws
	}
	opt.Draws = max(0, opt.Draws)
	type measured struct {
		exact []float64
		draws [][]float64
	}
	const roc, pr, precision, recall, figures = 0, 1, 2, 3, 4
	names := [figures]string{"roc_auc", "pr_auc", "precision", "recall"}
	fill := func(d *Drawn, out []float64) {
		t := d.Verdicts[0].Metrics().Classes.True
		out[roc], out[pr], out[precision], out[recall] = float64(d.ROCAUC), float64(d.PRAUC), float64(t.Precision), float64(t.Recall)
	}
	out := make([][]VariantPart, len(variants))
	var first []measured
	for v, parts := range variants {
		for k, in := range parts {
			b, err := NewBootstrap(in.Labels, in.Scores, nil, in.Groups, in.Flags)
			if err != nil {
				return nil, err
			}
			m := measured{exact: make([]float64, figures)}
			d := b.Estimate()
			fill(&d, m.exact)
			if m.draws, err = b.Run(ctx, opt.Draws, figures, opt.Threads, opt.Seed, fill); err != nil {
				return nil, err
			}
			interval := func(j int) Interval {
				iv := Interval{Figure: names[j], Estimate: Float(m.exact[j])}
				iv.Low, iv.High, iv.Undefined = percentiles(m.draws, j, intervalLevel)
				return iv
			}
			p := VariantPart{
				Part: in.Part, Rows: len(in.Labels), Unknown: in.Unknown, Confusion: d.Verdicts[0],
				ROCAUC: interval(roc), PRAUC: interval(pr), Precision: interval(precision), Recall: interval(recall),
			}
			p.True = int(p.Confusion.TP + p.Confusion.FN)
			if v == 0 {
				first = append(first, m)
			} else if paired && k < len(first) {
				was := first[k]
				gain := func(j int) *Interval {
					diff := make([][]float64, len(m.draws))
					for i := range diff {
						diff[i] = []float64{m.draws[i][j] - was.draws[i][j]}
					}
					iv := Interval{Figure: names[j], Estimate: Float(m.exact[j] - was.exact[j])}
					iv.Low, iv.High, iv.Undefined = percentiles(diff, 0, intervalLevel)
					return &iv
				}
				p.ROCAUCGain, p.PRAUCGain, p.PrecisionGain, p.RecallGain = gain(roc), gain(pr), gain(precision), gain(recall)
			}
			out[v] = append(out[v], p)
		}
	}
	return out, nil
}
