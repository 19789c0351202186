package edge

import (
	"bufio"
	"fmt"
	"iter"
	"time"
)

// nftBatch is how many elements one statement adds.
const nftBatch = 1000

// nftTable is the table that holds all lists' sets; a list's name could be a
// word of nft's language, nftSet's names can't.
const nftTable = "inet sluice"

func nftSet(name string, v4 bool) string {
	if v4 {
		return name + "_v4"
	}
	return name + "_v6"
}

// writeNFT writes a script for nft -f: the table sluice with the sets NAME_v4
// and NAME_v6, made where they are missing, emptied and filled in one
// transaction. It has no rules: which chain looks into the sets is the
// administrator's choice. With a lifetime elements vanish by themselves when a
// list is not renewed.
func writeNFT(w *bufio.Writer, h *Header, entries iter.Seq[Entry]) error {
	comment(w, "# ", h.lines(NFT))
	flags := "interval"
	if h.Lifetime > 0 {
		flags = "interval, timeout"
	}
	fmt.Fprintf(w, "table %s {\n", nftTable)
	for _, v4 := range []bool{true, false} {
		kind := "ipv6_addr"
		if v4 {
			kind = "ipv4_addr"
		}
		fmt.Fprintf(w, "\tset %s {\n\t\ttype %s\n\t\tflags %s\n", nftSet(h.Name, v4), kind, flags)
		if h.Lifetime > 0 {
			fmt.Fprintf(w, "\t\ttimeout %s\n", nftDuration(h.Lifetime))
		}
		w.WriteString("\t}\n")
	}
	w.WriteString("}\n")
	for _, v4 := range []bool{true, false} {
		fmt.Fprintf(w, "flush set %s %s\n", nftTable, nftSet(h.Name, v4))
	}
	n, v4 := 0, true
	var buf []byte
	for e := range entries {
		buf = buf[:0]
		if is4 := e.Prefix.Addr().Is4(); n == nftBatch || is4 != v4 {
			if n > 0 {
				buf = append(buf, "\n}\n"...)
			}
			n, v4 = 0, is4
		}
		if n == 0 {
			buf = fmt.Appendf(buf, "add element %s %s {\n\t", nftTable, nftSet(h.Name, v4))
		} else {
			buf = append(buf, ",\n\t"...)
		}
		n++
		if _, err := w.Write(appendPrefix(buf, e.Prefix)); err != nil {
			return err
		}
	}
	if n > 0 {
		w.WriteString("\n}\n")
	}
	return nil
}

// nftDuration writes whole seconds as nft reads them.
func nftDuration(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
