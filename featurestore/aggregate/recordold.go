package aggregate

import (
	"math"

	"sluice/featurestore/row"
)

// fieldsOfFormat1 is the number of fields in format 1.
const fieldsOfFormat1 = 18

// fieldsOfFormat2 is their number in format 2.
const fieldsOfFormat2 = 29

// oldRecord reads a record of format 1 or 2:
//
//	length of the address (4 or 16), address,
//	the counts as unsigned varints, first and last as signed ones,
//	number of agents, agents (8 bytes each, little-endian, ascending),
//	number of queries, queries likewise,
//	number of hours, per hour the step from the one before and the requests,
//	number of paths, per path its hash and the requests,
//	number of seconds, per second the step from the one before
//
// Format 1 ends after the hours and has the first 18 counts only.
func (d *decoder) oldRecord(r *Record) error {
	if len(d.b) == 0 {
		return errRecord
	}
	n := int(d.b[0])
	if n != 4 && n != 16 || !d.address(r, d.b[1:], n) {
		return errRecord
	}
	r.Counts = Counts{}
	for i, p := range r.Counts.fields() {
		if i < fieldsOfFormat1 || d.format > 1 && i < fieldsOfFormat2 {
			*p = d.count()
		}
	}
	r.SizeHi, r.SizeLo = d.uvarint(), d.uvarint()
	r.First, r.Last = d.varint(), d.varint()
	r.Agents = d.hashes(r.Agents)
	r.Queries = d.hashes(r.Queries)
	hours := d.uvarint()
	if hours > uint64(len(d.b)/2) {
		return errRecord
	}
	var hour, requests int64
	for i := range hours {
		step := d.varint()
		if i > 0 && (step <= 0 || hour > math.MaxInt64-step) {
			d.bad = true
			break
		}
		hour += step
		c := row.HourCount{Hour: hour, Requests: d.count()}
		requests = add(requests, c.Requests)
		r.Hours = append(r.Hours, c)
	}
	if d.format > 1 {
		d.paths(r)
		d.moments(r)
	}
	if d.bad || requests != r.Requests || !r.plausible() {
		return errRecord
	}
	return nil
}
