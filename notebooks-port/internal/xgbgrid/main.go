package xgbgrid

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"

	"sluice/featurestore/columns"
	"sluice/featurestore/fault"
	"sluice/notebooks-port/internal/program"
	"sluice/notebooks-port/internal/study"
	"sluice/train/gbtree"
	"sluice/train/pipeline"
)

const help = `Usage: xgb-grid --dir HOME [flags]
       xgb-grid --logs FILES --labels FILES [--attacks FILE] [flags]

Trains XGBoost's trees on the splits of the study and writes report.html,
report.md and report.json: confusion matrices of each split, by row and by
address, the report of the last split beside the study's, importances, the
figures on addresses with more requests, and two thresholds on the same split.

Examples:
  xgb-grid --out report --dir site --months 2024-06,2024-07,2024-08
  xgb-grid --logs 'logs/*.gz' --labels 'checks-*.jsonl.gz' --attacks attacks.csv
  xgb-grid --dir site --params params.json --num_boost_round 300 --seed 7

Flags:
`

type options struct {
	months  program.Words
	columns program.Words
	params  string
	rounds  int
	seed    int64
	target  float64
	trees   gbtree.Params
}

// Main is the program. It gives the exit status: 0 done, 1 failed, 2 wrong
// usage, 130 interrupted.
func Main(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var o options
	return study.Main(ctx, study.Program{
		Name: "xgb-grid", Help: help,
		Input: study.Input{Logs: study.Required, Labels: study.Required, Attacks: study.Optional, Home: study.Optional},
		Flags: func(f *flag.FlagSet) {
			f.Var(&o.months, "months", "two or three `months`, the last to be tested on; the last three that are labelled otherwise")
			f.Var(&o.columns, "columns", "`columns` of the model; the study's twelve otherwise")
			f.StringVar(&o.params, "params", "", "JSON `file` of XGBoost's parameters; its defaults otherwise")
			f.IntVar(&o.rounds, "num_boost_round", pipeline.DefaultRounds, "boosting rounds")
			f.Int64Var(&o.seed, "seed", 0, "seed of the random splits and draws")
			f.Float64Var(&o.target, "target-precision", 0.8, "precision of True that is asked for, of the model and of the thresholds")
		},
		Run: func(ctx context.Context, in *study.Input) (study.Report, error) {
			if err := o.check(); err != nil {
				return nil, err
			}
			return analyse(ctx, in, o)
		},
	}, args, stdout, stderr)
}

func (o *options) check() error {
	switch {
	case o.rounds < 1 || o.rounds > 100_000:
		return fault.Field(fault.Usage, "num_boost_round", "--num_boost_round %d; want 1 to 100000", o.rounds)
	case !(o.target > 0 && o.target < 1):
		return fault.Field(fault.Usage, "target-precision", "--target-precision %v; want a number between 0 and 1, as in 0.8", o.target)
	}
	if len(o.columns.List) == 0 {
		o.columns.List = columns.Names()
	}
	values := map[string]any{}
	if o.params != "" {
		b, err := os.ReadFile(o.params)
		if err != nil {
			return fault.Field(fault.NotFound, "params", "--params: %w", err)
		}
		if err := json.Unmarshal(b, &values); err != nil {
			return fault.Field(fault.Invalid, "params", "%s: want a JSON object of XGBoost's parameters: %w", o.params, err)
		}
	}
	if _, ok := values["seed"]; !ok {
		values["seed"] = o.seed
	}
	var err error
	if o.trees, err = gbtree.ParseParams(values); err != nil {
		return err
	}
	if o.trees.Objective != gbtree.BinaryLogistic {
		return fault.Field(fault.Usage, "params", "objective %s gives no probability; want %s", o.trees.Objective, gbtree.BinaryLogistic)
	}
	return nil
}
