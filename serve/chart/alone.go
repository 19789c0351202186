package chart

import "strings"

// Alone gives a picture that is looked at by itself its style, which it has of
// the page otherwise.
func Alone(svg string) string {
	head, rest, _ := strings.Cut(svg, ">")
	return head + "><style>" + strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(CSS) + "</style>" + rest
}
