package reputation

import (
	"fmt"
	"time"

	"sluice/featurestore/fault"
)

// Definition says what makes an address "reported". AbuseIPDB has no field of
// that name; these are the readings that its data allow.
type Definition uint8

// The definitions. The zero value lets the shape of the exports decide: check
// answers give L2, lists give L5.
const (
	ByShape Definition = iota
	L1                 // totalReports > 0 within 30 days
	L2                 // totalReports > 0 within 90 days
	L3                 // totalReports > 0 within 365 days
	L4                 // abuseConfidenceScore at or above Options.MinScore
	L5                 // on a blacklist of the month
	L6                 // ever reported or listed, up to the month's cut-off
	mixed              // L2 where an address was checked, L5 elsewhere
)

var definitionNames = [...]string{"by shape", "L1", "L2", "L3", "L4", "L5", "L6", "L2+L5"}

// String is "L1" to "L6", "L2+L5" for mixed exports, or "by shape".
func (d Definition) String() string {
	if int(d) < len(definitionNames) {
		return definitionNames[d]
	}
	return fmt.Sprintf("Definition(%d)", uint8(d))
}

// ParseDefinition reads "L1" to "L6"; "" is ByShape.
func ParseDefinition(s string) (Definition, error) {
	if s == "" {
		return ByShape, nil
	}
	for d := L1; d <= L6; d++ {
		if s == definitionNames[d] {
			return d, nil
		}
	}
	return ByShape, fault.New(fault.Invalid, "label definition %q: want one of L1 to L6, or none to let the exports' shape decide", s)
}

// window is the age up to which a report counts; 0 where age plays no part.
func (d Definition) window() time.Duration {
	const day = 24 * time.Hour
	switch d {
	case L1:
		return 30 * day
	case L2, mixed:
		return 90 * day
	case L3:
		return 365 * day
	}
	return 0
}

func (d Definition) sentence(minScore int) string {
	switch d {
	case L1, L2, L3:
		return fmt.Sprintf("reported: AbuseIPDB counts at least one report within %d days (totalReports > 0)", d.window()/(24*time.Hour))
	case L4:
		return fmt.Sprintf("reported: AbuseIPDB's abuseConfidenceScore is at least %d", minScore)
	case L5:
		return "reported: the address is on an AbuseIPDB blacklist of the month"
	case L6:
		return "reported: AbuseIPDB reported or listed the address at any time up to the month's cut-off"
	case mixed:
		return "reported: totalReports > 0 within 90 days where the address was checked, else on a blacklist of the month"
	}
	return "reported: decided by the exports' shape"
}
