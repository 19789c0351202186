package attack

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sluice/featurestore/fault"
)

// naive is the slow twin of Match: it looks at every window.
func naive(s *Set, unix int64) []int32 {
	var out []int32
	for i, w := range s.Windows() {
		if w.Start <= unix && unix < w.End {
			out = append(out, int32(i))
		}
	}
	return out
}

func TestMatchAgreesWithLooking(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "windows")
		var ws []Window
		for i := range n {
			start := rapid.Int64Range(0, 60).Draw(t, "start")
			ws = append(ws, Window{ID: string(rune('a' + i)), Start: start, End: start + rapid.Int64Range(1, 40).Draw(t, "length")})
		}
		s, err := New(ws, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := s.Matcher()
		for range 40 {
			at := rapid.Int64Range(-5, 110).Draw(t, "instant")
			want := naive(s, at)
			if got := s.Match(at, nil); !slices.Equal(got, want) {
				t.Fatalf("Match(%d) = %v, want %v", at, got, want)
			}
			if got := m.Match(at); !slices.Equal(got, want) {
				t.Fatalf("Matcher.Match(%d) = %v, want %v", at, got, want)
			}
		}
	})
}

func unix(t testing.TB, s string) int64 {
	t.Helper()
	v, err := ParseTime(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestMonths(t *testing.T) {
	east := time.FixedZone("", 5*3600)
	for _, c := range []struct {
		zone *time.Location
		at   string
		want string
	}{
		{nil, "2024-07-31T23:59:59Z", "2024-07"},
		{nil, "2024-08-01T00:00:00Z", "2024-08"},
		{east, "2024-07-31T18:59:59Z", "2024-07"},
		{east, "2024-07-31T19:00:00Z", "2024-08"},
	} {
		s := Months(c.zone)
		got := s.Match(unix(t, c.at), nil)
		if len(got) != 1 || s.Window(got[0]).ID != c.want || s.Window(got[0]).Month.String() != c.want {
			t.Errorf("%s: %v, want %s", c.at, got, c.want)
		}
	}
	if s := Months(nil); !s.IsMonths() || s.Windows() != nil || s.Zone() != time.UTC {
		t.Error("the Set of months")
	}
}

func TestMonthOfAWindowIsThatOfItsStart(t *testing.T) {
	ws := []Window{{ID: "late", Start: unix(t, "2024-07-31 20:00:00"), End: unix(t, "2024-08-02 00:00:00")}}
	utc, err := New(ws, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := utc.Window(0).Month.String(); got != "2024-07" {
		t.Errorf("UTC: %s", got)
	}
	if got := utc.Match(unix(t, "2024-08-01 12:00:00"), nil); len(got) != 1 {
		t.Error("a window that runs over the month's end lost its second part")
	}
	east, err := New(ws, time.FixedZone("", 5*3600))
	if err != nil {
		t.Fatal(err)
	}
	if got := east.Window(0).Month.String(); got != "2024-08" {
		t.Errorf("five hours east: %s", got)
	}
}

func TestIndexesFollowKeys(t *testing.T) {
	s, err := New([]Window{{ID: "b", Start: 100, End: 200}, {ID: "z", Start: 50, End: 60}, {ID: "a", Start: unix(t, "1970-02-03 00:00:00"), End: unix(t, "1970-02-04 00:00:00")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, w := range s.Windows() {
		ids = append(ids, w.Month.String()+" "+w.ID)
	}
	if !slices.Equal(ids, []string{"1970-01 b", "1970-01 z", "1970-02 a"}) {
		t.Errorf("order %v, want month, then id", ids)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, ws := range map[string][]Window{
		"none":            nil,
		"empty id":        {{Start: 1, End: 2}},
		"end at start":    {{ID: "a", Start: 2, End: 2}},
		"end before":      {{ID: "a", Start: 2, End: 1}},
		"doubled":         {{ID: "a", Start: 1, End: 2}, {ID: "a", Start: 3, End: 4}},
		"control in name": {{ID: "a\nb", Start: 1, End: 2}},
	} {
		if _, err := New(ws, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var many []Window
	for i := range 6000 {
		many = append(many, Window{ID: time.Unix(int64(i), 0).UTC().Format(time.TimeOnly), Start: int64(i), End: int64(20000 - i)})
	}
	if _, err := New(many, nil); !fault.Is(err, fault.Exhausted) {
		t.Errorf("6,000 nested windows: %v", err)
	}
}

func TestDigestSeesOnlyWhatTouches(t *testing.T) {
	july := Window{ID: "july", Start: unix(t, "2024-07-10 00:00:00"), End: unix(t, "2024-07-11 00:00:00")}
	august := Window{ID: "august", Start: unix(t, "2024-08-10 00:00:00"), End: unix(t, "2024-08-11 00:00:00")}
	one, _ := New([]Window{july}, nil)
	two, _ := New([]Window{july, august}, nil)
	first, last := unix(t, "2024-07-01 00:00:00"), unix(t, "2024-07-31 23:59:59")
	if one.Digest(first, last) != two.Digest(first, last) {
		t.Error("August's window changes July's digest")
	}
	if one.Digest(first, august.Start) == two.Digest(first, august.Start) {
		t.Error("a window that begins with the last request is not seen")
	}
	if one.Digest(first, last) == Months(nil).Digest(first, last) {
		t.Error("windows and months have one digest")
	}
	moved := july
	moved.End++
	other, _ := New([]Window{moved}, nil)
	if one.Digest(first, last) == other.Digest(first, last) {
		t.Error("a longer window has the same digest")
	}
	if Months(nil).Digest(first, last) == Months(time.FixedZone("", 3600)).Digest(first, last) {
		t.Error("the zone does not matter to months")
	}
	if two.Digest(5, 4) != one.Digest(9, 1) {
		t.Error("nothing has two digests")
	}
}

func BenchmarkMatcher(b *testing.B) {
	var ws []Window
	for i := range 40 {
		ws = append(ws, Window{ID: string(rune('A' + i)), Start: int64(i) * 60000, End: int64(i)*60000 + 90000})
	}
	s, err := New(ws, nil)
	if err != nil {
		b.Fatal(err)
	}
	for name, step := range map[string]int64{"in order": 1, "scattered": 7919 * 61} {
		b.Run(name, func(b *testing.B) {
			m := s.Matcher()
			b.ReportAllocs()
			at, sum := int64(0), 0
			for b.Loop() {
				sum += len(m.Match(at))
				at = (at + step) % (40 * 60000)
			}
		})
	}
}
