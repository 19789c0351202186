package xgbgrid

import (
	"sluice/featurestore/row"
	"sluice/models/rules"
	"sluice/train/evaluation"
)

// Result is report.json, and all that the pages are made of. It holds no
// address.
type Result struct {
	Simulated bool        `json:"simulated"`
	Months    []row.Month `json:"months"`
	Columns   []string    `json:"columns"`
	Rounds    int         `json:"num_boost_round"`
	Params    string      `json:"params"` // what differs from XGBoost's defaults
	Target    float64     `json:"target_precision"`
	Definite  string      `json:"label_definition"`
	Unknown   int         `json:"rows_without_label"`
	Splits    []Split     `json:"splits"`
	LeftOut   []string    `json:"left_out,omitempty"` // splits that the months don't allow, with the reason
	Final     Final       `json:"final"`
	Published Figures     `json:"published"`
}

// Split is one line of the grid, decided at one half.
type Split struct {
	Name    string           `json:"name"`
	Grouped bool             `json:"split_by_address"` // no address is in train and test
	Rows    int              `json:"test_rows"`
	ROCAUC  evaluation.Float `json:"roc_auc"`
	Leakage evaluation.Float `json:"roc_auc_gained_by_known_addresses"` // null where there is no such pair
	Figures
}

// Figures are a verdict's, at one half for a model.
type Figures struct {
	evaluation.Metrics
	PrecisionLow  evaluation.Float `json:"precision_low"` // 95 %, clustered by address; null where not known
	PrecisionHigh evaluation.Float `json:"precision_high"`
	RecallLow     evaluation.Float `json:"recall_low"`
	RecallHigh    evaluation.Float `json:"recall_high"`
}

// Final is the last split with everything that the study shows of it.
type Final struct {
	Name        string           `json:"name"`
	Train       int              `json:"train_rows"`
	Rows        evaluation.Rows  `json:"test_rows"`
	Model       Figures          `json:"model"`
	ROCAUC      evaluation.Float `json:"roc_auc"`
	PRAUC       evaluation.Float `json:"pr_auc"`
	Met         bool             `json:"target_met"`
	Importances []Importance     `json:"importances"`
	Sweep       []Step           `json:"by_least_requests"`
	Rules       []Rule           `json:"rules"`
	// Unreported corrects precision for abusive addresses that nobody reported.
	Unreported *evaluation.UnlabelledEstimate `json:"unreported"`
	Seen       Figures                        `json:"addresses_seen_in_training"`
	New        Figures                        `json:"new_addresses"`
	SeenRows   int                            `json:"rows_of_seen_addresses"`
	NewRows    int                            `json:"rows_of_new_addresses"`
}

// Importance is a column's, by XGBoost's kinds and by mean contribution.
type Importance struct {
	Column    string  `json:"column"`
	TotalGain float64 `json:"total_gain"`
	Gain      float64 `json:"gain"`
	Weight    float64 `json:"weight"`
	Cover     float64 `json:"cover"`
	// SHAP is the mean of the contributions' sizes on the test rows, in log
	// odds.
	SHAP float64 `json:"mean_abs_contribution"`
}

// Step is the final model on rows with at least so many requests.
type Step struct {
	MinRequests float64          `json:"at_least"`
	Rows        int              `json:"rows"`
	Share       evaluation.Float `json:"share_of_addresses"`
	Published   float64          `json:"published_share_of_addresses"`
	Missed      evaluation.Float `json:"false_negative_ratio"` // of rows labelled True
	Figures
}

// Rule is two thresholds on the final split.
type Rule struct {
	Name string     `json:"name"`
	Rule rules.Rule `json:"rule"`
	Text string     `json:"text"`
	Figures
}
