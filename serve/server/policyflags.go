package server

import (
	"flag"
	"net"
	"strconv"
	"strings"

	"sluice/serve/policy"
)

// policyFlags declares what people say beside the model.
func (o *settings) policyFlags(fs *flag.FlagSet) {
	fs.StringVar(&o.config.Policy.Overrides, "allowlist", "", "`FILE` of overrides, lines of PREFIX allow|flag|abstain UNTIL AUTHOR REASON; a changed line counts at the next look, without a restart")
	fs.Var(&namedFiles{&o.config.Policy.Crawlers}, "crawlers", "`NAME=FILE`s, behind commas, of the ranges that crawlers publish; addresses in them are not abusive unless an override says so")
	fs.Var(&namedFiles{&o.config.Policy.Shared}, "shared", "`NAME=FILE`s, behind commas, of prefixes behind which many stand; answers name them")
	fs.StringVar(&o.config.Appeal, "appeal", "", "how to ask for another decision, as `TEXT`: an address or URL; stands in the answer for each listed address")
	fs.Var(&dnsFlag{&o.config.Resolver}, "crawler-dns", "where a caller gives a user agent that names a crawler, verify it by forward-confirmed reverse DNS too; asks the system's resolver about the address")
}

// namedFiles are NAME=FILE, more of them behind commas or in further flags.
type namedFiles struct{ to *[]policy.NamedFile }

func (n *namedFiles) String() string {
	if n.to == nil {
		return "" // the flag package asks a zero value
	}
	var out []string
	for _, f := range *n.to {
		out = append(out, f.Name+"="+f.Path)
	}
	return strings.Join(out, ",")
}

// Set adds files; nothing is none.
func (n *namedFiles) Set(s string) error {
	if s == "" {
		return nil
	}
	for part := range strings.SplitSeq(s, ",") {
		f, err := policy.ParseNamedFile(part)
		if err != nil {
			return err
		}
		*n.to = append(*n.to, f)
	}
	return nil
}

// dnsFlag chooses the system's resolver.
type dnsFlag struct{ to *policy.Resolver }

func (d *dnsFlag) String() string   { return strconv.FormatBool(d.to != nil && *d.to != nil) }
func (d *dnsFlag) IsBoolFlag() bool { return true }

func (d *dnsFlag) Set(s string) error {
	on, err := strconv.ParseBool(s)
	*d.to = nil
	if on {
		*d.to = net.DefaultResolver
	}
	return err
}
