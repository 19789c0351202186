package evaluation

import "sluice/models/rules/aim"

// SchemaVersion is the version of evaluation.json. It changes when a field
// changes its meaning or goes away; new fields do not change it.
const SchemaVersion = 1

// Evaluation is the content of evaluation.json.
type Evaluation struct {
	SchemaVersion int    `json:"schema_version"`
	ModelVersion  string `json:"model_version"`
	Simulated     bool   `json:"simulated"`
	Target        Float  `json:"target_precision"` // NaN with another aim
	// The other aims of an operating point, one of them set where Target is NaN.
	MaxFalsePositiveRate float64 `json:"max_false_positive_rate,omitempty"`
	CostFalsePositive    float64 `json:"cost_false_positive,omitempty"`
	CostFalseNegative    float64 `json:"cost_false_negative,omitempty"`
	Seed                 uint64  `json:"seed"`
	// Operating is how the threshold was chosen: on the training months alone.
	Operating OperatingChoice `json:"operating_choice"`
	// BestF1 is the threshold of best F1 on the same rows, for the comparison
	// with rules fitted for the same; null where none was chosen.
	BestF1 *OperatingChoice `json:"best_f1_choice"`
	// Splits are the evaluations; the first is the one that the gate judges.
	Splits []Split `json:"splits"`
	Gate   Gate    `json:"gate"`
	// Studies are variants of the version, each answering one question.
	Studies []Study `json:"studies"`
	// Retrain says from a backtest how models age; null without one.
	Retrain *Retrain `json:"retrain"`
}

// Aim is what the operating point was chosen for.
func (e *Evaluation) Aim() aim.Aim {
	a := aim.Aim{FalsePositiveRate: e.MaxFalsePositiveRate, CostFalsePositive: e.CostFalsePositive, CostFalseNegative: e.CostFalseNegative}
	if e.Target.Defined() {
		a.Precision = float64(e.Target)
	}
	return a
}

// SetAim says what the operating point was chosen for.
func (e *Evaluation) SetAim(a aim.Aim) {
	e.Target = targetOf(a)
	e.MaxFalsePositiveRate, e.CostFalsePositive, e.CostFalseNegative = a.FalsePositiveRate, a.CostFalsePositive, a.CostFalseNegative
}

// targetOf is the target precision, NaN of another aim.
func targetOf(a aim.Aim) Float {
	if a.Kind() != aim.Precision {
		return NaN()
	}
	return Float(a.Precision)
}

// Main is the split that the gate judges, or nil.
func (e *Evaluation) Main() *Split {
	if len(e.Splits) == 0 {
		return nil
	}
	return &e.Splits[0]
}

// Months names the months of a split, as "2024-08".
type Months struct {
	Train []string `json:"train"`
	Test  []string `json:"test"`
}

// Rows counts the test rows of a split.
type Rows struct {
	Rows     int   `json:"rows"`  // labelled
	True     int   `json:"true"`  // labelled True
	False    int   `json:"false"` // labelled False
	Unknown  int   `json:"unknown"`
	IPs      int   `json:"ips"`  // addresses among the labelled rows
	Seen     int   `json:"seen"` // rows whose address was in the training months
	Requests int64 `json:"requests"`
	// Unscored counts labelled rows without a probability, left out of all
	// figures and of the counts above.
	Unscored int `json:"unscored"`
}

// Prevalence is the share of labelled rows that are labelled True: the
// precision of flagging everything.
func (r Rows) Prevalence() Float { return ratio(float64(r.True), float64(r.Rows)) }

// Result is the figures of one way to score or flag the rows of a split. Of
// plain flags (rules, earlier listings) the figures of a ranking are null.
type Result struct {
	ROCAUC         Float       `json:"roc_auc"`
	PRAUC          Float       `json:"pr_auc"`
	Brier          Float       `json:"brier"`    // of the calibrated probability
	LogLoss        Float       `json:"log_loss"` // of the calibrated probability
	BrierRaw       Float       `json:"brier_raw"`
	BrierParts     *BrierParts `json:"brier_parts"`
	AtHalf         Point       `json:"at_half"`         // raw probability >= 0.5; rules: fitted for the best F1
	OperatingPoint Point       `json:"operating_point"` // rules: fitted for the same aim
	// BestF1 is the model at its threshold of best F1 on the training folds;
	// null where none was chosen, and of flags.
	BestF1           *Point            `json:"best_f1"`
	CalibrationError *CalibrationError `json:"calibration_error"`
	Curves           *Curves           `json:"curves"`
}

// Point is the figures at one threshold.
type Point struct {
	Threshold Float  `json:"threshold"` // on the raw probability; null where there is none
	Target    Float  `json:"target"`    // precision asked for; NaN with another aim
	ChosenOn  string `json:"chosen_on"`
	Abstains  bool   `json:"abstains"`
	Metrics
	// PrecisionBound is the lower one-sided 90 % bound that targets are held
	// to; the rest are two-sided 95 % Wilson intervals. All are of the class
	// True and clustered by IP.
	PrecisionBound Float `json:"precision_lower_90"`
	PrecisionLow   Float `json:"precision_low"`
	PrecisionHigh  Float `json:"precision_high"`
	RecallLow      Float `json:"recall_low"`
	RecallHigh     Float `json:"recall_high"`
}

// Split is one evaluation: a model trained on some months and measured on
// others. Its own Result is the model's.
type Split struct {
	Name   string `json:"name"`
	Months Months `json:"months"`
	Rows   Rows   `json:"rows"`
	Result
	Rules        *Result             `json:"rules"`
	ListedBefore *Result             `json:"listed_before"`
	Champion     *Result             `json:"champion"`
	Slices       []Slice             `json:"slices"`
	Thresholds   []ThresholdRow      `json:"thresholds"`
	Hindsight    Hindsight           `json:"hindsight"`
	Intervals    Intervals           `json:"intervals"`
	Comparison   Comparison          `json:"comparison"`
	Addresses    *Addresses          `json:"addresses"`
	Warnings     []string            `json:"warnings"` // what limits these figures, one sentence each
	Incomplete   *UnlabelledEstimate `json:"incomplete_labels"`
}

// Intervals are the bootstrap intervals of a split's headline figures.
type Intervals struct {
	Method   string     `json:"method"`
	Level    Float      `json:"level"`
	Draws    int        `json:"draws"`
	Clusters int        `json:"clusters"`
	Seed     uint64     `json:"seed"`
	Figures  []Interval `json:"figures"`
}

// Of finds the interval of a figure by its path.
func (iv Intervals) Of(figure string) (Interval, bool) {
	for _, f := range iv.Figures {
		if f.Figure == figure {
			return f, true
		}
	}
	return Interval{Estimate: NaN(), Low: NaN(), High: NaN()}, false
}

// Comparison holds the model's paired comparisons; null where there is nothing
// to compare with.
type Comparison struct {
	Rules *Paired `json:"rules"`
	// RulesF1 compares both where each was tuned for the best F1 on the
	// training months: it decides where the rules abstain at the target.
	RulesF1      *Paired `json:"rules_f1"`
	ListedBefore *Paired `json:"listed_before"`
	Champion     *Paired `json:"champion"`
}

// Slice is the figures on part of the rows.
type Slice struct {
	Family   string `json:"family"` // "request_count", "seen", …
	Name     string `json:"name"`   // ">= 100", "never seen in training", …
	Rows     int    `json:"rows"`
	IPs      int    `json:"ips"`
	Coverage Float  `json:"coverage"`    // share of all the split's rows
	Share    Float  `json:"ip_coverage"` // share of all the split's addresses
	ROCAUC   Float  `json:"roc_auc"`
	PRAUC    Float  `json:"pr_auc"`
	AtHalf   Point  `json:"at_half"`
	Operate  Point  `json:"operating_point"`
	Rules    *Point `json:"rules_operating_point"`
	Listed   *Point `json:"listed_before"`
}

// ThresholdRow is what flagging from a threshold upwards would do.
type ThresholdRow struct {
	Threshold     Float `json:"threshold"` // raw probability
	Operating     bool  `json:"operating"` // it is the operating point
	IPs           int   `json:"ips_flagged"`
	Rows          int   `json:"rows_flagged"`
	Precision     Float `json:"precision"`
	Recall        Float `json:"recall"`
	Requests      int64 `json:"requests_flagged"`
	RequestShare  Float `json:"request_share"`
	Unreported    int   `json:"unreported_ips_flagged"` // addresses labelled False: readers hit, at worst
	UnreportedReq int64 `json:"unreported_requests"`
}

// Hindsight is the test month's own best threshold for the aim: what it would
// have cost in recall, or saved, had the month been known. It is for the
// reader; nothing is chosen by it.
type Hindsight struct {
	Target    Float `json:"target"`
	Reachable bool  `json:"reachable"`
	Threshold Float `json:"threshold"`
	Precision Float `json:"precision"`
	Recall    Float `json:"recall"`
	Best      Float `json:"best_precision"`        // greatest precision with at least MinRows flagged
	BestAt    Float `json:"best_precision_recall"` // its recall
	MinRows   int   `json:"min_rows"`
	// Rate and Saving are the threshold's where the aim is one of them; nil
	// where it is another, or not reachable.
	Rate   *Float `json:"false_positive_rate,omitempty"`
	Saving *Float `json:"saving,omitempty"`
}
