package accesslog

import (
	"encoding/binary"
	"errors"
)

// The wire types of Thrift's compact protocol
// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
const (
	thriftStop   = 0
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
	thriftUUID   = 13
)

var (
	errShort  = errors.New("its metadata ends too early")
	errThrift = errors.New("its metadata is damaged")
	errMany   = errors.New("its metadata lists more than a table has")
)

// thrift walks over a compact Thrift message and holds nothing of it: it is
// there so that no size is believed before it was seen to fit.
type thrift struct {
	b     []byte
	at    int
	items int // list items that may still come
}

const thriftDepth = 32

func (t *thrift) byte() (byte, error) {
	if t.at >= len(t.b) {
		return 0, errShort
	}
	t.at++
	return t.b[t.at-1], nil
}

func (t *thrift) uvarint() (uint64, error) {
	v, n := binary.Uvarint(t.b[t.at:])
	if n == 0 {
		return 0, errShort
	} else if n < 0 {
		return 0, errThrift
	}
	t.at += n
	return v, nil
}

// integer is a zigzag number.
func (t *thrift) integer() (int64, error) {
	v, err := t.uvarint()
	return int64(v>>1) ^ -int64(v&1), err
}

func (t *thrift) pass(n uint64) error {
	if n > uint64(len(t.b)-t.at) {
		return errShort
	}
	t.at += int(n)
	return nil
}

// fields calls each for every field of a struct; each must pass its value.
func (t *thrift) fields(each func(id int64, kind byte) error) error {
	id := int64(0)
	for {
		head, err := t.byte()
		if err != nil {
			return err
		}
		if head == thriftStop {
			return nil
		}
		if step := int64(head >> 4); step != 0 {
			id += step
		} else if id, err = t.integer(); err != nil {
			return err
		}
		if err := each(id, head&0x0f); err != nil {
			return err
		}
	}
}

// list reads a list's head.
func (t *thrift) list() (n uint64, kind byte, err error) {
	head, err := t.byte()
	if err != nil {
		return 0, 0, err
	}
	n, kind = uint64(head>>4), head&0x0f
	if n == 15 {
		if n, err = t.uvarint(); err != nil {
			return 0, 0, err
		}
	}
	return n, kind, t.count(n)
}

// count takes note of n items to come, each of at least one byte.
func (t *thrift) count(n uint64) error {
	if n > uint64(len(t.b)-t.at) {
		return errShort
	}
	if t.items -= int(n); t.items < 0 {
		return errMany
	}
	return nil
}

// skip passes a value; within a list a boolean is a byte.
func (t *thrift) skip(kind byte, inList bool, depth int) error {
	if depth > thriftDepth {
		return errThrift
	}
	switch kind {
	case thriftTrue, thriftFalse:
		if inList {
			return t.pass(1)
		}
		return nil
	case thriftByte:
		return t.pass(1)
	case thriftI16, thriftI32, thriftI64:
		_, err := t.uvarint()
		return err
	case thriftDouble:
		return t.pass(8)
	case thriftUUID:
		return t.pass(16)
	case thriftBinary:
		n, err := t.uvarint()
		if err != nil {
			return err
		}
		return t.pass(n)
	case thriftList, thriftSet:
		n, item, err := t.list()
		for ; n > 0 && err == nil; n-- {
			err = t.skip(item, true, depth+1)
		}
		return err
	case thriftMap:
		n, err := t.uvarint()
		if err != nil || n == 0 {
			return err
		}
		if err := t.count(n); err != nil {
			return err
		}
		kinds, err := t.byte()
		for ; n > 0 && err == nil; n-- {
			if err = t.skip(kinds>>4, true, depth+1); err == nil {
				err = t.skip(kinds&0x0f, true, depth+1)
			}
		}
		return err
	case thriftStruct:
		return t.fields(func(_ int64, kind byte) error { return t.skip(kind, false, depth+1) })
	}
	return errThrift
}
