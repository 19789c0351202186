package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"strings"

	"sluice/featurestore/fault"
	"sluice/featurestore/row"
	"sluice/train/evaluation"
	"sluice/train/pipeline"
	"sluice/train/report"
)

func evaluateCommand() command {
	return command{
		name:    "evaluate",
		summary: "Measure a version, the rules or the earlier lists on months of the store",
		long: `Measures on the store's rows as they are labelled now, without training: labels
that came later are added with train features build --labels. Writes nothing.

With --grid, --backtest or --train it trains as a run would and measures that:
the published study's splits; every month by a model of the months before it,
and by older ones; or one split, of this home or from one home to another.`,
		example: `train evaluate --model champion --months 2024-08
train evaluate --model 2024-07-0123456789ab --months 2024-08,2024-09 --json
train evaluate --model rules --months 2024-08
train evaluate --model listed-before --months 2024-08 --labels 'blacklist-*.txt'
train evaluate --grid --months 2024-06,2024-07,2024-08
train evaluate --backtest 2 --columns behaviour --labels 'blacklist-*.txt'
train evaluate --train 2024-06,2024-07 --months 2024-08 --review --labels 'blacklist-*.txt'
train evaluate --dir site-b --months 2024-08 --train-dir site-a --train 2024-06,2024-07`,
		setup: setupEvaluate,
	}
}

func setupEvaluate(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	model := fs.String("model", pipeline.ModelChampion, "`V`, a version, or champion, rules or listed-before")
	months, train, labels := list{comma: true}, list{comma: true}, list{}
	fs.Var(&months, "months", "`MONTHS` of the store to measure on")
	fs.Var(&labels, "labels", "AbuseIPDB export `FILES` of earlier months, to measure what was listed before")
	grid := fs.Bool("grid", false, "the published study's splits of two or three months: .8/.2 by row and by address, month to month")
	backtest := fs.Int("backtest", 0, "train on `N` months and test on the next, for every labelled month of the store")
	fs.Var(&train, "train", "`MONTHS` to train on, or last-N, for a split that is tried and not kept")
	trainDir := fs.String("train-dir", "", "`HOME` of the months to train on, where it is another site's")
	columns := fs.String("columns", "twelve", "`COLUMNS` of the models trained: twelve, behaviour, or names")
	params := fs.String("params", "", "JSON `FILE` of XGBoost parameters of the models trained")
	seed := fs.Int64("seed", 0, "`N` that draws start from")
	aims := declareAim(fs)
	tune := fs.Bool("tune", false, "search the parameters of each split within its training months")
	review := fs.Bool("review", false, "three sets of columns, tuned and untuned, other label definitions and delays for each split")
	countryDB := fs.String("country-db", "", "MaxMind `FILE` with countries, for figures by country")
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 {
			return fault.New(fault.Usage, "evaluate takes no %q; see train evaluate --help", args[0])
		}
		ways := 0
		for _, w := range []bool{*grid, *backtest != 0, len(train.values) > 0} {
			if w {
				ways++
			}
		}
		var ms []row.Month
		var err error
		if ms, err = parseMonths("months", months.values); err != nil {
			return err
		}
		switch {
		case ways > 1:
			return fault.New(fault.Usage, "--grid, --backtest and --train are three ways to split months; give one")
		case len(ms) == 0 && *backtest == 0:
			return fault.Field(fault.Usage, "months", "evaluate needs --months; see train evaluate --help")
		case ways == 0 && (*params != "" || *tune || *review || aims.given() || flagGiven(fs, "columns") || *trainDir != ""):
			return fault.New(fault.Usage, "--params, --columns, --tune, --review, --train-dir and what a threshold aims at are for --grid, --backtest and --train, which train; a version has its own")
		case *trainDir != "" && len(train.values) == 0:
			return fault.Field(fault.Usage, "train-dir", "--train-dir needs --train, the months of it to train on")
		case *grid && (*tune || *review):
			return fault.Field(fault.Usage, "grid", "--tune and --review go with --backtest and --train; the grid is trained as given")
		}
		point, err := aims.aim()
		if err != nil {
			return err
		}
		c := pipeline.Config{Home: e.global.dir, Threads: threads(e.global.threads), Seed: *seed, Tune: *tune, Review: *review, CountryDB: *countryDB, Aim: point}
		if c.Labels, err = expandGlobs("labels", labels.values); err != nil {
			return err
		}
		if ways > 0 {
			if c.Params, c.Rounds, err = readRunParams(*params); err != nil {
				return err
			}
			if c.Columns, err = parseColumns(*columns); err != nil {
				return err
			}
		}
		e.events.begin("evaluate")
		switch {
		case *backtest != 0:
			b, err := pipeline.Backtest(ctx, c, *backtest, e.events.send)
			if err != nil {
				return err
			}
			e.events.result(b, func(w io.Writer) {
				printFigures(w, e.events.figures)
				printStudies(w, b.Studies)
				if b.Retrain != nil {
					fmt.Fprintf(w, "\n%s\n", b.Retrain.Sentence)
				}
			})
		case *grid:
			rows, _, err := pipeline.Grid(ctx, c, ms, e.events.send)
			if err != nil {
				return err
			}
			e.events.result(rows, func(w io.Writer) { printGrid(w, rows) })
		case ways > 0:
			if c.Train, c.LastN, err = parseTrainMonths(train.values); err != nil {
				return err
			}
			c.Test = ms
			t, err := pipeline.Trial(ctx, c, *trainDir, e.events.send)
			if err != nil {
				return err
			}
			e.events.result(t, func(w io.Writer) {
				printFigures(w, e.events.figures)
				printStudies(w, t.Studies)
			})
		default:
			split, err := pipeline.Evaluate(ctx, c, *model, ms, e.events.send)
			if err != nil {
				return err
			}
			e.events.result(split, func(w io.Writer) { printFigures(w, e.events.figures) })
		}
		return nil
	}
}

// printGrid puts the splits side by side, at one half, with their matrices.
func printGrid(w io.Writer, rows []report.GridRow) {
	fmt.Fprintf(w, "%-28s %-10s %7s %8s %9s %7s %7s %9s   %s\n", "split", "rows by", "rows", "roc_auc", "precision", "recall", "f1", "accuracy", "tn, fp / fn, tp")
	for _, g := range rows {
		by := "row"
		switch {
		case g.Grouped:
			by = "address"
		case g.Draws == 0:
			by = "month"
		}
		h := g.Split.AtHalf
		c := h.Confusion
		fmt.Fprintf(w, "%-28s %-10s %7d %8s %9s %7s %7s %9s   %g, %g / %g, %g\n", g.Name, by, g.Split.Rows.Rows, figure(g.Split.ROCAUC), figure(h.Classes.True.Precision), figure(h.Classes.True.Recall), figure(h.Classes.True.F1), figure(h.Accuracy), c.TN, c.FP, c.FN, c.TP)
	}
	fmt.Fprintln(w)
	for _, g := range rows {
		if g.Draws == 0 || g.Grouped {
			continue
		}
		fmt.Fprintf(w, "%s: mean ROC AUC %.4f (%.4f to %.4f) over %d draws by row", g.Name, g.Mean, g.Least, g.Great, g.Draws)
		if g.HasLeak {
			fmt.Fprintf(w, "; less that by address, on the same rows: %+.4f (95 %% interval %+.4f to %+.4f)\n", g.Leakage, g.LeakLow, g.LeakHigh)
		} else {
			fmt.Fprintln(w, "; no address has two rows, so by address it differs by chance alone")
		}
	}
}

// printStudies prints each study as a table of its variants.
func printStudies(w io.Writer, studies []evaluation.Study) {
	for _, s := range studies {
		fmt.Fprintf(w, "\n%s (%s → %s)\n", s.Question, strings.Join(s.Months.Train, ", "), strings.Join(s.Months.Test, ", "))
		fmt.Fprintf(w, "  %-44s %-26s %6s %8s  %-24s %-24s %-24s %s\n", "variant", "rows", "number", "reported", "roc_auc", "precision", "recall", "roc_auc gained")
		for _, v := range s.Variants {
			if v.Skipped != "" {
				fmt.Fprintf(w, "  %-44s left out: %s\n", shorten(v.Name, 44), v.Skipped)
				continue
			}
			for _, p := range v.Parts {
				gain := "-"
				if p.ROCAUCGain != nil {
					gain = intervalText(*p.ROCAUCGain, "%+.3f")
				}
				precision := intervalText(p.Precision, "%.3f")
				if v.Abstains {
					precision = "abstains"
				}
				fmt.Fprintf(w, "  %-44s %-26s %6d %8d  %-24s %-24s %-24s %s\n", shorten(v.Name, 44), p.Part, p.Rows, p.True, intervalText(p.ROCAUC, "%.3f"), precision, intervalText(p.Recall, "%.3f"), gain)
			}
		}
		if s.Sentence != "" {
			fmt.Fprintf(w, "  %s\n", s.Sentence)
		}
	}
}

func intervalText(iv evaluation.Interval, format string) string {
	if math.IsNaN(float64(iv.Estimate)) {
		return "-"
	}
	return fmt.Sprintf(format+" ["+format+", "+format+"]", float64(iv.Estimate), float64(iv.Low), float64(iv.High))
}

func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
