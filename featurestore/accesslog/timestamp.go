package accesslog

import "strconv"

// The range of times that a log line may have, in Unix seconds: from 1990 up
// to, not including, 2100.
const (
	minTime = 631152000
	maxTime = 4102444800
)

// clock reads times. It remembers the last day and zone, because the lines of
// a log share them.
type clock struct {
	isoDay  [10]byte
	isoBase int64
	clfDay  [11]byte
	clfBase int64
	zone    [5]byte
	offset  int64
}

// any reads a time in whichever form it is in: ISO 8601, the common log
// format's with or without brackets, or a number of seconds, milli-, micro- or
// nanoseconds since 1970.
func (k *clock) any(s []byte) (sec int64, nanos int32, r Reason) {
	if len(s) > 1 && s[0] == '[' && s[len(s)-1] == ']' {
		s = s[1 : len(s)-1]
	}
	if len(s) == 0 || len(s) == 1 && s[0] == '-' {
		return 0, 0, MissingTime
	}
	ok := false
	switch {
	case len(s) > 10 && s[4] == '-':
		sec, nanos, ok = k.iso(s)
	case len(s) > 11 && s[2] == '/':
		sec, nanos, ok = k.clf(s)
	default:
		sec, nanos, ok = epoch(s)
	}
	switch {
	case !ok:
		return 0, 0, BadTime
	case sec < minTime || sec >= maxTime:
		return 0, 0, TimeOutOfRange
	}
	return sec, nanos, Accepted
}

// clf reads "10/Oct/2000:13:55:36 -0700". The zone may also be "Z", "UTC",
// "GMT" or have a colon, and the seconds a fraction.
func (k *clock) clf(s []byte) (sec int64, nanos int32, ok bool) {
	if len(s) < 20 || s[11] != ':' {
		return 0, 0, false
	}
	if s[2] != '/' || [11]byte(s) != k.clfDay {
		day, ok1 := two(s[0:])
		year, ok2 := four(s[7:])
		month := monthByName(s[3:6])
		if !ok1 || !ok2 || s[2] != '/' || s[6] != '/' || month == 0 || day < 1 || day > daysIn(year, month) {
			return 0, 0, false
		}
		k.clfBase = daysSince1970(year, month, day) * 86400
		k.clfDay = [11]byte(s)
	}
	of, ok := timeOfDay(s[12:])
	if !ok {
		return 0, 0, false
	}
	rest, nanos, ok := fraction(s[20:])
	if !ok || len(rest) < 2 || rest[0] != ' ' {
		return 0, 0, false
	}
	off, ok := k.zoneOffset(rest[1:])
	return k.clfBase + of - off, nanos, ok
}

// iso reads "2024-08-01T12:00:00Z": "T" or a blank between date and time, a
// fraction after a point or comma, "Z", "UTC", ±HH, ±HHMM, ±HH:MM or nothing
// (UTC) as the zone.
func (k *clock) iso(s []byte) (sec int64, nanos int32, ok bool) {
	if len(s) < 19 || s[10] != 'T' && s[10] != ' ' && s[10] != 't' {
		return 0, 0, false
	}
	if s[4] != '-' || [10]byte(s) != k.isoDay {
		year, ok1 := four(s[0:])
		month, ok2 := two(s[5:])
		day, ok3 := two(s[8:])
		if !ok1 || !ok2 || !ok3 || s[4] != '-' || s[7] != '-' || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
			return 0, 0, false
		}
		k.isoBase = daysSince1970(year, month, day) * 86400
		k.isoDay = [10]byte(s)
	}
	of, ok := timeOfDay(s[11:])
	if !ok {
		return 0, 0, false
	}
	rest, nanos, ok := fraction(s[19:])
	if !ok {
		return 0, 0, false
	}
	if len(rest) == 0 || len(rest) == 1 && rest[0]|0x20 == 'z' {
		return k.isoBase + of, nanos, true
	}
	if rest[0] == ' ' {
		rest = rest[1:]
	}
	off, ok := k.zoneOffset(rest)
	return k.isoBase + of - off, nanos, ok
}

// zoneOffset is the number of seconds that a zone is ahead of UTC.
func (k *clock) zoneOffset(s []byte) (int64, bool) {
	if len(s) == 5 && s[0] != 0 && [5]byte(s) == k.zone {
		return k.offset, true
	}
	switch string(s) {
	case "Z", "z", "UTC", "GMT":
		return 0, true
	}
	if len(s) < 3 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hour, ok := two(s[1:])
	minute := 0
	switch {
	case !ok || hour > 23:
		return 0, false
	case len(s) == 5:
		minute, ok = two(s[3:])
	case len(s) == 6 && s[3] == ':':
		minute, ok = two(s[4:])
	case len(s) != 3:
		return 0, false
	}
	if !ok || minute > 59 {
		return 0, false
	}
	off := int64(hour*3600 + minute*60)
	if s[0] == '-' {
		off = -off
	}
	if len(s) == 5 {
		k.zone, k.offset = [5]byte(s), off
	}
	return off, true
}

// timeOfDay reads "13:55:36" at the start of s in seconds. 60 seconds, a leap
// second, is the next minute's start.
func timeOfDay(s []byte) (int64, bool) {
	h, ok1 := two(s[0:])
	m, ok2 := two(s[3:])
	c, ok3 := two(s[6:])
	if !ok1 || !ok2 || !ok3 || s[2] != ':' || s[5] != ':' || h > 23 || m > 59 || c > 60 {
		return 0, false
	}
	return int64(h*3600 + m*60 + c), true
}

// fraction reads ".123" at the start of s, if it is there, in nanoseconds and
// gives what follows. Digits beyond the ninth are dropped.
func fraction(s []byte) (rest []byte, nanos int32, ok bool) {
	if len(s) == 0 || s[0] != '.' && s[0] != ',' {
		return s, 0, true
	}
	i, scale := 1, int32(100_000_000)
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		nanos += int32(s[i]-'0') * scale
		scale /= 10
	}
	return s[i:], nanos, i > 1
}

// epoch reads a number of seconds since 1970, perhaps with a fraction, or a
// whole number of milli-, micro- or nanoseconds. The four ranges that fall
// between 1990 and 2100 don't overlap, so the size of the number tells.
func epoch(s []byte) (sec int64, nanos int32, ok bool) {
	i, neg := 0, false
	if s[0] == '-' {
		i, neg = 1, true
	}
	var n int64
	start := i
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		if i-start == 19 {
			return 0, 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	if i == start {
		return 0, 0, false
	}
	if i < len(s) && (s[i]|0x20) == 'e' || i < len(s) && s[i] == '.' && hasExponent(s[i:]) {
		f, err := strconv.ParseFloat(string(s), 64)
		if err != nil || f < 0 || f >= 1e12 {
			return 0, 0, err == nil && f < 0
		}
		return int64(f), int32((f - float64(int64(f))) * 1e9), true
	}
	if n < 0 { // 19 digits may pass the largest int64
		return 0, 0, false
	}
	rest, nanos, ok := fraction(s[i:])
	if !ok || len(rest) > 0 {
		return 0, 0, false
	}
	if neg {
		return -n, 0, true
	}
	for _, unit := range [...]int64{1e3, 1e6, 1e9} {
		if n >= minTime*unit && n/unit < maxTime {
			return n / unit, int32(n % unit * (1e9 / unit)), true
		}
	}
	return n, nanos, true
}

func hasExponent(s []byte) bool {
	for _, c := range s {
		if c|0x20 == 'e' {
			return true
		}
	}
	return false
}

func two(s []byte) (int, bool) {
	a, b := s[0]-'0', s[1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

func four(s []byte) (int, bool) {
	a, ok1 := two(s)
	b, ok2 := two(s[2:])
	return a*100 + b, ok1 && ok2
}

const monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"

func monthByName(s []byte) int {
	for m := range 12 {
		if monthNames[3*m:3*m+3] == string(s) {
			return m + 1
		}
	}
	return 0
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince1970 counts days of the Gregorian calendar. Years are counted from
// March, so that the leap day is a year's last.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year--
		month += 12
	}
	return int64(365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 719469)
}
