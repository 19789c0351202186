package webrequest

import (
	"regexp"
	"slices"
	"strings"

	"sluice/featurestore/fault"
)

// SpiderPatterns are the rules behind agent_type for engines that can't call
// them, as java.util.regex patterns that are searched for in an agent: text is
// what IsSpider knows, "-" aside, and devices are ua-parser's, to be asked
// about agents of at most 400 UTF-16 units. SpiderFull depends on the order of
// hundreds of rules and is refused. Errors: Unsupported, Invalid.
func SpiderPatterns(rules SpiderRules) (text string, devices []string, err error) {
	if rules == SpiderFull {
		return "", nil, fault.Field(fault.Unsupported, "spider", "spider: the rules %s can't be written as a query; use %s or %s", SpiderFull, SpiderSeven, SpiderRegex)
	}
	d, err := NewSpiderDevices(rules)
	if err != nil {
		return "", nil, err
	}
	for _, r := range d.seven {
		devices = append(devices, r.re.String())
	}
	// Without a flag a dot is no line break, and $ stands before a final one.
	text = `(?i)^(?:.*(?:` + spiderWords.pattern() + `).*|(?:` + spiderPrefixes.pattern() + `|tools.wmflabs.org).*|\S[^\s@]*@\S+\.[a-z]{2}.*)$`
	return text, devices, nil
}

// pattern is one of the words, as an alternation.
func (w *words) pattern() string {
	var all []string
	for _, list := range w {
		for _, s := range list {
			all = append(all, regexp.QuoteMeta(s))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "|")
}
