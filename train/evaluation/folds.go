package evaluation

import (
	"cmp"
	"slices"

	"sluice/featurestore/fault"
)

// GroupKFold gives each row a fold 0 … k-1 so that all rows of one group (one
// IP address) are in one fold, folds hold nearly equal numbers of rows, and
// rows labelled True are spread evenly too. The fold of a row depends on its
// group, the groups' sizes and the seed, not on the order of rows. k is at
// least 2; there must be at least k groups.
func GroupKFold(groups []int, labels []bool, k int, seed uint64) ([]int, error) {
	if len(groups) != len(labels) {
		return nil, fault.New(fault.Invalid, "folds: %d groups for %d rows", len(groups), len(labels))
	}
	if k < 2 {
		return nil, fault.Field(fault.Invalid, "folds", "%d folds: want 2 or more", k)
	}
	type group struct {
		id, rows, pos int
		key           uint64
	}
	at := make(map[int]int)
	var all []group
	for i, g := range groups {
		j, ok := at[g]
		if !ok {
			j = len(all)
			at[g] = j
			all = append(all, group{id: g, key: mix(seed ^ mix(uint64(g)))})
		}
		all[j].rows++
		if labels[i] {
			all[j].pos++
		}
	}
	if len(all) < k {
		return nil, fault.Field(fault.Invalid, "folds", "%d addresses can't be spread over %d folds: use fewer folds or more months", len(all), k)
	}
	// Largest first keeps the folds level; the seeded key shuffles the rest.
	slices.SortFunc(all, func(a, b group) int {
		return cmp.Or(cmp.Compare(b.rows, a.rows), cmp.Compare(b.pos, a.pos), cmp.Compare(a.key, b.key), cmp.Compare(a.id, b.id))
	})
	rows, pos := make([]int, k), make([]int, k)
	fold := make(map[int]int, len(all))
	for _, g := range all {
		best := 0
		for f := 1; f < k; f++ {
			var c int
			if g.pos > 0 {
				c = cmp.Or(cmp.Compare(pos[f], pos[best]), cmp.Compare(rows[f], rows[best]))
			} else {
				c = cmp.Or(cmp.Compare(rows[f]-pos[f], rows[best]-pos[best]), cmp.Compare(rows[f], rows[best]))
			}
			if c < 0 {
				best = f
			}
		}
		fold[g.id] = best
		rows[best] += g.rows
		pos[best] += g.pos
	}
	out := make([]int, len(groups))
	for i, g := range groups {
		out[i] = fold[g]
	}
	return out, nil
}

// mix is the finaliser of SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, "Fast
// splittable pseudorandom number generators", OOPSLA 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
