package webrequest

import "strings"

// NormalizedHost is Wikimedia's normalized_host. A field that doesn't apply is
// "-".
type NormalizedHost struct {
	ProjectClass  string // a copy of ProjectFamily
	Project       string
	Qualifiers    []string
	TLD           string
	ProjectFamily string
}

// qualifier reports whether a first label says how a site is read rather than
// which site it is.
func qualifier(label string) bool {
	switch label {
	case "m", "mobile", "wap", "zero", "download":
		return true
	}
	return false
}

// NormalizeHost splits a host into project, qualifiers, family and top-level
// domain. A blank host, one of a single label and an IPv4 address give a result
// of "-".
func NormalizeHost(uriHost string) NormalizedHost {
	n := NormalizedHost{ProjectClass: "-", Project: "-", TLD: "-", ProjectFamily: "-"}
	if trim(uriHost) == "" {
		return n
	}
	host, _, _ := strings.Cut(lowerHost(uriHost), ":")
	labels := hostLabels(host, true)
	last := len(labels) - 1
	if last < 1 || allOf(labels[last], isDigit) {
		return n
	}
	n.TLD = labels[last]
	n.ProjectFamily = labels[last-1]
	n.ProjectClass = n.ProjectFamily
	if last >= 2 && labels[0] != "www" {
		if qualifier(labels[0]) {
			n.Qualifiers = append(n.Qualifiers, labels[0])
		} else {
			n.Project = labels[0]
		}
	}
	if last >= 3 {
		n.Qualifiers = append(n.Qualifiers, labels[1:last-1]...)
	}
	return n
}

// hostLabels splits a host on dots and drops empty labels at the end. With
// runs, a run of dots and slashes is one dot.
func hostLabels(host string, runs bool) []string {
	if runs {
		var b strings.Builder
		for i := range len(host) {
			c := host[i]
			if c == '/' {
				c = '.'
			}
			if c == '.' && b.Len() > 0 && strings.HasSuffix(b.String(), ".") {
				continue
			}
			b.WriteByte(c)
		}
		host = b.String()
	}
	labels := strings.Split(host, ".")
	for len(labels) > 0 && labels[len(labels)-1] == "" {
		labels = labels[:len(labels)-1]
	}
	return labels
}
