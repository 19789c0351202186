package edge

import (
	"bufio"
	"iter"
)

// writeNetmapper writes the JSON object that libvmod-netmapper loads: a list of
// networks a name. It has no comments. A list without entries has no name
// either: the loader takes an object without names, an empty list is an error.
func writeNetmapper(w *bufio.Writer, h *Header, entries iter.Seq[Entry]) error {
	buf := []byte("{")
	n := 0
	for e := range entries {
		if n == 0 {
			buf = append(buf, '"')
			buf = append(buf, h.Name...)
			buf = append(buf, `": [`...)
		} else {
			buf = append(buf, ',')
		}
		n++
		buf = append(buf, "\n  \""...)
		buf = append(appendPrefix(buf, e.Prefix), '"')
		if _, err := w.Write(buf); err != nil {
			return err
		}
		buf = buf[:0]
	}
	if n > 0 {
		buf = append(buf, "\n]"...)
	}
	_, err := w.Write(append(buf, "}\n"...))
	return err
}
