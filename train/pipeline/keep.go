package pipeline

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"sluice/featurestore"
	"sluice/featurestore/reputation"
	"sluice/featurestore/row"
)

// labelKeeper labels a month by the exports given, where they speak of it, and
// else as it was labelled before, so that merging a month again for another
// reason than its labels does not lose them. Addresses that are new to such a
// month are unknown until it is labelled again.
type labelKeeper struct {
	store *featurestore.Store
	given featurestore.Labeler // nil where no exports were given
	has   func(row.Month) bool
	was   string // definition of the labels in the store

	mu   sync.Mutex
	kept map[row.Month]map[netip.Addr]row.Label
	used map[row.Month]bool
}

// keepLabels wraps given, which may be nil; the outcome is nil where there is
// nothing to keep and nothing given.
func keepLabels(st *featurestore.Store, given featurestore.Labeler, lists *reputation.Set) (featurestore.Labeler, *labelKeeper) {
	k := &labelKeeper{store: st, given: given, kept: map[row.Month]map[netip.Addr]row.Label{}, used: map[row.Month]bool{}}
	k.has = func(m row.Month) bool { return given != nil && lists.Has(m) }
	var definitions []string
	for _, m := range st.Manifest().Months {
		if d := m.Labels.Definition; d != "" {
			definitions = append(definitions, d)
		}
	}
	slices.Sort(definitions)
	k.was = strings.Join(slices.Compact(definitions), ", ")
	switch {
	case k.was == "":
		return given, nil // as it always was
	case given == nil:
		return k, k
	}
	if e, ok := given.(featurestore.Enricher); ok {
		return enrichingKeeper{k, e}, k
	}
	return k, k
}

// Label is the label of ip in month m.
func (k *labelKeeper) Label(ip netip.Addr, m row.Month) row.Label {
	if k.has(m) {
		return k.given.Label(ip, m)
	}
	return k.month(m)[ip]
}

func (k *labelKeeper) month(m row.Month) map[netip.Addr]row.Label {
	k.mu.Lock()
	defer k.mu.Unlock()
	labels, ok := k.kept[m]
	if !ok {
		labels = map[netip.Addr]row.Label{}
		// A month that is not there yet has no labels to keep.
		_ = k.store.ScanMonth(m, false, func(r *row.Row) error {
			if r.Label != row.Unknown {
				labels[r.IP] = r.Label
			}
			return nil
		})
		k.kept[m] = labels
		k.used[m] = len(labels) > 0
	}
	return labels
}

// Definition is that of the exports given, or else of the labels kept.
func (k *labelKeeper) Definition() string {
	if k.given != nil {
		return k.given.Definition()
	}
	return k.was
}

// warn tells which months kept their labels.
func (k *labelKeeper) warn(sink Sink) {
	if k == nil {
		return
	}
	var months []row.Month
	for m, used := range k.used {
		if used {
			months = append(months, m)
		}
	}
	if len(months) == 0 {
		return
	}
	slices.Sort(months)
	sink(Event{Warning: &WarningEvent{Message: fmt.Sprintf("%s kept the labels it had; addresses new to it are unknown until it is labelled again with --labels", monthSpan(months))}})
}

// enrichingKeeper also gives the exports' further columns.
type enrichingKeeper struct {
	*labelKeeper
	featurestore.Enricher
}

// Label is the keeper's.
func (k enrichingKeeper) Label(ip netip.Addr, m row.Month) row.Label {
	return k.labelKeeper.Label(ip, m)
}

// Definition is the keeper's.
func (k enrichingKeeper) Definition() string { return k.labelKeeper.Definition() }

// delayed records the delay of labels beside what they mean, so that a report
// can say it of labels that another run gave.
type delayed struct {
	featurestore.Labeler
	days int
}

// Definition is the Labeler's with the delay: "L5 +30d".
func (d delayed) Definition() string { return fmt.Sprintf("%s +%dd", d.Labeler.Definition(), d.days) }

// delayedEnricher is delayed for a Labeler with further columns.
type delayedEnricher struct {
	featurestore.Enricher
	days int
}

// Definition is the Labeler's with the delay.
func (d delayedEnricher) Definition() string {
	return fmt.Sprintf("%s +%dd", d.Enricher.Definition(), d.days)
}

func withDelay(l featurestore.Labeler, delay time.Duration) featurestore.Labeler {
	days := int(delay / (24 * time.Hour))
	if l == nil || days == 0 {
		return l
	}
	if e, ok := l.(featurestore.Enricher); ok {
		return delayedEnricher{e, days}
	}
	return delayed{l, days}
}

// delayOf reads the delay back from a definition.
func delayOf(definition string) (days int) {
	if _, s, ok := strings.Cut(definition, " +"); ok {
		_, _ = fmt.Sscanf(s, "%dd", &days)
	}
	return days
}
