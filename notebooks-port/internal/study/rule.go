package study

import (
	"strconv"
	"strings"

	"sluice/models/rules"
)

// RuleText is a rule for people, its thresholds with one decimal at most.
func RuleText(r rules.Rule) string {
	if r.Abstains {
		return "abstains: no pair of thresholds held the target on the training months"
	}
	side := func(c rules.Condition) string {
		return c.Column + " " + string(c.Op) + " " + strings.TrimSuffix(strconv.FormatFloat(c.Threshold, 'f', 1, 64), ".0")
	}
	return side(r.RequestCount) + " " + string(r.Combine) + " " + side(r.ResponseSizeMean)
}
