package injection

import (
	"strings"

	"github.com/corazawaf/libinjection-go"
)

// HTML reports whether a decoded value carries markup or script that would
// take effect in a page that repeats it, and names the technique.
func HTML(v string) (technique string, ok bool) {
	v = bound(v)
	if !strings.ContainsAny(v, "<>(=`:{'\";&+\\[") {
		return "", false
	}
	if t := tag(v); t != "" {
		return t, true
	}
	low := strings.ToLower(v)
	switch {
	case handler(low):
		return "event handler", true
	case scriptURL(low):
		return "script in a URL", true
	}
	if t := script(low); t != "" {
		return t, true
	}
	switch {
	case breaksAttribute(low):
		return "breaks out of an attribute", true
	case styled(low):
		return "script in a style", true
	case strings.Contains(low, "+adw-") && strings.Contains(low, "+ad4-"):
		return "UTF-7 markup", true
	case strings.Contains(v, "<") && strings.ContainsAny(v, ">=\"'(/") && libinjection.IsXSS(v):
		return "markup", true
	}
	return "", false
}

// elements are the elements of HTML, SVG and MathML, by name; those that run
// or load something are true.
var elements = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields("a abbr acronym address applet article aside b bdi bdo big blink blockquote br button caption center cite code col colgroup dd del details dfn dialog dir div dl dt em fieldset figcaption figure font footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html i input ins kbd label legend li main map mark marquee menu meter multicol nav nobr ol optgroup option output p plaintext pre progress q rp rt ruby s samp search section select slot small spacer span strike strong sub summary sup table tbody td textarea tfoot th thead time title tr tt u ul var wbr xmp noscript noembed noframes layer ilayer body math mi mo mn ms mtext maction annotation-xml semantics g path rect circle text tspan a desc defs use symbol") {
		m[n] = false
	}
	for _, n := range strings.Fields("script img image svg iframe frame frameset object embed video audio source track link meta base style input isindex keygen bgsound xml xss set animate animatetransform animatemotion foreignobject template canvas param picture portal comment listing import handler listener discard") {
		m[n] = true
	}
	return m
}()

// tag finds a tag, a comment or a declaration: "<" and what makes it one to a
// parser of HTML. A comparison, an arrow, an address in brackets is none.
func tag(v string) string {
	for i := 0; ; i++ {
		n := strings.IndexByte(v[i:], '<')
		if n < 0 {
			return ""
		}
		i += n
		rest := v[i+1:]
		if strings.HasPrefix(rest, "!--") || strings.HasPrefix(rest, "![") || hasFold(rest, "!doctype") || hasFold(rest, "!entity") || hasFold(rest, "!element") {
			return "comment or declaration"
		}
		if hasFold(rest, "?xml") || hasFold(rest, "?php") || hasFold(rest, "?=") || hasFold(rest, "? ") || strings.HasPrefix(rest, "%") && strings.Contains(rest, "%>") {
			return "processing instruction"
		}
		rest = strings.TrimLeft(rest, "/ \t\r\n\x00+")
		j := 0
		for j < len(rest) && (isLetter(rest[j]) || isDigit(rest[j]) || rest[j] == '-' || rest[j] == ':' || rest[j] == '_') {
			j++
		}
		if j == 0 || !isLetter(rest[0]) {
			if j == 0 && len(rest) > 0 && rest[0] == '<' {
				continue
			}
			continue
		}
		name := strings.ToLower(rest[:j])
		tail := rest[j:]
		closed := strings.IndexByte(tail, '>')
		if k := strings.LastIndexByte(name, ':'); k >= 0 {
			name = name[k+1:]
		}
		runs, known := elements[name]
		ended := tail == "" || tail[0] == '>' || tail[0] == '/' || isSpace(tail[0]) || tail[0] == '<' || tail[0] == '+' || tail[0] == '"' || tail[0] == '\''
		switch {
		case known && runs && ended, strings.HasPrefix(name, "script"), strings.HasPrefix(name, "iframe") && ended:
			return "tag " + elementName(name)
		case known && ended && (closed >= 0 || strings.Contains(tail, "=")):
			return "tag " + elementName(name)
		case closed > 0 && strings.ContainsAny(tail[:closed], "=(") && ended, closed > 0 && handler(strings.ToLower(tail)):
			return "tag of its own name"
		case len(rest) < len(v[i+1:]) && v[i+1] == '/' && closed == 0:
			return "closing tag"
		case strings.HasPrefix(name, "scr") && strings.Contains(strings.ToLower(tail), "ipt"), strings.HasPrefix(name, "img") || strings.HasPrefix(name, "svg") || strings.HasPrefix(name, "body") || strings.HasPrefix(name, "object") || strings.HasPrefix(name, "embed"):
			if strings.ContainsAny(tail, "=(") {
				return "tag in pieces"
			}
		}
	}
}

func elementName(n string) string {
	if strings.HasPrefix(n, "script") {
		return "script"
	}
	return n
}

func hasFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// eventWords are what the names of events begin with, behind "on".
var eventWords = strings.Fields("abort activate after animation append audio auxclick back before begin blur bounce broadcast cache cancel canplay cell change check click close command complete connect content context control copy cue cut data dbl deactivate device down drag drop duration emptied end ended enter error exit filter finish focus form full fscommand gesture got hash help input invalid key language layout lose lost load location loc mark media message mouse move mute navigation network no offline online open orientation out over page paste pause play pointer pop power progress property ranchange ranstart ratechange readystate received repeat reset resize resume reverse row scroll search security seek select selection show slot snap sound stalled start state statechange stop storage submit success suspend sync synchrestored text time toggle touch track transition unhandled unload update upgrade url user valid value variable visibility volume wait warn web wheel zoom")

// handler finds an attribute that holds a script: on…= behind a blank, a quote
// or a slash, with the name of an event or with a call behind it.
func handler(low string) bool {
	for i := 0; ; {
		n := strings.Index(low[i:], "on")
		if n < 0 {
			return false
		}
		i += n
		start := i
		i += 2
		j := i
		for j < len(low) && (isLetter(low[j]) || isDigit(low[j])) {
			j++
		}
		name := low[i:j]
		if len(name) < 3 {
			continue
		}
		delim := start == 0 || strings.IndexByte(" \t\r\n\f\v\"'`/<;>|,&", low[start-1]) >= 0 || low[start-1] < ' '
		if !delim {
			continue
		}
		k := j
		// Browsers accept blanks in front of the sign, and older ones more.
		for k < len(low) && (isSpace(low[k]) || low[k] < ' ' || k < j+24 && strings.IndexByte("!#$%&()*~+-_.,:;?@[/|\\]^`", low[k]) >= 0 && strings.IndexByte(low[k:], '=') >= 0) {
			k++
		}
		if k >= len(low) || low[k] != '=' || k+1 < len(low) && low[k+1] == '=' {
			continue
		}
		value := strings.TrimLeft(low[k+1:], " \t\r\n\"'`+")
		event := false
		for _, w := range eventWords {
			if strings.HasPrefix(name, w) {
				event = true
				break
			}
		}
		quotedBefore := strings.ContainsAny(low[:start], "\"'`<>") || start > 0 && low[start-1] == '/'
		call := strings.ContainsAny(value, "(`[;") || strings.Contains(value, "location") || strings.Contains(value, "document")
		if event && (quotedBefore || call) || call && quotedBefore {
			return true
		}
	}
}

// scriptURL finds a URL that runs what it holds.
func scriptURL(low string) bool {
	s := low
	if strings.ContainsAny(low, "\t\r\n\x00\x01\x02\x03 ") {
		s = strings.Map(func(r rune) rune {
			if r <= ' ' {
				return -1
			}
			return r
		}, low)
	}
	for _, scheme := range [...]string{"javascript:", "vbscript:", "livescript:", "mocha:", "jscript:", "feed:javascript", "jar:http", "mhtml:"} {
		for i := 0; ; {
			n := strings.Index(s[i:], scheme)
			if n < 0 {
				break
			}
			i += n + len(scheme)
			rest := s[i:]
			if len(rest) > 0 && (strings.ContainsAny(rest, "(`=[<\\") || strings.HasPrefix(rest, "//") || strings.Contains(rest, "document.")) && (!strings.Contains(low, scheme+" ") || strings.ContainsAny(rest, "(`=")) {
				return true
			}
		}
	}
	if i := strings.Index(s, "data:"); i >= 0 {
		rest := s[i+5:]
		head, _, _ := strings.Cut(rest, ",")
		if len(head) < 80 && (strings.Contains(head, "html") || strings.Contains(head, "svg") || strings.Contains(head, "xml") || strings.Contains(head, "script") || strings.Contains(head, "xhtml")) {
			return true
		}
		if strings.HasPrefix(rest, "text/html") || strings.HasPrefix(rest, ",") && strings.ContainsAny(rest, "(<") {
			return true
		}
	}
	return false
}

// sinks are the functions and objects that scripts of attacks end in. Those
// that are true mean nothing else even without a broken string around them.
var sinks = map[string]bool{"alert": true, "eval": true, "fromcharcode": true, "settimeout": true, "setinterval": true, "execscript": true,
	"msgbox": true, "confirm": false, "prompt": false, "print": false, "open": false, "write": false, "writeln": false, "atob": false, "fetch": false,
	"import": false, "function": false, "constructor": false, "expression": false, "url": false, "$": false, "getscript": true, "ajax": false, "log": false, "xmlhttprequest": true,
	"postmessage": false, "replace": false, "assign": false, "unescape": false, "decodeuricomponent": false, "onerror": false, "require": false, "appendchild": false, "createelement": false, "getelementbyid": true, "queryselector": true, "captureevents": false, "sendbeacon": true, "importscripts": true, "reload": false, "find": false, "map": false, "call": false, "apply": false}

// properties are what scripts of attacks read or set.
var properties = []string{"document.cookie", "document.domain", "document.location", "document.write", "document.url", "document.body", "document.forms", "document.referrer", "document.documentelement", "document.createelement", "document.getelement", "document.queryselector", "document.all", "document[", "window.location", "window.open", "window.name", "window[", "location.href", "location.hash", "location=", "location.replace", "location.assign", "self[", "top[", "parent[", "frames[", "this[", "globalthis", "innerhtml", "outerhtml", "string.fromcharcode", "localstorage", "sessionstorage", "navigator.sendbeacon", ".constructor(", "[].filter", "onerror=", "throw onerror", "object.prototype", "__proto__", "window.alert", "self.alert", "top.alert", "response.write", "srcdoc=", "javascript&"}

// script finds calls that attacks end in, and how a string or statement is
// broken in front of them.
func script(low string) string {
	broken := strings.ContainsAny(low, "'\"`;<>}{\\") || strings.Contains(low, "//") || strings.Contains(low, "*/")
	for i := 0; i < len(low); i++ {
		c := low[i]
		if c != '(' && c != '`' {
			continue
		}
		// The name in front of the bracket, through brackets, blanks, comments
		// and optional chaining: (alert)(1), alert?.(1), alert /**/ (1).
		j := i
		for j > 0 && (isSpace(low[j-1]) || strings.IndexByte(")?.+/*,", low[j-1]) >= 0) {
			j--
		}
		k := j
		for k > 0 && (isWord(low[k-1]) || low[k-1] == '$') {
			k--
		}
		name := low[k:j]
		sure, known := sinks[name]
		if !known {
			continue
		}
		if c == '`' {
			if sure && strings.Count(low, "`") > 1 {
				return "call of a script"
			}
			continue
		}
		rest := low[i+1:]
		if sure && (k == 0 || !isWord(low[k-1])) {
			if j < i && isSpace(low[j]) && !broken {
				continue // "alert (news)"
			}
			return "call of a script"
		}
		arg := rest
		if n := strings.IndexByte(rest, ')'); n >= 0 {
			arg = rest[:n]
			rest = rest[n:]
		}
		switch name {
		case "confirm", "prompt":
			if len(arg) < 80 && j == i {
				return "call of a script"
			}
		case "print", "open", "write", "writeln", "log", "replace", "assign", "find", "map", "call", "apply", "url", "function", "require", "reload", "captureevents":
			if broken && j == i && (strings.ContainsAny(low[:k], "'\";<>=/.[") || strings.ContainsAny(rest, ">;\"")) && (name != "url" && name != "replace" && name != "function" && name != "find" && name != "map" && name != "call" && name != "apply" && name != "log" && name != "require" || strings.Contains(low, "script") || strings.Contains(low, "document") || strings.Contains(low, "alert") || strings.Contains(low, "console.")) {
				return "call of a script"
			}
		default:
			if broken && j == i && (strings.ContainsAny(low[:k], "'\";<>=[{") || strings.ContainsAny(arg, "'\"/")) {
				return "call of a script"
			}
		}
	}
	for _, p := range properties {
		if i := strings.Index(low, p); i >= 0 && (i == 0 || !isWord(low[i-1])) {
			// "location=" and the like are parameters of ordinary URLs too.
			if p == "location=" || p == "onerror=" || p == "this[" || p == "top[" || p == "parent[" || p == "self[" || p == "frames[" || p == "window.name" {
				if !strings.ContainsAny(low, "'\"`();<") && !strings.Contains(low, "javascript") {
					continue
				}
				if p == "location=" && !strings.ContainsAny(low[:i], "'\"`;<>(=") {
					continue
				}
			}
			return "access to the page"
		}
	}
	// A string is broken, and names of sinks follow without brackets:
	// ";alert;//, [1].map(alert), top['al'+'ert'], throw onerror=alert.
	if broken && (strings.Contains(low, "alert") || strings.Contains(low, "prompt") || strings.Contains(low, "confirm")) {
		if strings.Contains(low, "(alert") || strings.Contains(low, "=alert") || strings.Contains(low, "(prompt") || strings.Contains(low, "(confirm") || strings.Contains(low, "=prompt") || strings.Contains(low, "=confirm") || strings.Contains(low, "alert(") || strings.Contains(low, "alert`") || strings.Contains(low, "alert\\") || strings.Contains(low, "alert&") || strings.Contains(low, ".alert") || strings.Contains(low, "scriptalert") {
			return "call of a script"
		}
	}
	return ""
}

// breaksAttribute finds a quote that ends an attribute, and what of a tag
// follows it: its end, or another attribute.
func breaksAttribute(low string) bool {
	for i := range len(low) {
		if c := low[i]; c != '"' && c != '\'' && c != '`' {
			continue
		}
		rest := low[i+1:]
		if strings.HasPrefix(rest, ">") || strings.HasPrefix(rest, "/>") || strings.HasPrefix(rest, " >") && i == 0 || strings.HasPrefix(rest, " />") {
			return true
		}
		trimmed := strings.TrimLeft(rest, " \t\r\n/")
		if len(trimmed) == len(rest) {
			continue
		}
		for _, a := range [...]string{"style", "src", "href", "srcdoc", "formaction", "action", "autofocus", "background", "xlink:href", "data", "value", "type", "onload", "tabindex", "accesskey", "contenteditable", "id", "class", "a", "x"} {
			if tail, ok := strings.CutPrefix(trimmed, a); ok {
				tail = strings.TrimLeft(tail, " ")
				if strings.HasPrefix(tail, "=") && (a != "id" && a != "class" && a != "a" && a != "x" && a != "value" && a != "type" && a != "data" || strings.HasSuffix(low, "\"") || strings.HasSuffix(low, "'") || strings.ContainsAny(tail[1:], "\"'")) || a == "autofocus" {
					return true
				}
			}
		}
	}
	return false
}

// styled finds script in a style.
func styled(low string) bool {
	s := low
	if strings.Contains(s, "/*") {
		for {
			a := strings.Index(s, "/*")
			if a < 0 {
				break
			}
			b := strings.Index(s[a+2:], "*/")
			if b < 0 {
				break
			}
			s = s[:a] + s[a+2+b+2:]
		}
	}
	for _, p := range [...]string{":expression(", "-moz-binding:", "behavior:url", "behaviour:url", "-o-link:", "@import", "onfilterchange"} {
		if i := strings.Index(strings.ReplaceAll(s, " ", ""), p); i >= 0 && (p != "@import" || strings.ContainsAny(s, "'\"(;<")) {
			return true
		}
	}
	return false
}
