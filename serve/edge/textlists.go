package edge

import (
	"bufio"
	"iter"
)

// Lists of a line an entry, with comments after a #.

func writeHAProxyMap(w *bufio.Writer, h *Header, entries iter.Seq[Entry]) error {
	return writeLines(w, h, HAProxyMap, " "+h.Name+"\n", entries)
}

func writeHAProxyACL(w *bufio.Writer, h *Header, entries iter.Seq[Entry]) error {
	return writeLines(w, h, HAProxyACL, "\n", entries)
}

func writeNginx(w *bufio.Writer, h *Header, entries iter.Seq[Entry]) error {
	return writeLines(w, h, Nginx, " 1;\n", entries)
}

func writeLines(w *bufio.Writer, h *Header, f Format, tail string, entries iter.Seq[Entry]) error {
	comment(w, "# ", h.lines(f))
	var buf []byte
	for e := range entries {
		buf = append(appendPrefix(buf[:0], e.Prefix), tail...)
		if _, err := w.Write(buf); err != nil {
			return err
		}
	}
	return nil
}
