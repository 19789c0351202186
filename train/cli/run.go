package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os/user"
	"runtime"
	"strings"

	"sluice/featurestore"
	"sluice/featurestore/build"
	"sluice/featurestore/fault"
	"sluice/train/pipeline"
)

func threads(n int) int {
	if n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// who names the person (or job) that ran a command, for champion.log.
func who() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}

func runCommands() []command {
	return []command{{
		name:    "run",
		summary: "From logs and label exports to a reviewed, versioned model",
		long: `Reads the logs into monthly rows per (attack, IP), labels them, trains on some
months, tests on others, writes the report and the model card, and puts the
version in service if every gate passes. Only what is new is read again.

With --demo the three months are simulated, in a home of their own
(./sluice-demo unless --dir is given), and the exit status is always 0.`,
		example: `train run --demo
train run --logs 'access-*.log.gz' --labels 'blacklist-*.txt' --train 2024-06,2024-07 --test 2024-08
train run --logs access.log --labels checks.jsonl --train 2024-07 --test 2024-08 --attacks attacks.csv
train run --train last-2 --max-false-positive-rate 0.01 --labels 'blacklist-*.txt'
train run --train last-2 --cost-false-positive 20 --cost-false-negative 1 --labels 'blacklist-*.txt'
train run --train last-2 --review --grid --backtest --labels 'blacklist-*.txt'
train run --config monthly.yaml --dry-run`,
		setup: setupRun,
	}}
}

// dataFlags are the flags that say how logs and labels are read.
type dataFlags struct {
	logs, labels                              list
	attacks, profile, format, mapping, zone   *string
	siteHosts, apiPrefixes, apiHosts, proxies list
	cacheStatus                               list
	keepAPI, derive, allowMixed               *bool
	labelMonth, labelDef                      *string
	labelDelay                                *int
	memory, pseudonymise                      *string
	simulated, describe                       *bool
	mmdb, spur, drops, crawlerRanges          list
	ownReporters                              list
}

func declareData(fs *flag.FlagSet) *dataFlags {
	d := &dataFlags{siteHosts: list{comma: true}, apiPrefixes: list{comma: true}, apiHosts: list{comma: true}, proxies: list{comma: true}, cacheStatus: list{comma: true}, ownReporters: list{comma: true}}
	fs.Var(&d.logs, "logs", "log `FILES` or globs, separated by spaces, plain, gzip or zstd; - is stdin")
	fs.Var(&d.labels, "labels", "AbuseIPDB export `FILES` or globs, separated by spaces: plain text, blacklist JSON, check answers, CSV")
	d.attacks = fs.String("attacks", "none", "`FILE` of attack windows (CSV, JSON); detect: found in the logs; none: each month is one window")
	d.describe = fs.Bool("describe-attacks", false, "read the logs once more for what the requests of given windows have in common (paths, queries, agents), for the report")
	d.profile = fs.String("profile", "site", "rules for derived columns: `site` for ordinary logs, wikimedia for webrequest")
	d.format = fs.String("format", "auto", "log `FORMAT`: auto, combined, common, vhost-combined, json, csv, tsv, parquet")
	d.mapping = fs.String("mapping", "", "`COLUMN=FIELD,...`: webrequest column names and the log's own")
	d.zone = fs.String("zone", "UTC", "time `ZONE` whose months rows belong to")
	fs.Var(&d.siteHosts, "site-hosts", "the site's own `HOSTS`; .example.org means it and all below")
	fs.Var(&d.apiPrefixes, "api-prefixes", "path `PREFIXES` of API requests, which are left out")
	fs.Var(&d.apiHosts, "api-hosts", "`HOSTS` of API requests, which are left out")
	fs.Var(&d.proxies, "trusted-proxies", "`CIDRS` whose X-Forwarded-For is believed, from right to left")
	fs.Var(&d.cacheStatus, "cache-status", "cache_status `VALUES` kept where the log has the column (default miss,pass,int-front)")
	d.keepAPI = fs.Bool("keep-api", false, "keep API requests")
	d.derive = fs.Bool("derive", false, "compute derived columns anew, though the log has them")
	d.allowMixed = fs.Bool("allow-mixed-labels", false, "accept check answers and lists together")
	d.labelMonth = fs.String("label-month", "", "`YYYY-MM` of label exports that do not say their month themselves")
	d.labelDef = fs.String("label-definition", "", "`L1..L6`: what counts as reported; by the export's shape unless given")
	d.labelDelay = fs.Int("label-delay", 0, "`DAYS` after the month's end up to which reports count; the same for every month")
	fs.Var(&d.ownReporters, "own-reporters", "reporter `IDS` of your own AbuseIPDB accounts, whose reports don't count in verbose check answers")
	fs.Var(&d.mmdb, "mmdb", "MaxMind DB `FILES` with countries or autonomous systems, for the columns geo")
	fs.Var(&d.spur, "spur", "Spur feeds or answers of its Context API, `FILES`, for the columns spur")
	fs.Var(&d.drops, "drops", "silent-drop records, `FILES`, for the columns drops")
	fs.Var(&d.crawlerRanges, "crawler-ranges", "published ranges of crawlers, `FILES`, for the column verified_crawler")
	d.pseudonymise = fs.String("pseudonymise", "", "`KEYFILE` of 32 bytes: store prefix-preserving pseudonyms instead of addresses")
	d.memory = fs.String("memory", "", fmt.Sprintf("`SIZE` that the program may take while logs are read and months made, as in 512MiB; at least %dMiB", build.LeastMemory>>20))
	d.simulated = fs.Bool("simulated", false, "the logs are simulated; such a home never takes real ones")
	return d
}

// world is what the home is to hold.
func (d *dataFlags) world() string {
	if *d.simulated {
		return featurestore.Simulated
	}
	return featurestore.Real
}

func setupRun(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	d := declareData(fs)
	train, test := list{comma: true}, list{comma: true}
	fs.Var(&train, "train", "`MONTHS` to train on, as in 2024-06,2024-07; last-N takes the N before the test month")
	fs.Var(&test, "test", "`MONTHS` to test on; by default the latest")
	columns := fs.String("columns", "twelve", "`COLUMNS` of the model, names or groups of them: twelve, behaviour (the twelve and what requests do), earlier, geo, spur, drops, crawler")
	params := fs.String("params", "", "JSON `FILE` of XGBoost parameters (num_boost_round among them)")
	tune := fs.Bool("tune", false, "search the parameters by cross-validation grouped by IP within the training months")
	gates := fs.String("gates", "", "YAML `FILE` of what a version must reach: min_precision, precision_bound, not_worse_than_rules, max_psi, …")
	seed := fs.Int64("seed", 0, "`N` that every draw starts from")
	aims := declareAim(fs)
	backtest := fs.Bool("backtest", false, "add every other labelled month of the store to the report, each measured by a model of the months before it")
	withGrid := fs.Bool("grid", false, "add the published study's splits to the report")
	review := fs.Bool("review", false, "answer a sceptical reader in the report: three sets of columns, tuned and untuned, other label definitions and delays")
	countryDB := fs.String("country-db", "", "MaxMind `FILE` with countries, for figures by country")
	dry := fs.Bool("dry-run", false, "say what would be read and done, in what time and memory, and stop")
	demo := fs.Bool("demo", false, "run on three simulated months")
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 {
			return fault.New(fault.Usage, "run takes no %q; see train run --help", args[0])
		}
		point, err := aims.aim()
		if err != nil {
			return err
		}
		c := pipeline.Config{Home: e.global.dir, Seed: *seed, Tune: *tune, Aim: point, Threads: threads(e.global.threads), DryRun: *dry, Grid: *withGrid, Backtest: *backtest, Review: *review, CountryDB: *countryDB, Who: who(), World: d.world()}
		if c.Params, c.Rounds, err = readRunParams(*params); err != nil {
			return err
		}
		if c.Gates, err = readGates(*gates, point); err != nil {
			return err
		}
		if c.Columns, err = parseColumns(*columns); err != nil {
			return err
		}
		e.events.begin("run")
		if *demo {
			if len(d.logs.values)+len(d.labels.values)+len(train.values)+len(test.values) > 0 {
				return fault.New(fault.Usage, "--demo makes its own logs, labels and months; leave --logs, --labels, --train and --test out")
			}
			if !flagGiven(fs, "dir") {
				c.Home = "./sluice-demo"
			}
			if err := d.fill(&c); err != nil {
				return err
			}
			if err := pipeline.Demo(ctx, &c, e.events.send); err != nil {
				return err
			}
		} else {
			if len(d.logs.values) == 0 && len(train.values) == 0 {
				return fault.New(fault.Usage, "run needs --logs and --labels, or --demo; see train run --help")
			}
			if err := d.fill(&c); err != nil {
				return err
			}
			if len(c.Logs) == 0 && !*d.simulated {
				c.World = "" // as the home has it
			}
			if c.Train, c.LastN, err = parseTrainMonths(train.values); err != nil {
				return err
			}
			if c.Test, err = parseMonths("test", test.values); err != nil {
				return err
			}
		}
		res, err := pipeline.Run(ctx, c, e.events.send)
		if err != nil {
			return err
		}
		e.events.result(res, func(w io.Writer) { printRun(w, e, res) })
		if res.Gate != nil && !res.Gate.Passed && !*demo {
			why := make([]string, len(res.Gate.Failed))
			for i, f := range res.Gate.Failed {
				why[i] = strings.TrimRight(f, ".")
			}
			return fault.New(fault.HeldBack, "version %s was held back: %s. Everything is written, the champion stays; read %s", res.Version, strings.Join(why, "; "), res.Report)
		}
		return nil
	}
}

func flagGiven(fs *flag.FlagSet, name string) bool {
	given := false
	fs.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	return given
}

func printRun(w io.Writer, e *env, res pipeline.Result) {
	if res.DryRun {
		for _, line := range res.Plan {
			fmt.Fprintln(w, line)
		}
		return
	}
	printFigures(w, e.events.figures)
	fmt.Fprintf(w, "\n%s\n\n", res.Verdict)
	fmt.Fprintf(w, "version   %s%s\n", res.Version, map[bool]string{true: " (exists already: nothing new)"}[res.Rerun])
	fmt.Fprintf(w, "report    %s\n", res.Report)
	if res.Feed != "" {
		fmt.Fprintf(w, "feed      %s (%d addresses)\n", res.Feed, res.FeedRows)
	}
	champion := res.Champion
	if champion == "" {
		champion = "none yet"
	}
	fmt.Fprintf(w, "champion  %s\n", champion)
	if res.World == "simulated" {
		fmt.Fprintln(w, "\nAll figures are of simulated months.")
	}
}

// printFigures prints the figures table: class True (abusive) at each point.
func printFigures(w io.Writer, figures []pipeline.FiguresEvent) {
	if len(figures) == 0 {
		return
	}
	fmt.Fprintf(w, "%-24s %-14s %-16s %9s %9s %7s %7s %8s %7s\n", "split", "who", "at", "threshold", "precision", "recall", "f1", "roc_auc", "rows")
	for _, f := range figures {
		fmt.Fprintf(w, "%-24s %-14s %-16s %9s %9s %7s %7s %8s %7d\n", f.Split, f.Who, f.At, num(f.Threshold), num(f.Precision), num(f.Recall), num(f.F1), num(f.ROCAUC), f.Rows)
	}
}

func num(p *float64) string {
	if p == nil {
		return "-"
	}
	return fmt.Sprintf("%.4f", *p)
}
