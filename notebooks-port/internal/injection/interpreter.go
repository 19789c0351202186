package injection

import "strings"

// interpreted are the marks of what is written for an interpreter.
var interpreted = []struct{ mark, also, technique string }{
	{"${jndi:", "", "lookup of Log4j"},
	{"${${", ":", "lookup of Log4j"},
	{"#{", "(", "expression of a template"},
	{"%{(#", "", "expression of Struts"},
	{"${(#", "", "expression of Struts"},
	{"${t(java", "", "expression of Spring"},
	{"class.module.classloader", "", "binding of Spring"},
	{"getruntime(", "", "expression of Java"},
	{"java.lang.", "(", "expression of Java"},
	{"processbuilder", "(", "expression of Java"},
	{"__import__", "", "expression of Python"},
	{"__class__", "", "expression of Python"},
	{"__globals__", "", "expression of Python"},
	{"child_process", "", "expression of Node.js"},
	{"__proto__[", "", "pollution of prototypes"},
	{"constructor[prototype]", "", "pollution of prototypes"},
	{"<?php", "", "PHP"},
	{"<?=", "", "PHP"},
	{"base64_decode(", "", "PHP"},
	{"shell_exec(", "", "PHP"},
	{"passthru(", "", "PHP"},
	{"proc_open(", "", "PHP"},
	{"popen(", "", "PHP"},
	{"phpinfo(", "", "PHP"},
	{"call_user_func", "", "PHP"},
	{"file_put_contents(", "", "PHP"},
	{"file_get_contents(", "", "PHP"},
	{"system(", ")", "PHP"},
	{"allow_url_include", "", "settings of PHP"},
	{"auto_prepend_file", "", "settings of PHP"},
	{"invokefunction", "", "ThinkPHP"},
	{"<!entity", "", "entity of XML"},
	{"<!--#", "", "server-side include"},
	{"169.254.169.254", "", "request from inside the network"},
	{"metadata.google.internal", "", "request from inside the network"},
	{"{\"$gt\"", "", "operator of NoSQL"},
	{"{\"$ne\"", "", "operator of NoSQL"},
	{"{\"$where\"", "", "operator of NoSQL"},
	{"*)(uid=", "", "filter of LDAP"},
	{"*)(&", "", "filter of LDAP"},
	{")(|(", "", "filter of LDAP"},
	{"gopher://", "", "request from inside the network"},
}

// Interpreted reports whether a decoded value is written for a template, an
// interpreter or a lookup, and names the technique.
func Interpreted(v string) (technique string, ok bool) {
	v = bound(v)
	if !strings.ContainsAny(v, "{}()<$#_:*.\r\n\"") {
		return "", false
	}
	low := strings.ToLower(v)
	for _, k := range interpreted {
		if i := strings.Index(low, k.mark); i >= 0 && strings.Contains(low[i:], k.also) {
			if k.mark == "system(" && i > 0 && isWord(low[i-1]) {
				continue
			}
			return k.technique, true
		}
	}
	// {{7*7}}, ${7*7}, <%= 7*7 %>: an operation between the brackets.
	for _, b := range [...][2]string{{"{{", "}}"}, {"${", "}"}, {"<%", "%>"}, {"{%", "%}"}, {"[[${", "}]]"}} {
		if i := strings.Index(low, b[0]); i >= 0 {
			rest := low[i+len(b[0]):]
			if j := strings.Index(rest, b[1]); j > 0 && operation(rest[:j]) {
				return "expression of a template", true
			}
		}
	}
	if i := strings.IndexAny(v, "\r\n"); i >= 0 {
		rest := strings.ToLower(strings.TrimLeft(v[i:], "\r\n \t"))
		for _, h := range [...]string{"set-cookie:", "location:", "content-type:", "content-length:", "http/1.", "x-forwarded", "bcc:", "cc:", "host:"} {
			if strings.HasPrefix(rest, h) {
				return "header behind a line break", true
			}
		}
	}
	return "", false
}

func operation(s string) bool {
	if strings.ContainsAny(s, "*+/(|[") {
		digits, letters := 0, 0
		for i := range len(s) {
			if isDigit(s[i]) {
				digits++
			} else if isLetter(s[i]) {
				letters++
			}
		}
		return digits > 1 && letters == 0 && strings.ContainsAny(s, "*+/") || strings.Contains(s, "(") && letters > 2 || strings.Contains(s, "config.") || strings.Contains(s, "self.")
	}
	return strings.HasPrefix(strings.TrimSpace(s), "config") || strings.Contains(s, "env:") || strings.Contains(s, "sys:")
}
