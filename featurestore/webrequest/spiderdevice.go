package webrequest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"sync"

	"github.com/ua-parser/uap-go/uaparser"
	"go.yaml.in/yaml/v3"

	"sluice/featurestore/fault"
)

// SpiderRules says which rules, beside the text of the agent (IsSpider), make
// an agent a spider. spider_ratio differs between them.
type SpiderRules string

const (
	// SpiderSeven adds the rules of ua-parser that answer Spider, without the
	// rules of named devices that stand before them: a superset of SpiderFull
	// (a few browsers and phones more), many times faster. The default.
	SpiderSeven SpiderRules = "regex+seven"
	// SpiderFull adds all of ua-parser's device rules in their order.
	SpiderFull SpiderRules = "full"
	// SpiderRegex adds nothing.
	SpiderRegex SpiderRules = "regex"
)

const (
	spiderFamily = "Spider"

	// maxAgentUnits is the longest agent, in UTF-16 units, that is given to
	// ua-parser.
	maxAgentUnits = 400
)

// SpiderDevices are ua-parser's device rules as far as one choice of
// SpiderRules needs them. Safe for concurrent use; the zero value knows no
// spider.
type SpiderDevices struct {
	seven []spiderRule
	full  *uaparser.Parser
}

// spiderRule is a rule of ua-parser's and what an agent needs to match it.
type spiderRule struct {
	re    *regexp.Regexp
	needs needs
}

// definitions are ua-parser's own, as its module embeds them, reduced to the
// device rules.
var definitions = sync.OnceValues(func() (uaparser.RegexDefinitions, error) {
	var d uaparser.RegexDefinitions
	if err := yaml.Unmarshal(uaparser.DefinitionYaml, &d); err != nil {
		return d, fault.New(fault.Corrupt, "ua-parser's embedded rules: %w", err)
	}
	d.UA, d.OS = nil, nil
	return d, nil
})

var sevenDevices = sync.OnceValues(func() (*SpiderDevices, error) {
	d, err := definitions()
	if err != nil {
		return nil, err
	}
	s := &SpiderDevices{}
	for _, rule := range d.Device {
		if rule.DeviceReplacement != spiderFamily {
			continue
		}
		expr := rule.Expr
		if rule.Flags != "" {
			expr = "(?" + rule.Flags + ")" + expr
		}
		re, err := regexp.Compile(expr)
		if err != nil {
			return nil, fault.New(fault.Corrupt, "ua-parser's embedded rules: %w", err)
		}
		n, err := needsOf(expr)
		if err != nil {
			return nil, fault.New(fault.Corrupt, "ua-parser's embedded rules: %w", err)
		}
		s.seven = append(s.seven, spiderRule{re, n})
	}
	if len(s.seven) == 0 {
		return nil, fault.New(fault.Corrupt, "ua-parser's embedded rules: no device rule answers %s", spiderFamily)
	}
	return s, nil
})

var fullDevices = sync.OnceValues(func() (*SpiderDevices, error) {
	d, err := definitions()
	if err != nil {
		return nil, err
	}
	p, err := uaparser.New(uaparser.WithMode(uaparser.EDeviceLookUpMode), uaparser.WithRegexDefinitions(d))
	if err != nil {
		return nil, fault.New(fault.Corrupt, "ua-parser's embedded rules: %w", err)
	}
	return &SpiderDevices{full: p}, nil
})

// NewSpiderDevices compiles the rules once per process; later calls are free.
func NewSpiderDevices(rules SpiderRules) (*SpiderDevices, error) {
	switch rules {
	case SpiderSeven:
		return sevenDevices()
	case SpiderFull:
		return fullDevices()
	case SpiderRegex:
		return &SpiderDevices{}, nil
	}
	return nil, fault.Field(fault.Invalid, "spider", "spider: %q is not one of %s, %s, %s",
		rules, SpiderSeven, SpiderFull, SpiderRegex)
}

// IsSpiderDevice reports whether ua-parser's device family of a user agent is
// Spider. An agent of more than 400 UTF-16 units has no family. It costs some
// microseconds for most agents, some hundred for those that have a word of a
// crawler's, and up to milliseconds for SpiderFull; a Deriver keeps the
// answers.
func (d *SpiderDevices) IsSpiderDevice(userAgent string) bool {
	if d.seven == nil && d.full == nil || longerThan(userAgent, maxAgentUnits) {
		return false
	}
	ascii := isASCII(userAgent)
	for i := range d.seven {
		rule := &d.seven[i]
		if (!ascii || rule.needs.in(userAgent)) && rule.re.MatchString(userAgent) {
			return true
		}
	}
	return d.full != nil && d.full.ParseDevice(userAgent).Family == spiderFamily
}

// AgentType is the agent_type of a user agent: "spider" or "user".
func (d *SpiderDevices) AgentType(userAgent string) string {
	if IsSpider(userAgent) || d.IsSpiderDevice(userAgent) {
		return AgentSpider
	}
	return AgentUser
}

// SpiderDefinitions names the version of ua-parser's rules this program holds,
// to be recorded with a data set: a digest, as Wikimedia's own version is not
// known and can be changed at run time.
var SpiderDefinitions = sync.OnceValue(func() string {
	sum := sha256.Sum256(uaparser.DefinitionYaml)
	return fmt.Sprintf("uap-core sha256:%s", hex.EncodeToString(sum[:6]))
})
