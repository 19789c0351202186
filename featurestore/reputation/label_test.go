package reputation

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sluice/featurestore/row"
)

func TestPublic(t *testing.T) {
	for s, want := range map[string]bool{
		"5.6.7.8": true, "::ffff:5.6.7.8": true, "2a01:4f8::1": true, "::ffff:10.0.0.1": false,
		"10.0.0.1": false, "172.16.0.1": false, "192.168.0.1": false, "127.0.0.1": false, "169.254.0.1": false,
		"100.64.0.1": false, "100.128.0.1": true, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false,
		"224.0.0.1": false, "240.0.0.1": false, "255.255.255.255": false, "0.0.0.1": false,
		"::1": false, "::": false, "fe80::1": false, "fc00::1": false, "ff02::1": false, "2001:db8::1": false, "fec0::1": false,
	} {
		if got := Public(ip(s)); got != want {
			t.Errorf("Public(%s) = %v", s, got)
		}
	}
	if Public(netip.Addr{}) {
		t.Error("the zero address is public")
	}
}

func TestListLabels(t *testing.T) {
	s := open(t, Options{}, "l-2024-07.txt", "5.6.7.8\n", "l-2024-08.txt", plain)
	jul, aug := month(t, "2024-07"), month(t, "2024-08")
	for _, c := range []struct {
		ip   string
		m    row.Month
		want row.Label
		why  Reason
	}{
		{"5.6.7.8", jul, row.True, ReasonListed},
		{"5.6.7.9", jul, row.False, ReasonNotListed},
		{"5.6.7.9", aug, row.True, ReasonListed},
		{"::ffff:5.6.7.9", aug, row.True, ReasonListed},
		{"5.6.7.10", aug, row.True, ReasonListed},
		{"5.6.7.11", aug, row.True, ReasonListed},
		{"2a01:4f8::1", aug, row.True, ReasonListed},
		{"2a01:4f8::2", aug, row.False, ReasonNotListed},
		{"2a01:4f8::1", jul, row.Unknown, ReasonNoIPv6},
		{"10.0.0.1", aug, row.Unknown, ReasonNotPublic},
		{"5.6.7.8", aug + 1, row.Unknown, ReasonNoExport},
	} {
		if got, why := s.Explain(ip(c.ip), c.m); got != c.want || why != c.why {
			t.Errorf("%s in %v: %v (%s), want %v (%s)", c.ip, c.m, got, why, c.want, c.why)
		}
	}
}

func TestAnswerLabels(t *testing.T) {
	const fetched = "2024-08-30T00:00:00Z"
	answer := func(maxAge int, total int, last, more string) string {
		return enveloped(fetched, "5.6.7.8", maxAge, check("5.6.7.8", total, last, more))
	}
	late := `{"month":"2024-08","fetched_at":"2024-10-20T00:00:00Z",` // asked later on August's behalf
	for _, c := range []struct {
		name, body string
		want       map[Definition]row.Label
	}{
		{"never reported", answer(365, 0, "", ""), map[Definition]row.Label{L1: row.False, L2: row.False, L3: row.False, L6: row.False}},
		{"fresh", answer(90, 4, "2024-08-20T00:00:00Z", ""), map[Definition]row.Label{L1: row.True, L2: row.True, L3: row.True, L6: row.True}},
		{"two months old", answer(90, 4, "2024-07-01T00:00:00Z", ""), map[Definition]row.Label{L1: row.False, L2: row.True, L3: row.True}},
		{"half a year old", answer(365, 4, "2024-03-01T00:00:00Z", ""), map[Definition]row.Label{L1: row.False, L2: row.False, L3: row.True, L6: row.True}},
		{"asked too short", answer(30, 0, "", ""), map[Definition]row.Label{L1: row.False, L2: row.Unknown, L3: row.Unknown}},
		{"asked too short, yet a date", answer(30, 0, "2024-07-01T00:00:00Z", ""), map[Definition]row.Label{L1: row.False, L2: row.True}},
		{"no date, short query", answer(30, 2, "", ""), map[Definition]row.Label{L1: row.True, L2: row.True}},
		{"no date, long query", answer(365, 2, "", ""), map[Definition]row.Label{L2: row.Unknown, L3: row.True}},
		{"clocks differ", answer(90, 1, "2024-08-30T00:00:05Z", ""), map[Definition]row.Label{L2: row.True}},
		{"score", answer(90, 100, "2024-08-20T00:00:00Z", ""), map[Definition]row.Label{L4: row.True}},
		{"low score", answer(90, 20, "2024-08-20T00:00:00Z", ""), map[Definition]row.Label{L4: row.False}},
		{"whitelisted", strings.Replace(answer(90, 9, "2024-08-20T00:00:00Z", ""), `"isWhitelisted":false`, `"isWhitelisted":true`, 1),
			map[Definition]row.Label{L1: row.Unknown, L2: row.Unknown, L4: row.Unknown, L6: row.Unknown}},
		{"not public", strings.Replace(answer(90, 9, "2024-08-20T00:00:00Z", ""), `"isPublic":true`, `"isPublic":false`, 1),
			map[Definition]row.Label{L2: row.Unknown, L6: row.Unknown}},
		{"error", enveloped(fetched, "5.6.7.8", 90, `{"errors":[{"detail":"no","status":422}]}`), map[Definition]row.Label{L2: row.Unknown, L6: row.Unknown}},
		{"error and answer", enveloped("2024-08-31T00:00:00Z", "5.6.7.8", 90, `{"errors":[{"detail":"no","status":429}]}`) + "\n" +
			answer(90, 0, "", ""), map[Definition]row.Label{L2: row.False}},
		{"the latest counts", enveloped("2024-08-02T00:00:00Z", "5.6.7.8", 90, check("5.6.7.8", 0, "", "")) + "\n" +
			answer(90, 1, "2024-08-20T00:00:00Z", ""), map[Definition]row.Label{L2: row.True}},
		{"asked late, reported since", late + check("5.6.7.8", 1, "2024-10-02T00:00:00Z", "")[1:], map[Definition]row.Label{L2: row.False, L4: row.Unknown}},
		{"asked late, several reports", late + check("5.6.7.8", 5, "2024-10-02T00:00:00Z", "")[1:], map[Definition]row.Label{L2: row.Unknown}},
		{"asked late, the reports tell", late + check("5.6.7.8", 2, "2024-10-02T00:00:00Z",
			`,"reports":[{"reportedAt":"2024-10-02T00:00:00Z"},{"reportedAt":"2024-08-03T00:00:00Z"}]`)[1:], map[Definition]row.Label{L2: row.True, L1: row.True}},
		{"asked late, the reports tell no", late + check("5.6.7.8", 2, "2024-10-02T00:00:00Z",
			`,"reports":[{"reportedAt":"2024-10-02T00:00:00Z"},{"reportedAt":"2024-09-02T00:00:00Z"}]`)[1:], map[Definition]row.Label{L2: row.False}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for def, want := range c.want {
				s := open(t, Options{Definition: def}, "checks.jsonl", c.body+"\n"+enveloped(fetched, "9.9.9.9", 90, check("9.9.9.9", 1, fetched, "")))
				got, why := s.Explain(ip("5.6.7.8"), month(t, "2024-08"))
				if got != want {
					t.Errorf("%v: %v (%s), want %v", def, got, why, want)
				}
				if l, why := s.Explain(ip("5.6.7.77"), month(t, "2024-08")); l != row.Unknown || why != ReasonNotChecked {
					t.Errorf("%v: an address never checked is %v (%s)", def, l, why)
				}
			}
		})
	}
}

func TestEverListed(t *testing.T) {
	s := open(t, Options{Definition: L6}, "l-2024-06.txt", "5.6.7.8\n", "l-2024-07.txt", "5.6.7.9\n", "l-2024-08.txt", "5.6.7.10\n")
	jul := month(t, "2024-07")
	for a, want := range map[string]row.Label{"5.6.7.8": row.True, "5.6.7.9": row.True, "5.6.7.10": row.False} {
		if got := s.Label(ip(a), jul); got != want {
			t.Errorf("%s: %v, want %v", a, got, want)
		}
	}
}

// A window's own month never tells about itself, and a dated list tells only
// after its date.
func TestListedBefore(t *testing.T) {
	s := open(t, Options{},
		"l-2024-06.txt", "5.6.7.8\n5.6.7.20\n5.6.8.1\n2a01:4f8::1\n2a01:4f8::2\n2a01:4f9::1\n",
		"l-2024-07-10.txt", "5.6.7.8\n5.6.7.21\n",
		"l-2024-07-20.txt", "5.6.7.8\n5.6.7.20\n5.6.7.9\n")
	day := func(m time.Month, d int) time.Time { return time.Date(2024, m, d, 0, 0, 0, 0, time.UTC) }
	juneEnd := day(7, 1).Add(-time.Second)
	for _, c := range []struct {
		ip     string
		before time.Time
		want   Earlier
	}{
		{"5.6.7.8", day(6, 1), Earlier{}},
		{"5.6.7.8", day(6, 30), Earlier{}},
		{"5.6.7.8", day(7, 1), Earlier{Exports: 1, Times: 1, First: juneEnd, Last: juneEnd, Neighbours: 1}},
		{"5.6.7.8", day(7, 10), Earlier{Exports: 1, Times: 1, First: juneEnd, Last: juneEnd, Neighbours: 1}},
		{"5.6.7.8", day(7, 11), Earlier{Exports: 2, Times: 2, First: juneEnd, Last: day(7, 11).Add(-time.Second), Neighbours: 2}},
		{"5.6.7.8", day(8, 1), Earlier{Exports: 3, Times: 3, First: juneEnd, Last: day(7, 21).Add(-time.Second), Neighbours: 3}},
		{"5.6.7.9", day(7, 11), Earlier{Exports: 2, Neighbours: 3}},
		{"9.9.9.9", day(8, 1), Earlier{Exports: 3}},
		{"2a01:4f8::1", day(8, 1), Earlier{Exports: 1, Times: 1, First: juneEnd, Last: juneEnd, Neighbours: 1}},
	} {
		if d := cmp.Diff(c.want, s.ListedBefore(ip(c.ip), c.before)); d != "" {
			t.Errorf("%s before %v: %s", c.ip, c.before, d)
		}
	}
}

func TestAnswersBefore(t *testing.T) {
	s := open(t, Options{}, "c.jsonl", strings.Join([]string{
		enveloped("2024-07-05T00:00:00Z", "5.6.7.8", 90, check("5.6.7.8", 2, "2024-07-01T00:00:00Z", "")),
		enveloped("2024-07-06T00:00:00Z", "5.6.7.9", 90, check("5.6.7.9", 1, "2024-07-01T00:00:00Z", "")),
		enveloped("2024-07-09T00:00:00Z", "5.6.7.10", 90, check("5.6.7.10", 1, "2024-07-01T00:00:00Z", "")),
		enveloped("2024-07-05T00:00:00Z", "5.6.7.11", 90, check("5.6.7.11", 0, "", "")),
	}, "\n"))
	at := time.Date(2024, 7, 8, 0, 0, 0, 0, time.UTC)
	first := time.Date(2024, 7, 5, 0, 0, 0, 0, time.UTC)
	if d := cmp.Diff(Earlier{Exports: 1, Times: 1, First: first, Last: first, Neighbours: 1}, s.ListedBefore(ip("5.6.7.8"), at)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Earlier{Exports: 1, Neighbours: 2}, s.ListedBefore(ip("5.6.7.11"), at)); d != "" {
		t.Error(d)
	}
}

func TestFacts(t *testing.T) {
	s := open(t, Options{AllowMixed: true}, "b.json", blacklist, "l-2024-08-21.txt", "5.6.7.8\n",
		"c.jsonl", enveloped("2024-08-30T00:00:00Z", "5.6.7.8", 90, check("5.6.7.8", 3, "2024-08-29T01:02:03+00:00", `,"countryCode":"DE","isp":"X","isTor":true`)))
	aug := month(t, "2024-08")
	want := Facts{
		IP: ip("5.6.7.8"),
		Listings: []Listing{{Month: aug, Times: 2, Of: 2, Score: 100,
			First: time.Date(2024, 8, 20, 10, 0, 0, 0, time.UTC), Last: time.Date(2024, 8, 21, 23, 59, 59, 0, time.UTC)}},
		Answers: []Answer{{IP: ip("5.6.7.8"), Month: aug, FetchedAt: time.Date(2024, 8, 30, 0, 0, 0, 0, time.UTC), MaxAgeInDays: 90,
			IsPublic: true, IsTor: true, Score: 3, TotalReports: 3, DistinctUsers: 1, CountryCode: "DE", ISP: "X",
			LastReportedAt: time.Date(2024, 8, 29, 1, 2, 3, 0, time.UTC)}},
	}
	if d := cmp.Diff(want, s.Facts(ip("::ffff:5.6.7.8")), cmpopts.IgnoreUnexported(Answer{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
}

func TestAppendAnswer(t *testing.T) {
	at := time.Date(2024, 8, 30, 1, 2, 3, 0, time.UTC)
	line, err := AppendAnswer(nil, ip("5.6.7.8"), at, 90, []byte("{\n \"errors\": [{\"detail\": \"d\", \"status\": 422}]\n}"))
	if err != nil {
		t.Fatal(err)
	}
	line, err = AppendAnswer(line, ip("5.6.7.9"), at, 90, []byte(check("5.6.7.9", 1, "", "")))
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{}, "c.jsonl", string(line))
	if a := s.Facts(ip("5.6.7.8")).Answers; len(a) != 1 || a[0].Error != "422 d" || !a[0].FetchedAt.Equal(at) {
		t.Errorf("got %+v", a)
	}
	if s.Label(ip("5.6.7.9"), month(t, "2024-08")) != row.True {
		t.Error("the answer appended is not read back")
	}
	if _, err := AppendAnswer(nil, ip("5.6.7.8"), at, 90, []byte("{")); err == nil {
		t.Error("broken JSON was appended")
	}
}

func TestParseDefinition(t *testing.T) {
	for d := L1; d <= L6; d++ {
		if got, err := ParseDefinition(d.String()); err != nil || got != d {
			t.Errorf("%v: %v, %v", d, got, err)
		}
	}
	if d, err := ParseDefinition(""); err != nil || d != ByShape {
		t.Error(d, err)
	}
	for _, s := range []string{"L7", "l2", "L2+L5"} {
		if _, err := ParseDefinition(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
	for d := ByShape; d <= mixed; d++ {
		if s := d.sentence(75); !strings.HasPrefix(s, "reported: ") {
			t.Error(d, s)
		}
	}
}
