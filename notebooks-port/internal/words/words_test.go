package words

import (
	"math"
	"testing"
)

func TestWords(t *testing.T) {
	for i, c := range []struct{ got, want string }{
		{Count(0), "0"}, {Count(999), "999"}, {Count(1000), "1,000"}, {Count(int64(-1234567)), "−1,234,567"}, {Count(1999.6), "2,000"},
		{Percent(.5), "50.0 %"}, {Percent(.0004), "0.04 %"}, {Percent(.9996), "99.96 %"}, {Percent(1), "100.0 %"}, {Percent(math.NaN()), None},
		{Decimal(1.25, 1), "1.2"}, {Decimal(math.Inf(1), 1), None},
		{Rounded(0), "0"}, {Rounded(7), "7"}, {Rounded(1234.4), "1,234"}, {Rounded(12.34), "12.3"}, {Rounded(1.234), "1.23"}, {Rounded(.012345), "0.0123"}, {Rounded(math.NaN()), None},
		{Share(1, 4), "1 of 4 (25.0 %)"}, {Share(0, 0), None},
		{Minutes(1), "1 minute"}, {Minutes(119), "119 minutes"}, {Minutes(120), "2 hours"}, {Minutes(150), "2 h 30 min"}, {Minutes(2880), "2.0 days"},
		{Plural(1, "row", "rows"), "1 row"}, {Plural(0, "row", "rows"), "0 rows"},
		{Seconds(.25), "250 ms"}, {Seconds(2), "2.00 s"}, {Seconds(120), "120 s"}, {Seconds(math.NaN()), None},
		{Bytes(-1), None}, {Bytes(512), "512 B"}, {Bytes(20 << 10), "20 KiB"}, {Bytes(20 << 20), "20 MiB"}, {Bytes(20 << 30), "20 GiB"},
		{Clip("a\tb", 9), "a·b"}, {Clip("äöüß", 3), "äö…"}, {OrNone(""), "(none)"}, {OrNone("x"), "x"},
	} {
		if c.got != c.want {
			t.Errorf("%d: %q, want %q", i, c.got, c.want)
		}
	}
	if Ratio(1, 0) != 0 || Ratio(1, 4) != .25 {
		t.Error("ratio")
	}
}
