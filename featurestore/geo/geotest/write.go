package geotest

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"os"
	"slices"
	"time"

	"sluice/featurestore/fault"
)

// Entry is a network and its record: texts, uint32 and maps of them by name.
type Entry struct {
	Prefix string
	Record map[string]any
}

// Write writes a database of IPv4 and IPv6 networks, in the order in which the
// more specific come later.
func Write(path, kind string, built time.Time, entries []Entry) error {
	const leaf = 1 << 31 // marks an index of offsets rather than of nodes
	nodes := [][2]uint32{{}}
	var data []byte
	var offsets []uint32
	for _, e := range entries {
		p, err := netip.ParsePrefix(e.Prefix)
		if err != nil {
			return fault.As(fault.Invalid, err)
		}
		offsets = append(offsets, uint32(len(data)))
		data = encode(data, e.Record)
		// IPv4 lies in the lowest 32 bits, as the format wants it.
		bits, a := p.Bits(), p.Addr().As16()
		if p.Addr().Is4() {
			bits, a = bits+96, [16]byte{}
			v4 := p.Addr().As4()
			copy(a[12:], v4[:])
		}
		at := uint32(0)
		for i := range bits {
			side := a[i/8] >> (7 - i%8) & 1
			if i == bits-1 {
				nodes[at][side] = leaf | uint32(len(offsets)-1)
				break
			}
			next := nodes[at][side]
			if next == 0 || next&leaf != 0 {
				// A wider network's record goes on to either side.
				nodes = append(nodes, [2]uint32{next, next})
				next = uint32(len(nodes) - 1)
				nodes[at][side] = next
			}
			at = next
		}
	}
	var b []byte
	for _, n := range nodes {
		for _, v := range n {
			switch {
			case v == 0:
				v = uint32(len(nodes))
			case v&leaf != 0:
				v = uint32(len(nodes)) + 16 + offsets[v&^leaf]
			}
			b = binary.BigEndian.AppendUint32(b, v)
		}
	}
	b = append(b, make([]byte, 16)...)
	b = append(b, data...)
	b = append(b, "\xab\xcd\xefMaxMind.com"...)
	b = encode(b, map[string]any{
		"binary_format_major_version": uint32(2), "binary_format_minor_version": uint32(0), "build_epoch": uint32(built.Unix()),
		"database_type": kind, "ip_version": uint32(6), "node_count": uint32(len(nodes)), "record_size": uint32(32),
	})
	return os.WriteFile(path, b, 0o644)
}

// encode appends a value: its type in the upper three bits and its size below,
// then its bytes.
func encode(b []byte, v any) []byte {
	const text, number, dict = 2, 6, 7
	head := func(kind, size int) {
		if size < 29 {
			b = append(b, byte(kind<<5|size))
			return
		}
		b = append(b, byte(kind<<5|29), byte(size-29)) // up to 284
	}
	switch v := v.(type) {
	case string:
		head(text, len(v))
		b = append(b, v...)
	case uint32:
		head(number, 4)
		b = binary.BigEndian.AppendUint32(b, v)
	case map[string]any:
		head(dict, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b = encode(b, key)
			b = encode(b, v[key])
		}
	}
	return b
}
