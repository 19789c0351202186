package aggregate

import (
	"math"
	"slices"

	"sluice/featurestore/row"
)

// hourCount is requests in one hour, counted from 1970.
type hourCount struct {
	hour     int32
	requests uint32
}

// hours counts requests per hour, ascending; the first hour in place. An hour
// stands twice where its count overflows 32 bits. The zero value is empty.
type hours struct {
	first hourCount
	rest  []hourCount
}

// begin counts n requests of one hour in empty hours.
func (h *hours) begin(hour int32, n int64) int {
	h.first = hourCount{hour, uint32(min(n, math.MaxUint32))}
	for n -= int64(h.first.requests); n > 0; n -= math.MaxUint32 {
		h.rest = append(h.rest, hourCount{hour, uint32(min(n, math.MaxUint32))})
	}
	return 8 * cap(h.rest)
}

// add counts one request and gives the bytes of memory that took. Logs are
// nearly in order of time, so the hour is mostly the last one.
func (h *hours) add(hour int32) int {
	if h.first.requests == 0 {
		h.first = hourCount{hour, 1}
		return 0
	}
	if len(h.rest) == 0 && h.first.hour == hour && h.first.requests != 1<<32-1 {
		h.first.requests++
		return 0
	}
	if n := len(h.rest); n > 0 {
		if last := &h.rest[n-1]; last.hour == hour && last.requests != 1<<32-1 {
			last.requests++
			return 0
		}
	}
	return h.insert(hour)
}

func (h *hours) insert(hour int32) int {
	if hour == h.first.hour && h.first.requests != 1<<32-1 {
		h.first.requests++
		return 0
	}
	i, found := slices.BinarySearchFunc(h.rest, hour, func(c hourCount, hour int32) int { return int(c.hour) - int(hour) })
	if found && h.rest[i].requests != 1<<32-1 {
		h.rest[i].requests++
		return 0
	}
	c := hourCount{hour, 1}
	if hour < h.first.hour {
		c, h.first = h.first, c
		i = 0
	}
	from := cap(h.rest)
	h.rest = slices.Insert(h.rest, i, c)
	return 8 * (cap(h.rest) - from)
}

// list appends the hours to dst, ascending.
func (h *hours) list(dst []row.HourCount) []row.HourCount {
	from := len(dst)
	if h.first.requests > 0 {
		dst = append(dst, row.HourCount{Hour: int64(h.first.hour), Requests: int64(h.first.requests)})
	}
	for _, c := range h.rest {
		dst = append(dst, row.HourCount{Hour: int64(c.hour), Requests: int64(c.requests)})
	}
	return append(dst[:from], compactHours(dst[from:])...)
}
