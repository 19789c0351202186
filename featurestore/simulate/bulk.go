package simulate

import (
	"os"
	"unsafe"
)

// A bulk file is written in blocks of this many bytes, each aligned in memory
// as direct output asks (open(2): the logical block size of the disk, at most
// a page in practice).
const (
	bulkBlock = 1 << 20
	bulkAlign = 4096
)

// bulkWriter writes a large file while its blocks are still being made: one
// block is filled while another is on its way to the disk. Whole blocks go
// past the page cache where the system can (setDirect): a month of logs would
// push everything else out of it, and filling the cache takes longer than
// making the lines. A file of less than a block never leaves it.
type bulkWriter struct {
	f       *os.File
	block   []byte // being filled
	full    chan []byte
	empty   chan []byte
	ended   chan struct{}
	err     error // of the writing goroutine; to be read once it has ended
	direct  bool
	stopped bool
}

// newBulkWriter begins a file at its start. End it with Close or stop, or its
// goroutine stays.
func newBulkWriter(f *os.File) *bulkWriter {
	return &bulkWriter{f: f, block: alignedBlock()}
}

// alignedBlock is an empty block of capacity bulkBlock at an aligned address.
func alignedBlock() []byte {
	b := make([]byte, bulkBlock+bulkAlign)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (bulkAlign - 1)
	return b[skip : skip : skip+bulkBlock]
}

// Write copies p. An error may belong to bytes of an earlier call.
func (w *bulkWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > cap(w.block)-len(w.block) {
		k := cap(w.block) - len(w.block)
		w.block = append(w.block, p[:k]...)
		p = p[k:]
		if err := w.pass(); err != nil {
			return 0, err
		}
	}
	w.block = append(w.block, p...)
	return n, nil
}

// pass hands the full block over and takes an empty one.
func (w *bulkWriter) pass() error {
	if w.full == nil {
		w.full, w.empty, w.ended = make(chan []byte, 1), make(chan []byte, 2), make(chan struct{})
		w.empty <- alignedBlock()
		w.direct = setDirect(w.f, true) == nil
		go w.run()
	}
	select {
	case w.full <- w.block:
	case <-w.ended:
		return w.err
	}
	select {
	case w.block = <-w.empty:
		return nil
	case <-w.ended:
		return w.err
	}
}

// run writes full blocks until there are no more or one fails.
func (w *bulkWriter) run() {
	defer close(w.ended)
	for b := range w.full {
		if w.err = w.write(b); w.err != nil {
			return
		}
		w.empty <- b[:0]
	}
}

// write writes a block; a file system that takes the flag but not the bytes
// gets them the ordinary way.
func (w *bulkWriter) write(b []byte) error {
	n, err := w.f.Write(b)
	if err != nil && n == 0 && w.direct {
		w.direct = false
		if setDirect(w.f, false) == nil {
			_, err = w.f.Write(b)
		}
	}
	return err
}

// stop waits until no block is on its way. Without a Close before, what was
// not yet written is lost.
func (w *bulkWriter) stop() {
	if w.full != nil && !w.stopped {
		w.stopped = true
		close(w.full)
		<-w.ended
	}
}

// Close writes what is left. The file stays open.
func (w *bulkWriter) Close() error {
	w.stop()
	if w.err != nil {
		return w.err
	}
	if w.direct { // the rest is no whole block
		if err := setDirect(w.f, false); err != nil {
			return err
		}
	}
	_, err := w.f.Write(w.block)
	return err
}
