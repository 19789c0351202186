package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/fault"
	"sluice/featurestore/pseudonym"
	"sluice/featurestore/row"
	"sluice/train/pipeline"
)

func withdrawCommands() []command {
	return []command{{
		name:    "features remove",
		summary: "Withdraw log files from the store, by name",
		args:    "FILE...",
		example: `train features remove access-2024-06-13.log.gz`,
		setup:   setupRemove,
	}, {
		name:    "features prune",
		summary: "Take months out of the store that ended a while ago",
		example: `train features prune --older-than 90d`,
		setup:   setupPrune,
	}, {
		name:    "features erase",
		summary: "Take one address out of the store and the feeds",
		args:    "IP",
		long:    "In a store of pseudonyms the address is taken for one, unless --pseudonymise gives the key.",
		example: `train features erase 192.0.2.7`,
		setup:   setupErase,
	}}
}

func setupRemove(*flag.FlagSet) func(context.Context, *env, []string) error {
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) == 0 {
			return fault.New(fault.Usage, "features remove needs the names of log files, as train features list --json shows them")
		}
		e.events.begin("features remove")
		out, err := pipeline.Remove(ctx, pipeline.Config{Home: e.global.dir, Threads: threads(e.global.threads)}, args)
		if err != nil {
			return err
		}
		e.events.result(out, func(w io.Writer) {
			left := "no rows are left of their months"
			if out.Build.Rows > 0 {
				left = fmt.Sprintf("%d rows in %s", out.Build.Rows, months(out.Build.Months))
			}
			fmt.Fprintf(w, "%d files withdrawn; %s\n", len(args), left)
		})
		return nil
	}
}

// parseAge reads "90d" or a Go duration.
func parseAge(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return d, nil
	}
	return 0, fault.Field(fault.Usage, "older-than", "--older-than %q: want days, as in 90d", s)
}

func setupPrune(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	older := fs.String("older-than", "", "`AGE` since a month's end, as in 90d")
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) > 0 || *older == "" {
			return fault.New(fault.Usage, "features prune needs --older-than; see train features prune --help")
		}
		age, err := parseAge(*older)
		if err != nil {
			return err
		}
		e.events.begin("features prune")
		out, err := pipeline.Prune(ctx, pipeline.Config{Home: e.global.dir}, time.Now().Add(-age))
		if err != nil {
			return err
		}
		e.events.result(out, func(w io.Writer) {
			if len(out.Store.Months) == 0 {
				fmt.Fprintf(w, "no rows before %s are in the store: nothing taken out\n", out.Before)
				return
			}
			fmt.Fprintf(w, "months before %s: %d rows in %s taken out\n", out.Before, out.Store.Rows, months(out.Store.Months))
		})
		return nil
	}
}

func setupErase(fs *flag.FlagSet) func(context.Context, *env, []string) error {
	keyFile := fs.String("pseudonymise", "", "`KEYFILE` of the store's pseudonyms: the address is passed through it first")
	return func(ctx context.Context, e *env, args []string) error {
		if len(args) != 1 {
			return fault.New(fault.Usage, "features erase takes one address; see train features erase --help")
		}
		ip, ok := row.ParseIP(args[0])
		if !ok {
			return fault.Field(fault.Usage, "ip", "%q is no address without a zone", args[0])
		}
		home := pipeline.Config{Home: e.global.dir}
		if *keyFile != "" {
			key, err := pseudonym.ReadKey(*keyFile)
			if err != nil {
				return err
			}
			if err := checkKey(e.global.dir, key); err != nil {
				return err
			}
			ip = key.Pseudonym(ip)
		}
		e.events.begin("features erase")
		out, err := pipeline.Erase(ctx, home, ip)
		if err != nil {
			return err
		}
		e.events.result(out, func(w io.Writer) {
			fmt.Fprintf(w, "%s: %s\n", row.Mask(ip), erased(&out))
		})
		return nil
	}
}

// erased says what held an address, part by part.
func erased(out *pipeline.Withdrawn) string {
	var parts []string
	if st := out.Store; len(st.Months) > 0 {
		parts = append(parts, fmt.Sprintf("%d rows in %s", st.Rows, months(st.Months)))
	}
	if n := out.Store.RejectLines; n > 0 {
		parts = append(parts, fmt.Sprintf("%d rejected lines", n))
	}
	if n := len(out.Feeds); n > 0 {
		parts = append(parts, fmt.Sprintf("%d feeds", n))
	}
	if len(parts) == 0 {
		return "neither in the store nor in the feeds: nothing taken out"
	}
	return strings.Join(parts, ", ") + " taken out"
}

// checkKey refuses a key that is not that of the store.
func checkKey(home string, key *pseudonym.Key) error {
	st, err := featurestore.Open(home, featurestore.OpenOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer st.Close()
	return st.CheckPseudonyms(key.Check())
}
