package cli

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/google/renameio/v2"

	"sluice/featurestore/fault"
	"sluice/models/ensemble"
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
	}, {
		name:    "predict",
		summary: "Answer for the rows of a plain CSV with any XGBoost model",
		long: `Reads XGBoost's JSON, UBJSON and old binary models. Columns are matched to the
model's feature names; a model without names takes all columns in order. Prints
a CSV with one line a row, numbers with nine significant digits, so that a
float32 survives.`,
		example: `train predict --model m.json --data X.csv --output margin
train predict --model m.ubj --data X.csv --output contributions > contribs.csv`,
		setup: setupPredict,
	}}
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
		m, err := readMatrix(*data, *label, *weight)
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
			v, err := readMatrix(*eval, *label, *weight)
			if err != nil {
				return err
			}
			x, err := v.columns(m.names)
			if err != nil {
				return fault.Wrap(err, "%s", *eval)
			}
			dv, err := gbtree.NewDMatrix(x, v.label, v.wt, m.names)
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

func setupPredict(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	model := fs.String("model", "", "XGBoost model `FILE`: JSON, UBJSON or old binary, told by its content")
	data := fs.String("data", "", "CSV `FILE` of rows; - is stdin")
	output := fs.String("output", "probability", "`WHAT` to print: margin, probability, leaf or contributions")
	iterations := fs.String("iteration_range", "", "`A,B`: only the trees of rounds A to B-1; all by default")
	return func(ctx context.Context, e *env, args []string) error {
		switch {
		case len(args) > 0:
			return fault.New(fault.Usage, "predict takes no %q; see train predict --help", args[0])
		case *model == "" || *data == "":
			return fault.New(fault.Usage, "predict needs --model and --data; see train predict --help")
		}
		var o ensemble.PredictorOptions
		if *iterations != "" {
			if n, _ := fmt.Sscanf(*iterations, "%d,%d", &o.IterationRange[0], &o.IterationRange[1]); n != 2 {
				return fault.Field(fault.Usage, "iteration_range", "--iteration_range %q: want two rounds, as in 0,10", *iterations)
			}
		}
		m, err := xgboost.ReadFile(*model)
		if err != nil {
			return err
		}
		p, err := ensemble.NewPredictor(m, o)
		if err != nil {
			return fault.Wrap(err, "%s", *model)
		}
		mat, err := readMatrix(*data, "", "")
		if err != nil {
			return err
		}
		names, x := m.FeatureNames, mat.x
		if len(names) > 0 {
			if x, err = mat.columns(names); err != nil {
				return fault.Wrap(err, "%s", *data)
			}
		} else if len(mat.names) != p.NumFeature() {
			return fault.Field(fault.Invalid, "data", "%s has %d columns; the model takes %d and has no names to pick them by", *data, len(mat.names), p.NumFeature())
		}
		if len(names) == 0 {
			names = mat.names
		}
		g, f := p.Groups(), p.NumFeature()
		w := bufio.NewWriterSize(e.stdout, 1<<16)
		switch *output {
		case "margin", "probability":
			out := make([]float32, mat.rows*g)
			if *output == "margin" {
				p.Margin(out, x, mat.rows, threads(e.global.threads))
			} else {
				p.Probability(out, x, mat.rows, threads(e.global.threads))
			}
			writeFloats(w, heads(*output, g, nil), out)
		case "leaf":
			trees := p.Trees()
			out := make([]int32, mat.rows*trees)
			p.Leaves(out, x, mat.rows, threads(e.global.threads))
			writeInts(w, heads("tree", trees, nil), out)
		case "contributions":
			out := make([]float32, mat.rows*g*(f+1))
			p.Contributions(out, x, mat.rows, threads(e.global.threads))
			writeFloats(w, heads("", g, append(names[:len(names):len(names)], "bias")), out)
		default:
			return fault.Field(fault.Usage, "output", "--output %q: want margin, probability, leaf or contributions", *output)
		}
		return w.Flush()
	}
}

// heads names n groups of columns: "margin", or "margin0,margin1"; with names,
// each group has one column a name.
func heads(what string, n int, names []string) []string {
	var out []string
	for i := range n {
		suffix := ""
		if n > 1 {
			suffix = strconv.Itoa(i)
		}
		if names == nil {
			out = append(out, what+suffix)
		}
		for _, name := range names {
			if suffix != "" {
				name += "_" + suffix
			}
			out = append(out, name)
		}
	}
	return out
}

func writeFloats(w *bufio.Writer, header []string, v []float32) {
	w.WriteString(strings.Join(header, ",") + "\n")
	var buf []byte
	for i, x := range v {
		buf = buf[:0]
		if x == x { // NaN is an empty field
			buf = strconv.AppendFloat(buf, float64(x), 'g', 9, 64)
		}
		w.Write(append(buf, separator(i, len(header))))
	}
}

func writeInts(w *bufio.Writer, header []string, v []int32) {
	w.WriteString(strings.Join(header, ",") + "\n")
	var buf []byte
	for i, x := range v {
		w.Write(append(strconv.AppendInt(buf[:0], int64(x), 10), separator(i, len(header))))
	}
}

func separator(i, columns int) byte {
	if (i+1)%columns == 0 {
		return '\n'
	}
	return ','
}
