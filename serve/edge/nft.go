package edge

import (
	"bufio"
	"fmt"
	"iter"
	"time"
)

// nftBatch is how many elements one statement adds.
const nftBatch = 1000

// writeNFT writes a script for nft -f: a table of the list's name with the
// sets NAME4 and NAME6, made where they are missing, emptied and filled in one
// transaction. It has no rules: which chain looks into the sets is the
// administrator's choice. With a lifetime elements vanish by themselves when a
// list is not renewed.
func writeNFT(w *bufio.Writer, h *Header, entries iter.Seq[Entry]) error {
	comment(w, "# ", h.lines(NFT))
	flags := "interval"
	if h.Lifetime > 0 {
		flags = "interval, timeout"
	}
	fmt.Fprintf(w, "table inet %s {\n", h.Name)
	for _, family := range []string{"4", "6"} {
		fmt.Fprintf(w, "\tset %s%s {\n\t\ttype ipv%s_addr\n\t\tflags %s\n", h.Name, family, family, flags)
		if h.Lifetime > 0 {
			fmt.Fprintf(w, "\t\ttimeout %s\n", nftDuration(h.Lifetime))
		}
		w.WriteString("\t}\n")
	}
	w.WriteString("}\n")
	for _, family := range []string{"4", "6"} {
		fmt.Fprintf(w, "flush set inet %s %s%s\n", h.Name, h.Name, family)
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
			family := "6"
			if v4 {
				family = "4"
			}
			buf = fmt.Appendf(buf, "add element inet %s %s%s {\n\t", h.Name, h.Name, family)
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
