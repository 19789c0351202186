package serverlogs

import (
	"fmt"
	"strings"

	"sluice/notebooks-port/internal/injection"
	"sluice/notebooks-port/internal/words"
)

// The states of triage.
const (
	stateIgnore = "ignore"
	stateWatch  = "watch"
	stateAct    = "act"
)

// manyAttempts is how many attempts from one address call for a limit even if
// none succeeded, and fastMinute how many requests in a minute.
const (
	manyAttempts = 100
	fastMinute   = 120
)

// triage says of each kind of attempt and of each dossier what to do with it,
// and why. An answer of 200 is no breach: what counts is whether it differs
// from what the page usually says, whether the payload could take effect, and
// how many requests there are.
func (d *data) triage(r *Result, t *totals, x *details) {
	a := &r.Attacks
	a.Findings = []Finding{}
	for i := range a.Classes {
		a.Findings = append(a.Findings, classFinding(&a.Classes[i], r))
	}
	for i := range a.Dossiers {
		s := &a.Dossiers[i]
		counts := map[string]int64{}
		for _, rec := range x.stories[s.addr] {
			if d.classes[rec.target] != 0 && rec.status >= 200 && rec.status < 300 && d.classes[rec.target]&^injection.APIDocs != 0 {
				counts[d.outcomes[rec.target]]++
			}
		}
		tot := &t.addrs[s.addr]
		switch {
		case counts[outcomeLikely] > 0:
			s.State = stateAct
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s like a success", words.Plural(counts[outcomeLikely], "answer looks", "answers look")))
		case s.Attempts >= manyAttempts:
			s.State = stateAct
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s attempts: worth a block, though none succeeded by what the log shows", words.Count(s.Attempts)))
		case tot.getFail >= neverOK && tot.getOK == 0:
			s.State = stateAct
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s GET requests failed and none succeeded", words.Count(tot.getFail)))
		case counts[outcomeDiffers]+counts[outcomeUnknown] > 0:
			s.State = stateWatch
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s unlike the page's usual one: look at the page", words.Plural(counts[outcomeDiffers]+counts[outcomeUnknown], "answer", "answers")))
		case len(s.Phases) > 1 && tot.classes&injection.Attacks != 0 && s.Phases[0].Name == "looking around":
			s.State = stateWatch
			s.Reasons = append(s.Reasons, "looked around first and attacked then: somebody, not only a script")
		default:
			s.State = stateIgnore
		}
		if n := counts[outcomeUsual]; n > 0 {
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s of 2xx as the page usually answers: not a breach", words.Plural(n, "answer", "answers")))
		}
		if s.State == stateIgnore || len(s.Reasons) == 0 {
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s, %s at most in a minute: too little to be a load", words.Plural(s.Attempts, "attempt", "attempts"), words.Plural(s.Peak, "request", "requests")))
		}
		if s.Peak >= fastMinute && s.State != stateAct {
			s.State = stateAct
			s.Reasons = append(s.Reasons, fmt.Sprintf("%s requests in one minute: limit its rate", words.Count(s.Peak)))
		}
	}
}

func classFinding(c *ClassRow, r *Result) Finding {
	f := Finding{Title: c.Name, Rate: fmt.Sprintf("%s from %s", words.Plural(c.Requests, "request", "requests"), words.Plural(c.Addresses, "address", "addresses")), Evidence: []string{}}
	for _, row := range r.Attacks.Answered {
		if strings.Contains("+"+row.Class+"+", "+"+c.Class+"+") && len(f.Evidence) < 5 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s: %s (%s)", words.Clip(row.Target, 100), row.Outcome, row.Why))
		}
	}
	days := max(len(r.Days), 1)
	perDay := float64(c.Requests) / float64(days)
	switch {
	case c.Answered == 0:
		f.Impact = "none seen: no attempt was answered with 2xx"
	case c.Likely > 0:
		f.Impact = fmt.Sprintf("possible: %s like a success", words.Plural(c.Likely, "answer looks", "answers look"))
	case c.Class == "apidocs":
		f.Impact = fmt.Sprintf("the description of the API was served %s", words.Plural(c.Answered, "time", "times"))
	case c.Differs > 0:
		f.Impact = fmt.Sprintf("unclear: %s of 2xx not like the page's usual one", words.Plural(c.Differs, "answer", "answers"))
	default:
		f.Impact = fmt.Sprintf("none seen: what was answered with 2xx (%s) was as the page usually is", words.Count(c.Answered))
	}
	switch c.Class {
	case "sqli":
		f.Plausible = "depends on whether the endpoint asks a database at all: where it does not, the payload means nothing"
		f.Repudiated = "no database stands behind the endpoints named, or all their queries bind parameters"
	case "xss":
		f.Plausible = "depends on whether the page repeats the parameter: an API that answers JSON does not"
		f.Repudiated = "no page repeats the parameter, or it is encoded"
	case "traversal":
		f.Plausible = "depends on whether a file is opened by a name from the request"
		f.Repudiated = "no endpoint opens files by name"
	case "command", "code":
		f.Plausible = "low unless the product named by the payload runs here"
		f.Repudiated = "the interpreter or product is not in use"
	case "secrets":
		f.Plausible = "a file answered with content of its own is a leak; an error or the site's usual page is none"
		f.Repudiated = "the paths do not exist"
	case "scanner":
		f.Plausible = "none by itself"
		f.Repudiated = "the product is not installed, or is patched"
	case "apidocs":
		f.Plausible = "certain where it answers; harmful if the API is not meant for the public"
		f.Repudiated = "the API and its documentation are public on purpose"
	}
	switch {
	case c.Likely > 0:
		f.State = stateAct
		f.Reasons = []string{"an answer looks like a success: check it first"}
	case c.Class == "apidocs" && c.Answered > 0:
		f.State = stateWatch
		f.Reasons = []string{"documentation is open to anybody"}
	case c.Class != "scanner" && c.Differs > 0:
		f.State = stateWatch
		f.Reasons = []string{"an answer differs from the page's usual one: look whether the payload had an effect"}
	case perDay >= 1000:
		f.State = stateAct
		f.Reasons = []string{fmt.Sprintf("%s requests a day are a load of their own", words.Count(perDay))}
	default:
		f.State = stateIgnore
		f.Reasons = []string{f.Impact, fmt.Sprintf("%.1f requests a day: no denial of service", perDay)}
	}
	return f
}
