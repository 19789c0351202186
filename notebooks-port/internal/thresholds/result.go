package thresholds

import (
	"sluice/featurestore/row"
	"sluice/models/rules"
	"sluice/serve/edge"
	"sluice/train/evaluation"
	"sluice/train/pipeline"
)

// Result is report.json, and all that the pages are made of. It holds no
// address.
type Result struct {
	Simulated bool        `json:"simulated"`
	Train     []row.Month `json:"train"`
	Test      row.Month   `json:"test"`
	Target    float64     `json:"target_precision"`
	Definite  string      `json:"label_definition"`
	// Chosen says how the rule came about: given, target, best-f1.
	Chosen string     `json:"chosen"`
	Rule   rules.Rule `json:"rule"`
	Text   string     `json:"text"`
	Note   string     `json:"note"` // why it is not the one asked for; ""
	// OnTrain is empty for thresholds that were given and no training months.
	OnTrain     Measured `json:"on_training_months"`
	OnTest      Measured `json:"on_test_month"`
	Nearby      []Nearby `json:"nearby_thresholds"`
	WindowHours float64  `json:"window_hours"`
	// Limit is null where request_count's threshold makes none; NoLimit says why.
	Limit   *Limit `json:"limit"`
	NoLimit string `json:"no_limit"`
	// Everyone is the least limit for everyone that stops at most MaxReaders of
	// the readers' requests in the training months; null where none that was
	// tried does.
	Everyone   *Limit           `json:"limit_for_everyone"`
	MaxReaders float64          `json:"max_readers"`
	List       List             `json:"list"`
	Effects    []Effect         `json:"effects"`
	Sweep      []Sweep          `json:"limits"` // null without Limit
	Config     []Config         `json:"configuration"`
	JudgeFrom  int              `json:"judge_from"`
	All        pipeline.Stopped `json:"all_of_test_month"`
}

// Measured is the rule's figures on labelled rows.
type Measured struct {
	Rows int `json:"rows"`
	evaluation.Metrics
	PrecisionLow  evaluation.Float `json:"precision_low"`
	PrecisionHigh evaluation.Float `json:"precision_high"`
	RecallLow     evaluation.Float `json:"recall_low"`
	RecallHigh    evaluation.Float `json:"recall_high"`
}

// Nearby is the same rule with other thresholds, on the test month.
type Nearby struct {
	RequestCount float64          `json:"request_count"`
	SizeMean     float64          `json:"response_size_mean"`
	Precision    evaluation.Float `json:"precision"`
	Recall       evaluation.Float `json:"recall"`
	F1           evaluation.Float `json:"f1"`
}

// Limit is the threshold on request_count as a rate.
type Limit struct {
	PerSecond float64 `json:"requests_per_second"`
	// Requests in Period seconds: the same rate in numbers that an edge takes.
	Requests int64 `json:"requests"`
	Period   int64 `json:"period_seconds"`
}

// List is the addresses flagged in the training months.
type List struct {
	Addresses int          `json:"addresses"`
	Stats     edge.Stats   `json:"stats"`
	Formats   []ListFormat `json:"formats"`
	Written   []string     `json:"written"` // file names, where asked for
}

// ListFormat is the list in one format.
type ListFormat struct {
	Format        edge.Format `json:"format"`
	Bytes         int64       `json:"bytes"`
	Inexpressible int         `json:"inexpressible_entries"`
}

// Effect is what a measure would have stopped in the test month. Addresses are
// those of which it stops anything.
type Effect struct {
	pipeline.Stopped
	How string `json:"how"`
}

// Sweep is a limit for everyone, measured by the hour.
type Sweep struct {
	Times     float64 `json:"times_the_proposal"`
	PerSecond float64 `json:"requests_per_second"`
	pipeline.Stopped
	// Before is OfReaders in the training months.
	Before     float64 `json:"share_of_reader_requests_in_training_months"`
	OfReported float64 `json:"share_of_reported_requests"`
	OfReaders  float64 `json:"share_of_reader_requests"`
}

// Config is a piece of configuration.
type Config struct {
	For  string `json:"for"`
	Text string `json:"text"`
	Says string `json:"says"`
}
