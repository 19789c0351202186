package accesslog

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTimes(t *testing.T) {
	const at = 1722470400
	for in, want := range map[string]struct {
		sec   int64
		nanos int32
		r     Reason
	}{
		"2024-08-01T00:00:00Z":           {at, 0, Accepted},
		"2024-08-01T00:00:00":            {at, 0, Accepted},
		"2024-08-01 00:00:00":            {at, 0, Accepted},
		"2024-08-01 00:00:00 UTC":        {at, 0, Accepted},
		"2024-08-01t00:00:00z":           {at, 0, Accepted},
		"2024-08-01T05:30:00.25+05:30":   {at, 25e7, Accepted},
		"2024-07-31T23:00:00,5-01":       {at, 5e8, Accepted},
		"2024-08-01T00:00:00.1234567899": {at, 123456789, Accepted},
		"[01/Aug/2024:05:00:00 +0500]":   {at, 0, Accepted},
		"01/Aug/2024:05:00:00 +0500":     {at, 0, Accepted},
		"1722470400":                     {at, 0, Accepted},
		"1722470400.000000001":           {at, 1, Accepted},
		"1722470400123":                  {at, 123e6, Accepted},
		"1722470400123456":               {at, 123456e3, Accepted},
		"1722470400123456789":            {at, 123456789, Accepted},
		"1.7224704e9":                    {at, 0, Accepted},
		"2023-12-31T23:59:60Z":           {1704067200, 0, Accepted},
		"1990-01-01T00:00:00Z":           {minTime, 0, Accepted},
		"2099-12-31T23:59:59Z":           {maxTime - 1, 0, Accepted},
		"1989-12-31T23:59:59Z":           {0, 0, TimeOutOfRange},
		"2100-01-01T00:00:00Z":           {0, 0, TimeOutOfRange},
		"0":                              {0, 0, TimeOutOfRange},
		"-1":                             {0, 0, TimeOutOfRange},
		"4294967295":                     {0, 0, TimeOutOfRange}, // 2106
		"9999999999999999999":            {0, 0, BadTime},
		"99999999999999999999":           {0, 0, BadTime},
		"":                               {0, 0, MissingTime},
		"-":                              {0, 0, MissingTime},
		"[-]":                            {0, 0, MissingTime},
		"[]":                             {0, 0, MissingTime},
		"[":                              {0, 0, BadTime},
		"2024-08-01":                     {0, 0, BadTime},
		"2024-08-01T00:00":               {0, 0, BadTime},
		"2024-02-30T00:00:00Z":           {0, 0, BadTime},
		"2024-13-01T00:00:00Z":           {0, 0, BadTime},
		"2024-08-01T24:00:00Z":           {0, 0, BadTime},
		"2024-08-01T00:60:00Z":           {0, 0, BadTime},
		"2024-08-01T00:00:61Z":           {0, 0, BadTime},
		"2024-08-01T00:00:00+24":         {0, 0, BadTime},
		"2024-08-01T00:00:00+0060":       {0, 0, BadTime},
		"2024-08-01T00:00:00.Z":          {0, 0, BadTime},
		"2024-08-01T00:00:00 CEST":       {0, 0, BadTime},
		"01/Aug/2024:00:00:00":           {0, 0, BadTime},
		"01/aug/2024:00:00:00 +0000":     {0, 0, BadTime},
		"1/Aug/2024:00:00:00 +0000":      {0, 0, BadTime},
		"01/Aug/2024:00:00:00 +000":      {0, 0, BadTime},
		"yesterday":                      {0, 0, BadTime},
		"true":                           {0, 0, BadTime},
		"1e":                             {0, 0, BadTime},
		"1722470400 ":                    {0, 0, BadTime},
		"+1722470400":                    {0, 0, BadTime},
	} {
		var k clock
		for range 2 { // the second time with what the clock remembers
			sec, nanos, r := k.any([]byte(in))
			if sec != want.sec || nanos != want.nanos || r != want.r {
				t.Errorf("%q: %d %d %v, want %v", in, sec, nanos, r, want)
			}
		}
	}
}

// Whatever time.Parse reads, the clock reads as the same instant, whatever it
// has read before.
func TestTimesAgainstTheStandardLibrary(t *testing.T) {
	layouts := []string{"02/Jan/2006:15:04:05 -0700", time.RFC3339, time.RFC3339Nano, "2006-01-02 15:04:05.000-07:00", "2006-01-02T15:04:05Z"}
	var k clock
	rapid.Check(t, func(t *rapid.T) {
		sec := rapid.Int64Range(minTime, maxTime-1).Draw(t, "second")
		if rapid.Bool().Draw(t, "the same day") {
			sec = 1722470400 + sec%86400
		}
		nanos := rapid.Int64Range(0, 1e9-1).Draw(t, "nanosecond")
		zone := time.FixedZone("", 60*rapid.IntRange(-23*60, 23*60).Draw(t, "zone"))
		layout := rapid.SampledFrom(layouts).Draw(t, "layout")
		at := time.Unix(sec, nanos).In(zone)
		if strings.HasSuffix(layout, "05Z") {
			at = at.UTC()
		}
		text := at.Format(layout)
		want, err := time.Parse(layout, text)
		if err != nil {
			t.Fatal(err)
		}
		got, frac, r := k.any([]byte(text))
		if r != Accepted || got != want.Unix() || int(frac) != want.Nanosecond() {
			t.Fatalf("%s: %d.%09d (%v), want %d.%09d", text, got, frac, r, want.Unix(), want.Nanosecond())
		}
	})
}

func FuzzTime(f *testing.F) {
	for _, s := range []string{"2024-08-01T00:00:00.5+05:30", "01/Aug/2024:05:00:00 +0500", "1722470400.5", "1722470400123", "-", "[-]", "[]", "[", "1e9", "2024-08-01T00:00:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var k clock
		sec, nanos, r := k.any([]byte(s))
		again, nanos2, r2 := k.any([]byte(s))
		if sec != again || nanos != nanos2 || r != r2 {
			t.Fatalf("%q reads differently the second time", s)
		}
		if r == Accepted && (sec < minTime || sec >= maxTime || nanos < 0 || nanos >= 1e9) {
			t.Fatalf("%q: %d.%09d", s, sec, nanos)
		}
		for _, layout := range []string{"02/Jan/2006:15:04:05 -0700", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05"} {
			want, err := time.Parse(layout, s)
			if err != nil || want.Unix() < minTime || want.Unix() >= maxTime || len(s) < 19 || !strictClock(s, layout) {
				continue
			}
			if r != Accepted || sec != want.Unix() || int(nanos) != want.Nanosecond() {
				t.Fatalf("%q: %d.%09d (%v), want %d.%09d", s, sec, nanos, r, want.Unix(), want.Nanosecond())
			}
		}
		if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= minTime && n < maxTime && s[0] != '+' && len(s) < 12 && (r != Accepted || sec != n) {
			t.Fatalf("%q: %d (%v)", s, sec, r)
		}
	})
}

// strictClock leaves out what time.Parse reads more leniently: hours and days
// of one digit, month names in any case, zones of more than 23 hours.
func strictClock(s, layout string) bool {
	if layout[2] == '/' {
		return len(s) == 26 && s[2] == '/' && monthByName([]byte(s[3:6])) > 0 && s[14] == ':' && s[22:24] < "24" && s[24:26] < "60"
	}
	if s[13] != ':' || s[10] != 'T' {
		return false
	}
	if i := strings.LastIndexAny(s, "+-"); i > 10 {
		return i+6 == len(s) && s[i+1:i+3] < "24" && s[i+4:] < "60"
	}
	return true
}
