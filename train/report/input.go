package report

import (
	"sluice/models/drift"
	"sluice/models/rules"
	"sluice/train/evaluation"
)

// Input is all that a report shows. Parts that are empty are left out.
type Input struct {
	Version    string // "2024-07-0123456789ab"
	Simulated  bool   // the months are simulated: said at the top
	Evaluation evaluation.Evaluation

	Model       Model
	Rules       *rules.Set
	Months      []Month
	Labels      Labels
	Attacks     []Attack
	Traffic     []Traffic
	Signatures  []Signature
	Importances []Importance
	Dependence  []Dependence
	Swarm       []SwarmFeature
	Drift       *drift.Report
	Errors      []Dossier
	Config      []Setting
	Warnings    []string
	Grid        []GridRow
	Paths       Paths
}

// Model is the form of the model.
type Model struct {
	Kind          string // "gradient-boosted trees"
	Objective     string // "binary:logistic"
	Trees         int
	MaxDepth      int
	Leaves        int
	Features      []string
	SchemaHash    string
	Bytes         int64 // of model.json
	TrainMonths   []string
	TrainRows     int
	TrainIPs      int
	TrainTrue     int
	Calibration   string // "isotonic", "platt", "identity"
	CalibrationOn string // what rows, in words
	FormatVersion string // XGBoost version whose format model.json has
}

// Month is what one month of the store holds.
type Month struct {
	Month     string
	Role      string // "train", "test", "both"
	Files     int
	Lines     int64
	Rejected  int64
	Requests  int64 // after the filter
	Rows      int
	IPs       int
	Attacks   int
	True      int
	False     int
	Unknown   int
	LabelAsOf string // date the labels were known, "2024-09-08"
	// Missing names the columns that the month's logs lack.
	Missing []string
	// Days are the days of the month and those beyond that its windows reach,
	// ascending; none where they are not known.
	Days []Day
}

// Labels says where labels come from.
type Labels struct {
	Source     string // "AbuseIPDB blacklist"
	Definition string // "L5: listed" …
	Delay      string // "7 days after the end of the month"
	Note       string
}

// Attack is one window.
type Attack struct {
	ID, Month  string
	Start, End string // RFC 3339, UTC
	Requests   int64
	IPs        int
	True       int // addresses reported
	Known      int // addresses with a known label
}

// Importance is how much one feature matters.
type Importance struct {
	Feature string
	Gain    float64 // share of the total gain
	Cover   float64 // share of the total cover
	Weight  int     // splits
	// Permutation is the loss of ROC AUC on the test months when the column
	// is shuffled; NaN where it was not measured. Low and High are its 95 %
	// interval.
	Permutation, Low, High float64
	MeanAbsSHAP            float64 // mean |contribution| to the margin on the test months; NaN if unmeasured
}

// Dependence is a feature's mean contribution along its values.
type Dependence struct {
	Feature string
	Unit    string
	Log     bool
	Values  []float64 // ascending
	Margin  []float64 // mean contribution to the margin (log odds) at the value
	Low     []float64 // 10th and 90th percentile of the contributions there
	High    []float64
}

// SwarmFeature is what a feature contributed in a sample of the test rows; the
// rows are the same for every feature.
type SwarmFeature struct {
	Feature       string
	Values        []float64 // NaN: missing
	Contributions []float64 // to the margin (log odds)
}

// The kinds of a dossier.
const (
	FalsePositive = "false positive"
	FalseNegative = "false negative"
)

// Dossier is one large error, its address masked.
type Dossier struct {
	Kind       string // FalsePositive or FalseNegative
	IP         string // masked
	ID         string // tells apart two addresses with one mask; not the address
	Attack     string
	Month      string
	Score      float64 // raw probability
	Calibrated float64
	Country    string
	Note       string
	Values     []Value
	Hours      []Hour
}

// Value is a feature of a row and what it contributed.
type Value struct {
	Feature      string
	Value        float64 // NaN: missing
	Contribution float64 // to the margin (log odds); positive speaks for abusive
}

// Hour is the requests of one hour.
type Hour struct {
	Hour     string // "2024-08-05T13"
	Requests int64
}

// Setting is one parameter of the run.
type Setting struct {
	Name, Value, Note string
}

// GridRow is one line of the published grid: the same model by rows at random
// and by rows grouped by address.
type GridRow struct {
	Name    string
	Split   evaluation.Split
	Grouped bool // no address is in both train and test
	// Draws is how often the rows were cut anew, each row being tested once
	// over all cuts; 0 for months that follow each other. The split is the
	// first; the mean of ROC AUC and its least and greatest are of all.
	Draws              int
	Mean, Least, Great float64
	// Leakage is the ROC AUC of this split by row minus that of the same months
	// split by address, means over the draws, with a 95 % interval by paired
	// bootstrap over addresses; HasLeak where it was measured.
	Leakage, LeakLow, LeakHigh float64
	HasLeak                    bool
}

// Paths says where things are, for the model card.
type Paths struct {
	Home     string // "./sluice"
	Registry string // "registry/<version>"
	GRPC     string // "127.0.0.1:9090"
	HTTP     string // "127.0.0.1:8080"
	Flags    string // of train run, beyond the usual, with a blank in front
}
