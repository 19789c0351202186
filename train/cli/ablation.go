package cli

import (
	"context"
	"flag"
	"fmt"
	"io"

	"sluice/featurestore/fault"
	"sluice/featurestore/pseudonym"
	"sluice/train/pipeline"
)

func ablationCommands() []command {
	return []command{{
		name:    "ablation",
		summary: "Measure what behaviour and earlier listings add to the twelve columns",
		long: `Trains on the same months of the store with the twelve columns, with behaviour
besides, and with earlier listings besides, and measures all three on the same
rows: ROC AUC with intervals by address, the differences paired; and once more
on addresses never listed before. Writes nothing.`,
		example: `train ablation --train 2024-06,2024-07 --test 2024-08 --labels 'blacklist-*.txt'`,
		setup:   setupAblation,
	}}
}

func setupAblation(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	train, test, labels := list{comma: true}, list{comma: true}, list{}
	fs.Var(&train, "train", "`MONTHS` to train on, or last-N")
	fs.Var(&test, "test", "`MONTHS` to test on; by default the latest")
	fs.Var(&labels, "labels", "AbuseIPDB export `FILES` or globs of the months and those before")
	params := fs.String("params", "", "JSON `FILE` of XGBoost parameters")
	seed := fs.Int64("seed", 0, "`N` that every draw starts from")
	keyFile := fs.String("pseudonymise", "", "`KEYFILE` of the store's pseudonyms, whose addresses the exports are asked about")
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 {
			return fault.New(fault.Usage, "ablation takes no %q; see train ablation --help", args[0])
		}
		c := pipeline.Config{Home: e.global.dir, Seed: *seed, Threads: threads(e.global.threads)}
		var err error
		if c.Labels, err = expandGlobs("labels", labels.values); err != nil {
			return err
		}
		if *keyFile != "" {
			if c.Pseudonyms, err = pseudonym.ReadKey(*keyFile); err != nil {
				return err
			}
		}
		if c.Params, c.Rounds, err = readRunParams(*params); err != nil {
			return err
		}
		if c.Train, c.LastN, err = parseTrainMonths(train.values); err != nil {
			return err
		}
		if c.Test, err = parseMonths("test", test.values); err != nil {
			return err
		}
		e.events.begin("ablation")
		res, err := pipeline.Ablate(ctx, c, e.events.send)
		if err != nil {
			return err
		}
		e.events.result(res, func(w io.Writer) { printAblation(w, res) })
		return nil
	}
}

func printAblation(w io.Writer, a *pipeline.Ablation) {
	fmt.Fprintf(w, "%s; intervals of 95 %% over %d draws of addresses, the same for every set\n\n", a.Split, a.Draws)
	fmt.Fprintf(w, "%-20s %-17s %8s %7s %9s  %-22s %-22s %s\n", "rows", "columns", "number", "rows", "reported", "roc_auc", "pr_auc", "roc_auc gained")
	for _, r := range a.Rows {
		gain := "-"
		if r.Gain != nil {
			gain = fmt.Sprintf("%+.4f [%+.4f, %+.4f]", r.Gain.Estimate, r.Gain.Low, r.Gain.High)
		}
		fmt.Fprintf(w, "%-20s %-17s %8d %7d %9d  %-22s %-22s %s\n", r.Rows, r.Set, r.Columns, r.N, r.True, within(r.ROCAUC), within(r.PRAUC), gain)
	}
	fmt.Fprintf(w, "\nlisted before, alone: precision %.4f, recall %.4f\n", a.ListedPrecision, a.ListedRecall)
}

func within(f pipeline.AblationFigure) string {
	return fmt.Sprintf("%.4f [%.4f, %.4f]", f.Estimate, f.Low, f.High)
}
