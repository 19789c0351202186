package attack

import (
	"math"
	"slices"
	"time"

	"sluice/featurestore/row"
)

// Timeline counts requests per minute. The zero value is empty; it is for one
// goroutine, and several merge exactly.
type Timeline struct {
	first  int64 // minute of counts[0], since 1970
	counts []uint32
}

// maxMinutes bounds a timeline: some thirty years.
const maxMinutes = 16 << 20

// Add counts a request of an instant, in Unix seconds. What lies more than
// thirty years from the first request is left out.
func (t *Timeline) Add(unix int64) {
	if i := t.reach(unix / 60); i >= 0 && t.counts[i] != math.MaxUint32 {
		t.counts[i]++
	}
}

// reach gives the place of a minute, making room for it; -1 where it is too far.
func (t *Timeline) reach(minute int64) int64 {
	const spare = 1440
	switch {
	case len(t.counts) == 0:
		t.first, t.counts = minute, make([]uint32, 1, spare)
	case minute < t.first:
		more := t.first - minute
		if more+int64(len(t.counts)) > maxMinutes {
			return -1
		}
		more = min(more+spare, maxMinutes-int64(len(t.counts)))
		t.counts = append(make([]uint32, more, more+int64(len(t.counts))), t.counts...)
		t.first -= more
	case minute-t.first >= maxMinutes:
		return -1
	}
	i := minute - t.first
	if n := i + 1 - int64(len(t.counts)); n > 0 {
		t.counts = append(t.counts, make([]uint32, n)...)
	}
	return i
}

// Merge adds o's requests.
func (t *Timeline) Merge(o *Timeline) {
	for i, n := range o.counts {
		if n == 0 {
			continue
		}
		if at := t.reach(o.first + int64(i)); at >= 0 {
			t.counts[at] = uint32(min(uint64(t.counts[at])+uint64(n), math.MaxUint32))
		}
	}
}

// trimmed are the counts from the first to the last minute with a request.
func (t *Timeline) trimmed() (first int64, counts []uint32) {
	from, to := 0, len(t.counts)
	for from < to && t.counts[from] == 0 {
		from++
	}
	for to > from && t.counts[to-1] == 0 {
		to--
	}
	return t.first + int64(from), t.counts[from:to]
}

// Hours are the requests of each hour that has any, ascending.
func (t *Timeline) Hours() []row.HourCount {
	var out []row.HourCount
	for i, n := range t.counts {
		if n == 0 {
			continue
		}
		if h := (t.first + int64(i)) / 60; len(out) == 0 || out[len(out)-1].Hour != h {
			out = append(out, row.HourCount{Hour: h})
		}
		out[len(out)-1].Requests += int64(n)
	}
	return out
}

// DetectOptions say what counts as an attack. The zero value takes the defaults
// named.
type DetectOptions struct {
	// Threshold is the robust z-score above which the traffic of five minutes is
	// unusual; default 8. Iglewicz and Hoaglin's 3.5 is for one sample looked at;
	// a month has nine thousand.
	Threshold float64
	// Ratio is how many times the usual traffic it must be besides; default 3.
	Ratio float64
	// MinLength is the least length of an attack; default ten minutes.
	MinLength time.Duration
	// Join is the lull up to which two attacks are one; default thirty minutes.
	Join time.Duration
	// MinRequests is the least number of requests above the usual; default 100.
	MinRequests float64
}

func (o DetectOptions) withDefaults() DetectOptions {
	if o.Threshold <= 0 {
		o.Threshold = 8
	}
	if o.Ratio <= 0 {
		o.Ratio = 3
	}
	if o.MinLength <= 0 {
		o.MinLength = 10 * time.Minute
	}
	if o.Join <= 0 {
		o.Join = 30 * time.Minute
	}
	if o.MinRequests <= 0 {
		o.MinRequests = 100
	}
	return o
}

// Detected is an attack that the traffic shows.
type Detected struct {
	Window
	Requests int64   `json:"requests"` // cache-busting requests inside
	Usual    float64 `json:"usual"`    // what the baseline expects inside
	Peak     int64   `json:"peak_per_minute"`
	Score    float64 `json:"score"` // highest robust z-score of five minutes
}

// rollMinutes is the span over which traffic is averaged before it is judged: a
// single busy minute is no attack.
const rollMinutes = 5

// Detect finds the attacks of a timeline.
//
// A minute's usual traffic is the median, over the whole log, of the minutes of
// the same hour of the week, and its scatter 1.4826 times their median absolute
// deviation (the modified z-score of B. Iglewicz, D. C. Hoaglin, How to Detect
// and Handle Outliers, 1993), at least that of a Poisson count whose variance is
// as many times its mean as five minutes scatter within an hour. Both stand
// though a quarter or a third of those minutes are under attack, which a mean
// would not, and the daily and weekly rhythm is in them, so a busy afternoon is
// no attack while the same traffic at night is. Logs of under three weeks are
// compared by hour of the day, under three days as a whole. Days without any
// request don't count, unless most are.
//
// Five minutes whose mean lies Threshold scatters above, and Ratio times the
// usual, are unusual; neighbours within Join are one attack. Its first and last
// minute are then those between which the likelihood of a Poisson count at an
// unusual rate exceeds that at the usual one the most (the cumulative sum of E. S.
// Page, Continuous Inspection Schemes, 1954, in one pass). What is usual there is
// taken from the hours on either side, so that an attack is followed down to
// where it swells up and ebbs away. Where it does so below the traffic around it
// the counts don't show it, and Participants.Refine takes over.
//
// Detected windows never overlap, may run over a month's end (New gives a window
// to the month in which it starts), and are named after their start, so that a
// longer log leaves the names of earlier ones alone.
func (t *Timeline) Detect(o DetectOptions) []Detected {
	o = o.withDefaults()
	first, counts := t.trimmed()
	n := len(counts)
	if n == 0 {
		return nil
	}
	usual, scatter := baseline(first, counts)
	clumps := dispersion(first, counts)

	// Minutes that lie in an unusual five minutes, with the highest score.
	score := make([]float64, n)
	sum := 0.0
	for i := range n {
		sum += float64(counts[i])
		if i >= rollMinutes {
			sum -= float64(counts[i-rollMinutes])
		}
		mid := max(0, i-rollMinutes/2)
		mean := sum / float64(min(i+1, rollMinutes))
		// The mean of five counts scatters less than one by √5 where they are
		// independent; what MAD sees of the hour's own ups and downs stays.
		s := max(math.Sqrt(clumps*max(usual[mid], 1)/rollMinutes), scatter[mid])
		if z := (mean - usual[mid]) / s; z >= o.Threshold && mean >= o.Ratio*max(usual[mid], 1/float64(rollMinutes)) {
			score[mid] = z
		}
	}
	join, least := int(o.Join/time.Minute), int(o.MinLength/time.Minute)
	var out []Detected
	for i := 0; i < n; i++ {
		if score[i] == 0 {
			continue
		}
		from, to, best := i, i+1, 0.0
		for j := i; j < n && j < to+join; j++ {
			if score[j] > 0 {
				to, best = j+1, max(best, score[j])
			}
		}
		i = to + join - 1
		from, to = edges(counts, usual, clumps, from, to)
		if len(out) > 0 {
			from = max(from, int((out[len(out)-1].End-first*60)/60))
		}
		if to-from < least {
			continue
		}
		d := Detected{Score: best}
		d.count(counts[from:to], usual[from:to])
		if float64(d.Requests)-d.Usual < o.MinRequests {
			continue
		}
		d.Start, d.End = (first+int64(from))*60, (first+int64(to))*60
		d.ID = detectedID(d.Start)
		out = append(out, d)
	}
	return out
}

// count sums the minutes of a window.
func (d *Detected) count(counts []uint32, usual []float64) {
	d.Requests, d.Usual, d.Peak = 0, 0, 0
	for j, c := range counts {
		d.Requests += int64(c)
		d.Usual += usual[j]
		d.Peak = max(d.Peak, int64(c))
	}
}

// measure counts windows of whole minutes anew.
func (t *Timeline) measure(found []Detected) {
	first, counts := t.trimmed()
	usual, _ := baseline(first, counts)
	for i := range found {
		d := &found[i]
		from := min(max(d.Start/60-first, 0), int64(len(counts)))
		to := min(max(d.End/60-first, from), int64(len(counts)))
		d.count(counts[from:to], usual[from:to])
	}
}

// edges moves the ends of a run to the segment, at most an hour beyond it, whose
// minutes a Poisson count at an unusual rate explains best: one that lies a few
// scatters above what is usual there and then, so that an attack is followed
// down to where it swells up and ebbs away.
func edges(counts []uint32, usual []float64, clumps float64, from, to int) (int, int) {
	const beyond, raised = 60, 3.0
	lo, hi := max(0, from-beyond), min(len(counts), to+beyond)
	mid := (from + to) / 2
	// What is usual just before, and just after, where the hour's median over
	// weeks says less than the same day.
	before := local(counts, usual, lo-beyond, lo, from)
	after := local(counts, usual, hi, hi+beyond, to-1)
	best, sum, start := 0.0, 0.0, lo
	a, b := from, to
	for i := lo; i < hi; i++ {
		u := before
		if i >= mid {
			u = after
		}
		u = max(u, usual[i]) // the day goes on while it lasts
		rate := u + raised*math.Sqrt(clumps*max(u, 2))
		if sum <= 0 {
			sum, start = 0, i
		}
		sum += float64(counts[i])*math.Log(rate/u) - (rate - u)
		if sum > best {
			best, a, b = sum, start, i+1
		}
	}
	return a, b
}

// local is the mean count of the minutes [from, to), or the usual of a minute
// where they are too few or lie too high to be the calm around an attack.
func local(counts []uint32, usual []float64, from, to, at int) float64 {
	from, to = max(from, 0), min(to, len(counts))
	u := max(usual[at], .2)
	if to-from < 30 {
		return u
	}
	sum := 0.0
	for _, c := range counts[from:to] {
		sum += float64(c)
	}
	if mean := sum / float64(to-from); mean < 3*u {
		return max(mean, .2)
	}
	return u
}

// dispersion is how many times more the requests of five minutes scatter within
// an hour than a Poisson count would, at least 1: a visitor sends several. It is
// the median over the hours, of which few are under attack.
func dispersion(first int64, counts []uint32) float64 {
	const blocks = 60 / rollMinutes
	var ratios []float64
	for i := int((60 - first%60) % 60); i+60 <= len(counts); i += 60 {
		var sum, squares float64
		for b := range blocks {
			n := 0.0
			for _, c := range counts[i+b*rollMinutes : i+(b+1)*rollMinutes] {
				n += float64(c)
			}
			sum, squares = sum+n, squares+n*n
		}
		if sum >= blocks {
			ratios = append(ratios, (squares-sum*sum/blocks)/(blocks-1)/(sum/blocks))
		}
	}
	if len(ratios) == 0 {
		return 1
	}
	slices.Sort(ratios)
	return max(1, ratios[len(ratios)/2])
}

// baseline is each minute's usual count and its scatter.
func baseline(first int64, counts []uint32) (usual, scatter []float64) {
	const day, week = 1440, 7 * 1440
	n := int64(len(counts))
	alive := map[int64]bool{} // days with a request
	for i, c := range counts {
		if c > 0 {
			alive[(first+int64(i))/day] = true
		}
	}
	// A log that is silent on most days is of a site that is, or of attacks
	// alone, and not one with days missing.
	whole := 2*int64(len(alive)) < n/day
	slot, slots := func(m int64) int64 { return 0 }, int64(1)
	switch {
	case n >= 3*week:
		slot, slots = func(m int64) int64 { return m % week / 60 }, 168
	case n >= 3*day:
		slot, slots = func(m int64) int64 { return m % day / 60 }, 24
	}
	samples := make([][]uint32, slots)
	for i, c := range counts {
		if m := first + int64(i); whole || alive[m/day] {
			s := slot(m)
			samples[s] = append(samples[s], c)
		}
	}
	medians, mads := make([]float64, slots), make([]float64, slots)
	var deviations []float64
	for s, v := range samples {
		if len(v) == 0 {
			continue
		}
		slices.Sort(v)
		medians[s] = (float64(v[(len(v)-1)/2]) + float64(v[len(v)/2])) / 2
		deviations = deviations[:0]
		for _, c := range v {
			deviations = append(deviations, math.Abs(float64(c)-medians[s]))
		}
		slices.Sort(deviations)
		mads[s] = 1.4826 * (deviations[(len(v)-1)/2] + deviations[len(v)/2]) / 2
	}
	usual, scatter = make([]float64, n), make([]float64, n)
	for i := range n {
		s := slot(first + i)
		usual[i], scatter[i] = medians[s], mads[s]
	}
	return usual, scatter
}
