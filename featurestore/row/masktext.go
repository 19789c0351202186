package row

import (
	"net/netip"
	"regexp"
	"strings"
)

var (
	dotted  = regexp.MustCompile(`((?:[0-9]{1,3}\.){3})[0-9]{1,3}`)
	coloned = regexp.MustCompile(`[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*`)
)

// MaskText is a text for an error with every address in it masked as by Mask:
// what stands in the wrong column of a file may be an address. It masks rather
// too much, as four dotted numbers that are none, than too little.
func MaskText(s string) string {
	s = coloned.ReplaceAllStringFunc(s, func(run string) string {
		// A mark of punctuation or a port may follow the address, and a
		// word's colon stand before it.
		for _, head := range []string{run, strings.TrimPrefix(run, ":")} {
			for head != "" {
				if a, err := netip.ParseAddr(head); err == nil {
					return Mask(a)
				}
				head = head[:max(strings.LastIndexAny(head, ":."), 0)]
			}
		}
		return run
	})
	return dotted.ReplaceAllString(s, "${1}xxx")
}
