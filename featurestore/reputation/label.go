package reputation

import (
	"net/netip"

	"sluice/featurestore/row"
)

// Reason says why a label is what it is.
type Reason string

// The reasons.
const (
	ReasonReported    Reason = "reported"
	ReasonNotReported Reason = "checked and not reported"
	ReasonListed      Reason = "listed"
	ReasonNotListed   Reason = "not listed"
	ReasonNoExport    Reason = "no export for the month"
	ReasonNotPublic   Reason = "not a public address"
	ReasonWhitelisted Reason = "whitelisted by AbuseIPDB"
	ReasonNotChecked  Reason = "not checked"
	ReasonError       Reason = "AbuseIPDB answered with an error"
	ReasonNoIPv6      Reason = "IPv6 address, and the list has no IPv6 at all"
	ReasonOtherWindow Reason = "the answer does not tell for the window asked"
)

// Label is the value of abuseipdb_isReported of ip for month m.
func (s *Set) Label(ip netip.Addr, m row.Month) row.Label {
	l, _ := s.Explain(ip, m)
	return l
}

// Explain is Label with its reason. Lists name only whom they list, so an
// address that is absent is False, unless it could not have been listed.
func (s *Set) Explain(ip netip.Addr, m row.Month) (row.Label, Reason) {
	ip = ip.Unmap()
	if !ip.IsValid() || !Public(ip) {
		return row.Unknown, ReasonNotPublic
	}
	if !s.Has(m) {
		return row.Unknown, ReasonNoExport
	}
	switch s.def {
	case L1, L2, L3:
		return s.byAnswer(ip, m)
	case L4, mixed:
		if len(s.answersFor(ip, m)) > 0 {
			return s.byAnswer(ip, m)
		}
		if len(s.pages[m]) == 0 {
			return row.Unknown, ReasonNotChecked
		}
		return s.byList(ip, m)
	case L6:
		return s.ever(ip, m)
	}
	return s.byList(ip, m)
}

func (s *Set) byAnswer(ip netip.Addr, m row.Month) (row.Label, Reason) {
	as := s.answersFor(ip, m)
	if len(as) == 0 {
		return row.Unknown, ReasonNotChecked
	}
	a := &as[0]
	if r := a.refusal(); r != "" {
		return row.Unknown, r
	}
	var l row.Label
	if s.def == L4 {
		l = row.False
		if a.Score >= s.o.MinScore {
			l = row.True
		}
		if a.FetchedAt.After(s.o.cutoff(m)) {
			l = row.Unknown // the score is of a later date
		}
	} else {
		l = a.reportedWithin(s.def.window(), s.o.cutoff(m))
	}
	switch l {
	case row.True:
		return l, ReasonReported
	case row.False:
		return l, ReasonNotReported
	}
	return l, ReasonOtherWindow
}

// refusal is why an answer gives no verdict whatever it counts, or "".
func (a *Answer) refusal() Reason {
	switch {
	case a.Error != "":
		return ReasonError
	case !a.IsPublic:
		return ReasonNotPublic
	case a.IsWhitelisted:
		return ReasonWhitelisted
	}
	return ""
}

func (s *Set) byList(ip netip.Addr, m row.Month) (row.Label, Reason) {
	hasV6 := false
	for _, p := range s.pages[m] {
		mask, score := p.find(ip)
		if mask != 0 && (s.def != L4 || int(score) >= s.o.MinScore) {
			return row.True, ReasonListed
		}
		hasV6 = hasV6 || len(p.v6) > 0
	}
	switch {
	case len(s.pages[m]) == 0:
		return row.Unknown, ReasonNoExport
	case ip.Is6() && !hasV6:
		return row.Unknown, ReasonNoIPv6
	}
	return row.False, ReasonNotListed
}

// ever looks through every month up to m.
func (s *Set) ever(ip netip.Addr, m row.Month) (row.Label, Reason) {
	cutoff := s.o.cutoff(m)
	l, why := row.Unknown, ReasonNotChecked
	for _, month := range s.months {
		if month > m {
			break
		}
		for i, a := range s.answersFor(ip, month) {
			if r := a.refusal(); r != "" {
				if l == row.Unknown {
					why = r
				}
				if i == 0 && a.IsWhitelisted && month == m {
					return row.Unknown, r
				}
				continue
			}
			if a.FetchedAt.After(cutoff) {
				continue
			}
			if a.TotalReports > 0 || !a.LastReportedAt.IsZero() {
				return row.True, ReasonReported
			}
			l, why = row.False, ReasonNotReported
		}
		if len(s.pages[month]) == 0 {
			continue
		}
		switch label, r := s.byList(ip, month); {
		case label == row.True:
			return label, r
		case label == row.False && l != row.False:
			l, why = label, r
		case l == row.Unknown:
			why = r
		}
	}
	return l, why
}
