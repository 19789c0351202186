package webrequest

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestNeedsOf(t *testing.T) {
	for _, tt := range []struct {
		expr string
		want [][]string
	}{
		{`abc`, [][]string{{"abc"}}},
		{`(?i)ABC`, [][]string{{"abc"}}},
		{`ab`, nil},
		{`.*`, nil},
		{`^.{0,10}abc$`, [][]string{{"abc"}}},
		{`abc.*defg`, [][]string{{"abc"}, {"defg"}}},
		{`abc|defg`, [][]string{{"abc", "defg"}}},
		{`(abc.*defg|hij)x*`, [][]string{{"defg", "hij"}, {"abc", "hij"}}},
		{`abc|d`, nil},
		{`abc|`, nil},
		{`abc|d.*`, nil},
		{`(abc|abd)x?`, [][]string{{"abcx", "abdx", "abc", "abd"}}},
		{`bots?/\d`, [][]string{{"bots/", "bot/"}}},
		{`(?:abc)*def`, [][]string{{"def"}}},
		{`(?:abc)+`, [][]string{{"abc"}}},
		{`(?:abc){2}`, [][]string{{"abc"}}},
		{`(?:abc){0,2}`, nil},
		{`[kK]ey`, [][]string{{"key"}}},
		{`[a-z]ey`, nil},
		{`x[^a]abc`, [][]string{{"abc"}}},
		{`\babc\b`, [][]string{{"abc"}}},
		{`abc.{1,9}(de|f.g)`, [][]string{{"abc"}}},
		{`(?i)k`, nil},
	} {
		n, err := needsOf(tt.expr)
		if err != nil {
			t.Fatal(err)
		}
		var got [][]string
		for _, w := range n {
			var set []string
			for _, list := range w {
				set = append(set, list...)
			}
			got = append(got, set)
		}
		same := len(got) == len(tt.want)
		for i := range got {
			if same {
				a, b := slices.Sorted(slices.Values(got[i])), slices.Sorted(slices.Values(tt.want[i]))
				same = slices.Equal(a, b)
			}
		}
		if !same {
			t.Errorf("%s: needs %q, want %q", tt.expr, got, tt.want)
		}
	}
	if _, err := needsOf("("); err == nil {
		t.Error("no error for a broken expression")
	}
}

// plainSeven tries the expressions alone.
func plainSeven(d *SpiderDevices, ua string) bool {
	return !longerThan(ua, maxAgentUnits) && slices.ContainsFunc(d.seven, func(r spiderRule) bool { return r.re.MatchString(ua) })
}

// No agent that a rule matches may be passed over for want of a text. Agents
// are made of pieces of the rules themselves.
func TestNeedsPassNothingOver(t *testing.T) {
	d := mustDevices(t, SpiderSeven)
	var pieces []string
	word := regexp.MustCompile(`[A-Za-z0-9%/+. -]{2,}`)
	for _, r := range d.seven {
		if len(r.needs) == 0 {
			t.Errorf("nothing is known of %.60q", r.re)
		}
		pieces = append(pieces, word.FindAllString(r.re.String(), -1)...)
	}
	pieces = append(pieces, "Mozilla/5.0 (", ") ", "iPhone", " Mobile ", "/1", "\u212a", "\u017f", "x", " ", "1", "\n")
	n := 1500
	if testing.Short() {
		n = 150
	}
	rng := rand.New(rand.NewPCG(9, 10))
	spiders := 0
	for range n {
		var b strings.Builder
		for range 1 + rng.IntN(5) {
			p := pieces[rng.IntN(len(pieces))]
			switch rng.IntN(4) {
			case 0:
				p = strings.ToUpper(p)
			case 1:
				p = strings.ToLower(p)
			}
			b.WriteString(p)
		}
		ua := b.String()
		want := plainSeven(d, ua)
		if got := d.IsSpiderDevice(ua); got != want {
			t.Fatalf("%q: %v, the expressions alone say %v", ua, got, want)
		}
		if want {
			spiders++
		}
	}
	if spiders == 0 || spiders == n {
		t.Errorf("%d of %d agents are spiders", spiders, n)
	}
}

func FuzzSpiderDevice(f *testing.F) {
	for _, s := range []string{"", "BingPreview", "Mozilla/5.0 Mobile x PetalBot", "x PTST/1.2", "\u212arawler", pixel} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ua string) {
		d := mustDevices(t, SpiderSeven)
		if got, want := d.IsSpiderDevice(ua), plainSeven(d, ua); got != want {
			t.Errorf("%q: %v, the expressions alone say %v", ua, got, want)
		}
	})
}
