package jsonscan

import (
	"encoding/json"
	"strings"
	"testing"
)

func FuzzScanner(f *testing.F) {
	for _, s := range []string{
		`{}`, ` [ ] `, `{"a":[1,-0.5e+3,true,false,null,"b"],"c":{"d":"\u00e9\ud83d\ude00\n"}}`, `"\ud83d"`, "\"\xff\"", "\"a long text, of more than eight bytes\"",
		`{"a":1,}`, `[1 2]`, `01`, `1.`, `-`, `"a`, `"\x"`, `{"a"}`, `nul`, "\"\t\"", strings.Repeat("[", 10001) + strings.Repeat("]", 10001),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := Scanner{B: b}
		s.Blank()
		ok := s.Skip(0)
		if s.Blank(); (ok && s.I == len(b)) != json.Valid(b) {
			t.Fatalf("%q: %v at %d", b, ok, s.I)
		}
		var want string
		if s = (Scanner{B: b}); len(b) == 0 || b[0] != '"' || json.Unmarshal(b, &want) != nil {
			return
		}
		if got, _, ok := s.Text(nil); !ok || string(got) != want {
			t.Fatalf("%q: %q, %v", b, got, ok)
		}
	})
}
