package attack

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// hit is a request of a world made for a test.
type hit struct {
	at int64
	ip netip.Addr
}

func address(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

// visits is a site's ordinary month: visitors who come by the rhythm of day and
// week, stay for some requests and mostly don't return, whatever else goes on,
// and regulars, which ask for something all day.
func visits(seed uint64, from, to int64, arrivals float64) (out []hit) {
	r := rand.New(rand.NewPCG(seed, 1))
	visitor := uint32(10 << 24)
	for m := from / 60; m < to/60; m++ {
		for range poisson(r, rhythm(arrivals, m)) {
			visitor++
			at := m*60 + r.Int64N(60)
			for range 1 + r.IntN(12) {
				out = append(out, hit{at, address(visitor)})
				at += int64(r.ExpFloat64() * 40)
			}
		}
		for range poisson(r, 4) {
			out = append(out, hit{m*60 + r.Int64N(60), address(192<<24 + r.Uint32N(20))})
		}
	}
	return out
}

// crowdAttack is one attack: each of n addresses sends once a minute or so, from
// within the first swell seconds until within the last.
func crowdAttack(seed uint64, w Window, swell int64, n, base uint32) (out []hit) {
	r := rand.New(rand.NewPCG(seed, 2))
	for k := range n {
		at, end := w.Start, w.End
		if swell > 0 && k > 1 { // the first is there from the start, and to the end
			at, end = at+r.Int64N(swell), end-r.Int64N(swell)
		}
		for ; at < end; at += 1 + int64(r.ExpFloat64()*60) {
			out = append(out, hit{at, address(base + k)})
		}
	}
	return out
}

// find is what Search does, in memory.
func find(t testing.TB, hits []hit) (coarse, fine []Detected) {
	var line Timeline
	for _, h := range hits {
		line.Add(h.at)
	}
	coarse = line.Detect(DetectOptions{})
	p, err := NewParticipants(coarse)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hits {
		p.Add(h.at, h.ip)
	}
	return coarse, p.Refine(&line)
}

const month28 = 28 * 86400

// An attack that swells up over an hour and a half below the traffic is found
// with its ends, though visitors come and go meanwhile; one that begins and ends
// at once is not made longer; and in a quiet month there is none.
func TestRefineFollowsParticipants(t *testing.T) {
	from := unix(t, "2024-06-03 00:00:00")
	ends, windows := 0, 0
	for _, c := range []struct {
		arrivals float64
		n        uint32
	}{{.2, 60}, {3, 250}, {10, 800}, {20, 1500}} {
		if testing.Short() && c.arrivals > 1 || os.Getenv("SLUICE_LONG") == "" && c.arrivals > 10 {
			continue
		}
		quiet := visits(1, from, from+month28, c.arrivals)
		if coarse, fine := find(t, quiet); len(coarse)+len(fine) > 0 {
			t.Errorf("%v visitors a minute: %d attacks in a quiet month", c.arrivals, len(fine))
		}
		for _, swell := range []int64{0, 5400} {
			hits := quiet
			var truth []Window
			for k := range int64(6) { // every other day, by day and by night
				start := from + (10+2*k)*86400 + 5*3600*k
				w := Window{Start: start, End: start + 6*3600 + 1200*k}
				truth = append(truth, w)
				hits = append(hits[:len(hits):len(hits)], crowdAttack(uint64(k), w, swell, c.n, uint32(20+k)<<24)...)
			}
			coarse, fine := find(t, hits)
			was, is := within(truth, coarse), within(truth, fine)
			t.Logf("%v visitors a minute, swelling over %d s: both ends within 5 minutes of %d of %d, %d by counts alone", c.arrivals, swell, is, len(truth), was)
			if ends, windows = ends+is, windows+len(truth); len(fine) != len(truth) {
				t.Errorf("%v visitors a minute, swelling over %d s: %d windows, want %d", c.arrivals, swell, len(fine), len(truth))
			}
		}
	}
	if 10*ends < 9*windows {
		t.Errorf("both ends of %d of %d windows are found within 5 minutes", ends, windows)
	}
}

// within counts the true windows found with both ends within five minutes.
func within(truth []Window, got []Detected) (n int) {
	for _, w := range truth {
		if found, off := match([]Window{w}, got); found == 1 && off <= 5 {
			n++
		}
	}
	return n
}

// A lull in one crowd's attack doesn't make two of it; two crowds do.
func TestRefineJoinsOneCrowd(t *testing.T) {
	from := unix(t, "2024-06-03 00:00:00")
	hits := visits(1, from, from+month28, 5)
	at := from + 16*86400 + 7*3600
	first, second := Window{Start: at, End: at + 7200}, Window{Start: at + 3*3600 + 1800, End: at + 6*3600}
	one := slices.Concat(hits, crowdAttack(1, first, 0, 500, 20<<24), crowdAttack(2, second, 0, 500, 20<<24))
	two := slices.Concat(hits, crowdAttack(1, first, 0, 500, 20<<24), crowdAttack(2, second, 0, 500, 21<<24))
	if coarse, fine := find(t, one); len(coarse) != 2 || len(fine) != 1 || within([]Window{{Start: first.Start, End: second.End}}, fine) != 1 {
		t.Errorf("of one crowd: %+v, %+v", coarse, fine)
	}
	if coarse, fine := find(t, two); len(coarse) != 2 || len(fine) != 2 {
		t.Errorf("of two crowds: %+v, %+v", coarse, fine)
	}
}

// Moving all requests by weeks moves the windows, and changes nothing else.
func TestFoundWindowsMoveWithTheRequests(t *testing.T) {
	from := unix(t, "2024-06-03 00:00:00")
	w := Window{Start: from + 15*86400 + 14*3600, End: from + 15*86400 + 20*3600}
	hits := append(visits(3, from, from+month28, 4), crowdAttack(3, w, 3600, 300, 20<<24)...)
	_, want := find(t, hits)
	if len(want) != 1 {
		t.Fatalf("%+v", want)
	}
	for _, weeks := range []int64{-3, 52} {
		by := weeks * 7 * 86400
		moved := slices.Clone(hits)
		for i := range moved {
			moved[i].at += by
		}
		_, got := find(t, moved)
		for i := range got {
			got[i].Start, got[i].End = got[i].Start-by, got[i].End-by
			got[i].ID = detectedID(got[i].Start)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d weeks on: %+v, want %+v", weeks, got, want)
		}
	}
	// Half a day on, the rhythm's hours are others and the ends the same.
	moved := slices.Clone(hits)
	for i := range moved {
		moved[i].at += 12*3600 + 7*60
	}
	_, got := find(t, moved)
	if len(got) != 1 || max(got[0].Start-want[0].Start, want[0].Start-got[0].Start)-43620 > 300 || max(got[0].End-want[0].End, want[0].End-got[0].End)-43620 > 300 {
		t.Errorf("half a day on: %+v, want %+v", got, want)
	}
}

// However requests are dealt and ordered the outcome is the same, also where
// only a sample of the addresses is held.
func TestParticipantsMerge(t *testing.T) {
	defer func(n int) { maxSampled = n }(maxSampled)
	found := []Detected{{Window: Window{Start: 1000 * 60, End: 1100 * 60, ID: detectedID(1000 * 60)}}, {Window: Window{Start: 1130 * 60, End: 1200 * 60, ID: detectedID(1130 * 60)}}}
	rapid.Check(t, func(t *rapid.T) {
		maxSampled = rapid.SampledFrom([]int{20, 1 << 16}).Draw(t, "sampled")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		hits := make([]hit, rapid.IntRange(0, 3000).Draw(t, "requests"))
		span := rapid.SampledFrom([]int64{200, 2000}).Draw(t, "span")
		for i := range hits {
			hits[i] = hit{(1100-span/2+r.Int64N(span))*60 + r.Int64N(60), address(uint32(r.IntN(200)))}
		}
		var line Timeline
		of := func(hits []hit) *Participants {
			p, err := NewParticipants(found)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range hits {
				p.Add(h.at, h.ip)
			}
			return p
		}
		for _, h := range hits {
			line.Add(h.at)
		}
		whole := of(hits)
		for i := range whole.crowds {
			if len(whole.crowds[i].seen) > maxSampled {
				t.Fatalf("%d addresses are held, of at most %d", len(whole.crowds[i].seen), maxSampled)
			}
		}
		r.Shuffle(len(hits), func(i, j int) { hits[i], hits[j] = hits[j], hits[i] })
		cut := len(hits) / 3
		sum := of(hits[:cut])
		sum.Merge(of(hits[cut:]))
		got, want := sum.Refine(&line), whole.Refine(&line)
		if !slices.Equal(got, want) {
			t.Fatalf("%+v, want %+v", got, want)
		}
		for i, d := range got {
			if i > 0 && d.Start < got[i-1].End || d.ID != detectedID(d.Start) {
				t.Fatalf("%+v", got)
			}
		}
	})
}

func BenchmarkParticipants(b *testing.B) {
	w := Window{Start: 20 * 86400, End: 20*86400 + 7200}
	hits := append(visits(1, w.Start-6*3600, w.End+6*3600, 50), crowdAttack(1, w, 0, 1000, 20<<24)...)
	found := []Detected{{Window: Window{Start: w.Start, End: w.End, ID: detectedID(w.Start)}}}
	var line Timeline
	b.ReportAllocs()
	for b.Loop() {
		p, err := NewParticipants(found)
		if err != nil {
			b.Fatal(err)
		}
		for _, h := range hits {
			p.Add(h.at, h.ip)
		}
		p.Refine(&line)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(hits)), "ns/request")
}
