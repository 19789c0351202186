package reputation

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// same holds what is read of a line against encoding/json.
func (p *spurLines) same(t interface{ Fatalf(string, ...any) }, line []byte) bool {
	var got, want spurRaw
	if !p.read(line, &got) {
		return false
	}
	if err := json.Unmarshal(line, &want); err != nil {
		t.Fatalf("%s is read, and encoding/json says: %v", line, err)
	}
	if len(want.Body) > 0 || want.FetchedAt != "" || want.ResultDT != "" {
		t.Fatalf("%s is read as no answer", line)
	}
	if got.IP != want.IP || got.Network != want.Network || !reflect.DeepEqual(got.entry(), want.entry()) {
		t.Fatalf("%s\nis read as %+v\nand not as %+v", line, got, want)
	}
	return true
}

func TestSpurLines(t *testing.T) {
	var p spurLines
	for line, want := range map[string]bool{
		spurLine: true,
		` {"ip" : "5.6.7.8" , "risks":["B","A","B"] } `: true,
		`{"risks":["A"],"ip":"5.6.7.8"}`:                true, // another order
		`{"ip":"5.6.7.8","n\u00e4\ud83d":{"ip":[1]}}`:   true,
		`{"ip":"5.6.\u0037.8","client":{"new":1}}`:      true,
		`{"ip":"5.6.7.8","ip":"5.6.7.9"}`:               false, // the rest is left to encoding/json
		`{"IP":"5.6.7.8"}`:                              false,
		`{"ip":"5.6.7.8","client":null}`:                false,
		`{"ip":"5.6.7.8","client":{"count":1e999}}`:     false,
		`{"ip":"5.6.7.8","client":{"types":[1]}}`:       false,
		`{"ip":"5.6.7.8","tunnels":[null]}`:             false,
		`{"ip":"5.6.7.8","dt":"20240801","body":{}}`:    false,
		`{"ip":"5.6.7.8"`:                               false,
		`{"ip":"5.6.7.8"}}`:                             false,
		`{"ip":"5.6.7.8",}`:                             false,
		`["ip"]`:                                        false,
		``:                                              false,
	} {
		if got := p.same(t, []byte(line)); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

func TestSpurLinesChanged(t *testing.T) {
	pieces := []string{`"`, `\`, `{`, `}`, `[`, `]`, `,`, `:`, `null`, `true`, `-1.5e3`, `"ip":`, `"IP":`, `"body":`, `"tunnels":[]`, `"client":{}`, `"types":["X","x"]`, `é`, "\xff", " "}
	var p spurLines
	rapid.Check(t, func(t *rapid.T) {
		line := []byte(spurLine)
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			from := rapid.IntRange(0, len(line)).Draw(t, "from")
			to := rapid.IntRange(from, min(len(line), from+12)).Draw(t, "to")
			line = fmt.Append(nil, string(line[:from]), rapid.SampledFrom(pieces).Draw(t, "piece"), string(line[to:]))
		}
		p.same(t, line)
	})
}

// BenchmarkSpurLines is about a line of a feed.
func BenchmarkSpurLines(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	lines := make([][]byte, 1000)
	for i := range lines {
		lines[i] = fmt.Appendf(nil, `{"ip":"11.%d.%d.%d","infrastructure":"DATACENTER","client":{"count":%d,"countries":%d,"proxies":["A_PROXY"],"concentration":{"density":0.%d,"skew":%d}},"tunnels":[{"operator":"X","type":"VPN","anonymous":true}],"risks":["TUNNEL"]}`,
			rng.IntN(256), rng.IntN(256), rng.IntN(256), rng.IntN(30), rng.IntN(5), rng.IntN(100), rng.IntN(200))
	}
	b.Run("sluice", func(b *testing.B) {
		var p spurLines
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			var r spurRaw
			if !p.read(lines[i%len(lines)], &r) {
				b.Fatal("left to encoding/json")
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			var r spurRaw
			if err := json.Unmarshal(lines[i%len(lines)], &r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
