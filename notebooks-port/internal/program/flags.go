package program

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sluice/featurestore/fault"
)

// List is a flag that takes values up to the next flag, and may be given
// several times, so that a shell's expanded pattern is taken whole.
type List []string

// String is the values with commas.
func (l *List) String() string { return strings.Join(*l, ",") }

// Set adds a value.
func (l *List) Set(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("an empty value")
	}
	*l = append(*l, s)
	return nil
}

// Words is a List whose values may also be parted by commas.
type Words struct{ List }

// Set adds the values between commas.
func (l *Words) Set(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		if err := l.List.Set(strings.TrimSpace(part)); err != nil {
			return err
		}
	}
	return nil
}

// Parse parses args into f and gives what is no flag's. Flags may stand before
// and behind it. --help writes help and the flags to stdout and gives
// flag.ErrHelp. Errors: Usage.
func Parse(f *flag.FlagSet, help string, args []string, stdout io.Writer) (rest []string, err error) {
	f.SetOutput(io.Discard)
	if err := f.Parse(interleaved(f, args)); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, help)
			f.SetOutput(stdout)
			f.PrintDefaults()
			return nil, err
		}
		return nil, fault.As(fault.Usage, err)
	}
	return f.Args(), nil
}

// interleaved moves flags in front of what is none, so that both orders work,
// and repeats a list's flag before each of its values.
func interleaved(f *flag.FlagSet, args []string) []string {
	var flags, rest []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if a == "-" || !strings.HasPrefix(a, "-") {
			rest = append(rest, a)
			continue
		}
		flags = append(flags, a)
		name, _, valued := strings.Cut(strings.TrimLeft(a, "-"), "=")
		known := f.Lookup(name)
		if known == nil {
			continue
		}
		if b, ok := known.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
			continue
		}
		if !valued {
			if i++; i == len(args) {
				return flags // the last one lacks its value, which Parse says
			}
			flags = append(flags, args[i])
		}
		switch known.Value.(type) {
		case *List, *Words:
			for i+1 < len(args) && (args[i+1] == "-" || !strings.HasPrefix(args[i+1], "-")) {
				i++
				flags = append(flags, "--"+name, args[i])
			}
		}
	}
	return append(append(flags, "--"), rest...)
}

// Expand lists the files that patterns name, each pattern's in order of name
// and each file once. what is the flag, or the kind of file, that errors speak
// of. Errors: NotFound (a pattern without a match), Invalid (a folder).
func Expand(what string, patterns []string) ([]string, error) {
	var files []string
	for _, p := range patterns {
		found := []string{p}
		if p != "-" && strings.ContainsAny(p, "*?[") {
			matches, err := filepath.Glob(p)
			if err == nil && len(matches) > 0 {
				slices.Sort(matches)
				found = matches
			} else if _, err := os.Stat(p); err != nil {
				return nil, fault.Field(fault.NotFound, what, "no %s matches %s", what, p)
			}
		}
		for _, file := range found {
			if info, err := os.Stat(file); file != "-" && err == nil && info.IsDir() {
				return nil, fault.Field(fault.Invalid, what, "%s is a folder; name its files, as in '%s/*'", file, file)
			}
			if len(found) == 1 || !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	return files, nil
}

// Mapping reads "column=field,...". Errors: Usage.
func Mapping(s string) (map[string]string, error) {
	if s == "" {
		return nil, nil
	}
	m := map[string]string{}
	for pair := range strings.SplitSeq(s, ",") {
		column, field, ok := strings.Cut(pair, "=")
		if !ok || column == "" || field == "" {
			return nil, fault.Field(fault.Usage, "map", "--map: %q; want column=field, as ip=src", pair)
		}
		m[strings.TrimSpace(column)] = strings.TrimSpace(field)
	}
	return m, nil
}

// Networks reads "CIDR,...". Errors: Usage.
func Networks(name, s string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for p := range strings.SplitSeq(s, ",") {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(p)
		if err != nil {
			return nil, fault.Field(fault.Usage, name, "--%s: %q is no network; want one as 10.0.0.0/8", name, p)
		}
		out = append(out, prefix)
	}
	return out, nil
}
