package study

import (
	"fmt"
	"strings"

	"sluice/notebooks-port/internal/page"
	"sluice/notebooks-port/internal/words"
)

// Simulation is the line that stands first in every report on simulated
// months.
const Simulation = "**All figures are of simulated months.** They show what the program answers, not what a site's traffic is."

// Banner warns of simulated months and of what the logs lack.
func (a About) Banner() []page.Block {
	var out []page.Block
	if a.Simulated {
		out = append(out, page.Callout{Tone: "note", Text: Simulation})
	}
	for _, n := range a.Notes {
		out = append(out, page.Callout{Tone: "note", Text: n})
	}
	return out
}

// Subtitle says what was read.
func (a About) Subtitle() string {
	if a.Requests == 0 {
		return "no requests"
	}
	return fmt.Sprintf("%s requests in %s, %s to %s (%s)", words.Count(a.Requests), words.Plural(int64(len(a.Files)), "log", "logs"), a.First[:10], a.Last[:10], a.Zone)
}

// Section says how the logs were read.
func (a About) Section(more ...string) page.Section {
	l := page.List{
		fmt.Sprintf("**Logs**: %s, read as %s's. Lines that are no request: %s.", words.Plural(int64(len(a.Files)), "file", "files"), profileWord(a.Profile), rejectedText(a.Rejected)),
		fmt.Sprintf("**Requests that count**: %s.", a.Filter),
		"**Addresses** are masked unless asked for; #1, #2 tell masked ones apart.",
	}
	return page.Section{ID: "method", Title: "How this was found", Blocks: []page.Block{append(l, more...)}}
}

func profileWord(p string) string {
	if p == "wikimedia" {
		return "Wikimedia"
	}
	return "a site"
}

func rejectedText(rs []Reject) string {
	if len(rs) == 0 {
		return "none"
	}
	var parts []string
	for _, r := range rs {
		parts = append(parts, words.Count(r.Lines)+" "+strings.ReplaceAll(r.Reason, "_", " "))
	}
	return strings.Join(parts, ", ")
}
