package cli

import (
	"bufio"
	"context"
	"flag"
	"os"
	"strconv"
	"strings"

	"sluice/featurestore/fault"
	"sluice/models/ensemble"
	"sluice/models/xgboost"
)

func predictCommand() command {
	return command{
		name:    "predict",
		summary: "Answer for the rows of a plain CSV with any XGBoost model",
		long: `Reads XGBoost's JSON, UBJSON and old binary models, told by their content, and
dumps, which need --base_score and --objective. Columns are matched to the
model's feature names, in any order; others are not looked at. A model without
names takes all columns in order. An empty field, nan or NA is missing.

Prints a CSV with one line a row, numbers with nine significant digits, so that
a float32 survives. Several outputs (classes, targets) are numbered:
probability0,probability1; a_0,b_0,bias_0,a_1 for contributions; a:b is the
interaction of a and b.`,
		example: `train predict --model m.json --data X.csv --output margin
train predict --model m.ubj --data X.csv --output contributions > contribs.csv
train predict --model dump.txt --base_score 0.5 --objective binary:logistic --data X.csv`,
		setup: setupPredict,
	}
}

func setupPredict(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	model := fs.String("model", "", "XGBoost model `FILE`: JSON, UBJSON, old binary or a dump")
	data := fs.String("data", "", "CSV `FILE` of rows; - is stdin")
	output := fs.String("output", "probability", "`WHAT` to print: margin, probability (what predict gives: a class or a value where the objective has those), leaf, contributions or interactions")
	iterations := fs.String("iteration_range", "", "`A,B`: only the trees of rounds A to B-1; all by default")
	base := fs.String("base_score", "", "for a dump: the intercept `P` on the objective's scale, or one per output, as in 0.1,0.2")
	objective := fs.String("objective", "", "for a dump: its `OBJECTIVE`, as in binary:logistic")
	classes := fs.Int("num_class", 0, "for a dump: the `N` classes of a multi-class model")
	parallel := fs.Int("num_parallel_tree", 1, "for a dump: trees per round and output")
	return func(ctx context.Context, e *env, args []string) error {
		switch {
		case len(args) > 0:
			return fault.New(fault.Usage, "predict takes no %q; see train predict --help", args[0])
		case *model == "" || *data == "":
			return fault.New(fault.Usage, "predict needs --model and --data; see train predict --help")
		}
		switch *output {
		case "margin", "probability", "leaf", "contributions", "interactions":
		default:
			return fault.Field(fault.Usage, "output", "--output %q: want margin, probability, leaf, contributions or interactions", *output)
		}
		o, err := iterationRange(*iterations)
		if err != nil {
			return err
		}
		d := xgboost.DumpOptions{Objective: *objective, NumClass: *classes, NumParallelTree: *parallel}
		if d.BaseScore, err = baseScores(*base); err != nil {
			return err
		}
		if *classes < 0 || *classes > 1<<16 {
			return fault.Field(fault.Usage, "num_class", "--num_class %d: want 0 to 65536", *classes)
		}
		if *parallel < 1 {
			return fault.Field(fault.Usage, "num_parallel_tree", "--num_parallel_tree %d: want 1 or more", *parallel)
		}
		rows, err := openMatrix(*data, e.stdin)
		if err != nil {
			return err
		}
		defer rows.done()
		m, err := readAnyModel(*model, d, rows.header)
		if err != nil {
			return err
		}
		p, err := ensemble.NewPredictor(m, o)
		if err != nil {
			return fault.Wrap(err, "%s", *model)
		}
		if *output == "leaf" && m.Booster == "gblinear" {
			return fault.Field(fault.Unsupported, "output", "%s is a gblinear model: it has no trees, so no leaves", *model)
		}
		if *output == "contributions" || *output == "interactions" {
			if err := p.Explains(); err != nil {
				return fault.Wrap(err, "%s", *model)
			}
		}
		names, err := namesOf(m)
		if err != nil {
			return fault.Wrap(err, "%s", *model)
		}
		if names == nil && len(rows.header) != p.NumFeature() {
			return fault.Field(fault.Invalid, "data", "%s has %d columns; the model takes %d and has no names to pick them by", *data, len(rows.header), p.NumFeature())
		}
		mat, err := rows.read(names, "", "")
		if err != nil {
			return err
		}
		return writeAnswers(ctx, bufio.NewWriterSize(e.stdout, 1<<16), p, m.Objective, *output, mat, threads(e.global.threads))
	}
}

// namesOf is the model's columns in order, nil where it names none.
func namesOf(m *ensemble.Model) ([]string, error) {
	if _, ok := m.Attributes[ensemble.SchemaAttribute]; ok {
		// What the columns mean is not asked here: the rows are given as numbers.
		s, err := m.Schema()
		if err != nil && fault.KindOf(err) != fault.Version {
			return nil, err
		}
		return s.Names, nil
	}
	if len(m.FeatureNames) == 0 {
		return nil, nil
	}
	return m.FeatureNames, nil
}

// iterationRange reads "A,B".
func iterationRange(s string) (o ensemble.PredictorOptions, err error) {
	if s == "" {
		return o, nil
	}
	from, to, ok := strings.Cut(s, ",")
	a, errA := strconv.Atoi(strings.TrimSpace(from))
	b, errB := strconv.Atoi(strings.TrimSpace(to))
	if !ok || errA != nil || errB != nil {
		return o, fault.Field(fault.Usage, "iteration_range", "--iteration_range %q: want two rounds, as in 0,10", s)
	}
	o.IterationRange = [2]int{a, b}
	return o, nil
}

// baseScores reads "P" or "P,P,…".
func baseScores(s string) ([]float32, error) {
	if s == "" {
		return nil, nil
	}
	var out []float32
	for part := range strings.SplitSeq(s, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(part), 32)
		if err != nil {
			return nil, fault.Field(fault.Usage, "base_score", "--base_score %q: want a number, or one per output, as in 0.1,0.2", s)
		}
		out = append(out, float32(v))
	}
	return out, nil
}

// readAnyModel reads a model file, or a dump with what d says of it. header
// are the columns of the rows: a dump names the features that it uses, and
// their place in a row must come from there.
func readAnyModel(path string, d xgboost.DumpOptions, header []string) (*ensemble.Model, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Field(fault.Invalid, "model", "%w", err)
	}
	if !xgboost.IsDump(data) {
		if d.BaseScore != nil || d.Objective != "" || d.NumClass != 0 || d.NumParallelTree != 1 {
			return nil, fault.Field(fault.Usage, "base_score",
				"%s is a model, which holds its base_score, objective, num_class and num_parallel_tree: leave the flags out", path)
		}
		m, err := xgboost.Read(data)
		return m, fault.Wrap(err, "%s", path)
	}
	if d.BaseScore == nil || d.Objective == "" {
		return nil, fault.Field(fault.Usage, "base_score",
			"%s is a dump, which lacks the intercept and the objective: give --base_score and --objective, or predict from the file of save_model", path)
	}
	d.FeatureNames = header
	m, err := xgboost.ReadDump(data, d)
	if err == nil {
		return m, nil
	}
	// A dump of a model without names has f0, f1, …: columns by their place.
	d.FeatureNames, d.NumFeature = nil, len(header)
	if m, byPlace := xgboost.ReadDump(data, d); byPlace == nil {
		return m, nil
	}
	return nil, fault.Wrap(err, "%s", path)
}

// writeAnswers prints what p answers for the rows, a chunk at a time so that
// wide answers (interactions, leaves) of many rows fit into memory.
func writeAnswers(ctx context.Context, w *bufio.Writer, p *ensemble.Predictor, objective, output string, m *matrix, threads int) error {
	g, f := p.Groups(), p.NumFeature()
	var header []string
	var answer func(dst, x []float32, rows, threads int)
	switch output {
	case "margin":
		header, answer = heads("margin", g, nil), p.Margin
	case "probability":
		header, answer = heads(answerName(objective), p.Outputs(), nil), p.Probability
	case "leaf":
		header = heads("tree", p.Trees(), nil)
		if p.Trees() == 1 {
			header = []string{"tree0"}
		}
	case "contributions":
		header, answer = heads("", g, append(m.names[:f:f], "bias")), p.Contributions
	case "interactions":
		var pairs []string
		sides := append(m.names[:f:f], "bias")
		for _, a := range sides {
			for _, b := range sides {
				pairs = append(pairs, a+":"+b)
			}
		}
		header, answer = heads("", g, pairs), p.Interactions
	}
	writeNames(w, header)
	const block = 64
	chunk := min(m.rows, max(block, (1<<20)/max(1, len(header))/block*block))
	var floats []float32
	var leaves []int32
	if answer == nil {
		leaves = make([]int32, chunk*len(header))
	} else {
		floats = make([]float32, chunk*len(header))
	}
	for from := 0; from < m.rows; from += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(chunk, m.rows-from)
		x := m.x[from*f : (from+n)*f]
		if answer == nil {
			p.Leaves(leaves, x, n, threads)
			writeInts(w, len(header), leaves[:n*len(header)])
			continue
		}
		answer(floats, x, n, threads)
		writeFloats(w, len(header), floats[:n*len(header)])
	}
	return w.Flush()
}

// answerName says what an objective makes of a margin.
func answerName(objective string) string {
	switch objective {
	case "binary:logistic", "reg:logistic", "multi:softprob":
		return "probability"
	case "binary:hinge", "multi:softmax":
		return "class"
	}
	return "prediction"
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

// writeNames writes the header, names quoted where CSV needs it.
func writeNames(w *bufio.Writer, header []string) {
	for i, h := range header {
		if strings.ContainsAny(h, "\",\r\n") {
			h = `"` + strings.ReplaceAll(h, `"`, `""`) + `"`
		}
		w.WriteString(h)
		w.WriteByte(separator(i, len(header)))
	}
}

func writeFloats(w *bufio.Writer, columns int, v []float32) {
	var buf []byte
	for i, x := range v {
		buf = buf[:0]
		if x == x { // NaN is an empty field
			buf = strconv.AppendFloat(buf, float64(x), 'g', 9, 64)
		}
		w.Write(append(buf, separator(i, columns)))
	}
}

func writeInts(w *bufio.Writer, columns int, v []int32) {
	var buf []byte
	for i, x := range v {
		w.Write(append(strconv.AppendInt(buf[:0], int64(x), 10), separator(i, columns)))
	}
}

func separator(i, columns int) byte {
	if (i+1)%columns == 0 {
		return '\n'
	}
	return ','
}
