package cli

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/google/renameio/v2"

	"sluice/featurestore/fault"
	"sluice/models/xgboost"
	"sluice/train/gbtree"
	"sluice/train/pipeline"
)

func matrixCommands() []command {
	return []command{{
		name:    "fit",
		summary: "Train trees on a plain CSV, as XGBoost would",
		long: `The trainer alone, on any matrix of numbers: the first line names the columns,
an empty field is missing. The model file is XGBoost's (.json, or .ubj by name).`,
		example: `train fit --data X.csv --label y --params P.json --num_boost_round 100 --model m.json
train fit --data X.csv --label y --weight w --eval V.csv --early_stopping_rounds 10 --params P.json --model m.ubj`,
		setup: setupFit,
	}, predictCommand()}
}

func setupFit(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	data := fs.String("data", "", "CSV `FILE` of the training rows")
	label := fs.String("label", "", "`COL` that holds the label")
	weight := fs.String("weight", "", "`COL` that holds the weight of each row")
	eval := fs.String("eval", "", "CSV `FILE` to evaluate on after each round; the last metric on it stops early")
	params := fs.String("params", "", "JSON `FILE` of XGBoost parameters")
	rounds := fs.Int("num_boost_round", 100, "boosting rounds")
	early := fs.Int("early_stopping_rounds", 0, "stop after `N` rounds without a better metric; 0 never")
	out := fs.String("model", "", "`FILE` to write: .json, or .ubj")
	return func(ctx context.Context, e *env, args []string) error {
		switch {
		case len(args) > 0:
			return fault.New(fault.Usage, "fit takes no %q; see train fit --help", args[0])
		case *data == "" || *label == "" || *out == "":
			return fault.New(fault.Usage, "fit needs --data, --label and --model; see train fit --help")
		case *rounds < 1:
			return fault.Field(fault.Usage, "num_boost_round", "--num_boost_round %d: want 1 or more", *rounds)
		case *early > 0 && *eval == "":
			return fault.Field(fault.Usage, "early_stopping_rounds", "--early_stopping_rounds needs --eval, the rows to judge by")
		}
		e.events.begin("fit")
		p, inParams, err := readParams(*params)
		if err != nil {
			return err
		}
		if inParams > 0 && !flagGiven(fs, "num_boost_round") {
			*rounds = inParams
		}
		m, err := readMatrix(*data, e.stdin, *label, *weight)
		if err != nil {
			return err
		}
		d, err := gbtree.NewDMatrix(m.x, m.label, m.wt, m.names)
		if err != nil {
			return fault.Wrap(err, "%s", *data)
		}
		// As in xgb.train's evals: the training rows are watched too only
		// where there is nothing else.
		o := gbtree.Options{Rounds: *rounds, EarlyStoppingRounds: *early, Threads: e.global.threads}
		if *eval != "" {
			r, err := openMatrix(*eval, e.stdin)
			if err != nil {
				return err
			}
			defer r.done()
			v, err := r.read(m.names, *label, *weight)
			if err != nil {
				return err
			}
			dv, err := gbtree.NewDMatrix(v.x, v.label, v.wt, m.names)
			if err != nil {
				return fault.Wrap(err, "%s", *eval)
			}
			o.Evals = []gbtree.EvalSet{{Name: "train", Data: d}, {Name: "eval", Data: dv}}
		}
		o.Progress = pipeline.TrainProgress(e.events.send, "fit", *rounds)
		res, err := gbtree.Train(ctx, p, d, o)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		write := xgboost.WriteJSON
		if strings.HasSuffix(*out, ".ubj") {
			write = xgboost.WriteUBJSON
		}
		if err := write(&b, res.Model); err != nil {
			return err
		}
		if err := renameio.WriteFile(*out, b.Bytes(), 0o644); err != nil {
			return fault.Field(fault.Invalid, "model", "%w", err)
		}
		result := map[string]any{"model": *out, "rows": m.rows, "features": len(m.names), "rounds": len(res.Model.Trees)}
		if *early > 0 {
			result["best_iteration"], result["best_score"] = res.BestIteration, res.BestScore
		}
		e.events.result(result, func(w io.Writer) {
			fmt.Fprintf(w, "%s: %d trees from %d rows x %d features\n", *out, len(res.Model.Trees), m.rows, len(m.names))
			if *early > 0 {
				fmt.Fprintf(w, "best round %d (counted from 0): %.6g\n", res.BestIteration, res.BestScore)
			}
		})
		return nil
	}
}
