package xgboost

import (
	"encoding/binary"
	"math"
	"strconv"
)

// jsonEncoder writes compact JSON.
type jsonEncoder struct {
	b     []byte
	comma bool // before the next key or element
}

func (e *jsonEncoder) open() { e.b = append(e.b, '{'); e.comma = false }

func (e *jsonEncoder) key(k string) {
	e.next()
	e.b = append(appendJSONString(e.b, k), ':')
	e.comma = false
}

func (e *jsonEncoder) close()          { e.b = append(e.b, '}'); e.comma = true }
func (e *jsonEncoder) string(s string) { e.b = appendJSONString(e.b, s); e.comma = true }
func (e *jsonEncoder) integer(i int64) { e.b = strconv.AppendInt(e.b, i, 10); e.comma = true }
func (e *jsonEncoder) float(f float32) { e.b = appendNumber(e.b, f); e.comma = true }
func (e *jsonEncoder) openArray(int)   { e.b = append(e.b, '['); e.comma = false }
func (e *jsonEncoder) closeArray()     { e.b = append(e.b, ']'); e.comma = true }
func (e *jsonEncoder) result() []byte  { return e.b }

func (e *jsonEncoder) next() {
	if e.comma {
		e.b = append(e.b, ',')
	}
}

func (e *jsonEncoder) float32s(a []float32) { jsonArray(e, a, e.float) }
func (e *jsonEncoder) int32s(a []int32) {
	jsonArray(e, a, func(i int32) { e.integer(int64(i)) })
}
func (e *jsonEncoder) int64s(a []int64) { jsonArray(e, a, e.integer) }
func (e *jsonEncoder) bytes(a []uint8) {
	jsonArray(e, a, func(i uint8) { e.integer(int64(i)) })
}

func jsonArray[T any](e *jsonEncoder, a []T, one func(T)) {
	e.openArray(len(a))
	for _, v := range a {
		e.next()
		one(v)
	}
	e.closeArray()
}

// ubjEncoder writes UBJSON in XGBoost's dialect: every length is an int64,
// numbers of a tree are typed arrays, all big endian.
type ubjEncoder struct{ b []byte }

func (e *ubjEncoder) length(n int) {
	e.b = binary.BigEndian.AppendUint64(append(e.b, 'L'), uint64(n))
}

func (e *ubjEncoder) open()        { e.b = append(e.b, '{') }
func (e *ubjEncoder) close()       { e.b = append(e.b, '}') }
func (e *ubjEncoder) key(k string) { e.length(len(k)); e.b = append(e.b, k...) }
func (e *ubjEncoder) string(s string) {
	e.b = append(e.b, 'S')
	e.length(len(s))
	e.b = append(e.b, s...)
}

// integer takes the smallest signed type that holds i.
func (e *ubjEncoder) integer(i int64) {
	switch {
	case i == int64(int8(i)):
		e.b = append(e.b, 'i', byte(i))
	case i == int64(int16(i)):
		e.b = binary.BigEndian.AppendUint16(append(e.b, 'I'), uint16(i))
	case i == int64(int32(i)):
		e.b = binary.BigEndian.AppendUint32(append(e.b, 'l'), uint32(i))
	default:
		e.b = binary.BigEndian.AppendUint64(append(e.b, 'L'), uint64(i))
	}
}

func (e *ubjEncoder) float(f float32) {
	e.b = binary.BigEndian.AppendUint32(append(e.b, 'd'), math.Float32bits(f))
}

func (e *ubjEncoder) openArray(n int) { e.b = append(e.b, '[', '#'); e.length(n) }
func (e *ubjEncoder) next()           {}
func (e *ubjEncoder) closeArray()     {} // a counted array has no end
func (e *ubjEncoder) result() []byte  { return e.b }

func (e *ubjEncoder) typed(t byte, n int) { e.b = append(e.b, '[', '$', t, '#'); e.length(n) }

func (e *ubjEncoder) float32s(a []float32) {
	e.typed('d', len(a))
	for _, f := range a {
		e.b = binary.BigEndian.AppendUint32(e.b, math.Float32bits(f))
	}
}

func (e *ubjEncoder) int32s(a []int32) {
	e.typed('l', len(a))
	for _, i := range a {
		e.b = binary.BigEndian.AppendUint32(e.b, uint32(i))
	}
}

func (e *ubjEncoder) int64s(a []int64) {
	e.typed('L', len(a))
	for _, i := range a {
		e.b = binary.BigEndian.AppendUint64(e.b, uint64(i))
	}
}

func (e *ubjEncoder) bytes(a []uint8) {
	e.typed('U', len(a))
	e.b = append(e.b, a...)
}
