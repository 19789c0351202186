package serverlogs

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"os"
	"sync"

	"sluice/featurestore/fault"
)

// record is a request in 32 bytes.
type record struct {
	time    uint32 // Unix seconds
	ip      uint32
	target  uint32 // number; suspicious is set for those of the second dictionary
	agent   uint32
	size    int64 // -1: none
	latency float32
	status  uint16 // 0: none
	method  uint8
	referer uint8 // 1 + the attack class found in the referer; 0: none
}

const (
	recordSize = 32
	chunkSize  = 1 << 15
	suspicious = 1 << 31
)

func (r *record) put(b []byte) {
	binary.LittleEndian.PutUint32(b, r.time)
	binary.LittleEndian.PutUint32(b[4:], r.ip)
	binary.LittleEndian.PutUint32(b[8:], r.target)
	binary.LittleEndian.PutUint32(b[12:], r.agent)
	binary.LittleEndian.PutUint64(b[16:], uint64(r.size))
	binary.LittleEndian.PutUint32(b[24:], math.Float32bits(r.latency))
	binary.LittleEndian.PutUint16(b[28:], r.status)
	b[30], b[31] = r.method, r.referer
}

func (r *record) get(b []byte) {
	r.time = binary.LittleEndian.Uint32(b)
	r.ip = binary.LittleEndian.Uint32(b[4:])
	r.target = binary.LittleEndian.Uint32(b[8:])
	r.agent = binary.LittleEndian.Uint32(b[12:])
	r.size = int64(binary.LittleEndian.Uint64(b[16:]))
	r.latency = math.Float32frombits(binary.LittleEndian.Uint32(b[24:]))
	r.status = binary.LittleEndian.Uint16(b[28:])
	r.method, r.referer = b[30], b[31]
}

// store keeps records: in memory up to a limit, beyond it in a temporary file
// that no other program sees.
type store struct {
	mu      sync.Mutex
	chunks  [][]record
	held    int
	limit   int // records in memory
	file    *os.File
	w       *bufio.Writer
	spilled int
	failed  error
}

func newStore(limitBytes int64) *store {
	return &store{limit: max(int(limitBytes/recordSize), 2*chunkSize)}
}

// add takes a chunk of records over and gives an empty one.
func (s *store) add(chunk []record) ([]record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return nil, s.failed
	}
	if s.held+len(chunk) <= s.limit {
		s.chunks = append(s.chunks, chunk)
		s.held += len(chunk)
		return make([]record, 0, chunkSize), nil
	}
	if s.failed = s.spill(chunk); s.failed != nil {
		return nil, s.failed
	}
	return chunk[:0], nil
}

func (s *store) spill(chunk []record) error {
	if s.file == nil {
		f, err := os.CreateTemp("", "server-logs-*.tmp")
		if err != nil {
			return fault.As(fault.Exhausted, fault.Wrap(err, "the records don't fit in the memory given, and no temporary file can be made; give more with --memory or set TMPDIR"))
		}
		_ = os.Remove(f.Name()) // it lives on until it is closed
		s.file, s.w = f, bufio.NewWriterSize(f, 1<<18)
	}
	var b [recordSize]byte
	for i := range chunk {
		chunk[i].put(b[:])
		if _, err := s.w.Write(b[:]); err != nil {
			return fault.As(fault.Exhausted, fault.Wrap(err, "the records don't fit in the memory given nor in the temporary folder; give more with --memory or set TMPDIR"))
		}
	}
	s.spilled += len(chunk)
	return nil
}

// each hands out every record, in no particular order.
func (s *store) each(f func(*record)) error {
	for _, c := range s.chunks {
		for i := range c {
			f(&c[i])
		}
	}
	if s.file == nil {
		return nil
	}
	if err := s.w.Flush(); err != nil {
		return fault.As(fault.Exhausted, fault.Wrap(err, "the temporary file of records can't be written; set TMPDIR"))
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return fault.Wrap(err, "the temporary file of records")
	}
	in := bufio.NewReaderSize(s.file, 1<<18)
	var b [recordSize]byte
	var r record
	for range s.spilled {
		if _, err := io.ReadFull(in, b[:]); err != nil {
			return fault.As(fault.Corrupt, fault.Wrap(err, "the temporary file of records was cut short"))
		}
		r.get(b[:])
		f(&r)
	}
	return nil
}

func (s *store) close() {
	if s.file != nil {
		_ = s.file.Close()
	}
	s.chunks = nil
}
