package injection

import "strings"

// Shell reports whether a decoded value ends one shell command and starts
// another, and names the technique.
func Shell(v string) (technique string, ok bool) {
	v = bound(v)
	if !strings.ContainsAny(v, ";|&`$\n(<>") {
		return "", false
	}
	low := strings.ToLower(v)
	if i := strings.Index(low, "()"); i >= 0 && strings.HasPrefix(strings.TrimLeft(low[i+2:], " "), "{") && strings.Contains(low[i:], ";") {
		return "function in an environment variable", true
	}
	if strings.Contains(low, "${ifs") || strings.Contains(low, "$ifs") {
		return "blanks written as $IFS", true
	}
	commands := shellCommands()
	ticks := strings.Count(low, "`")
	for i, tried := 0, 0; i < len(low) && tried < maxSeparators; i++ {
		c := low[i]
		switch c {
		case ';', '|', '&', '`', '\n', '(', '<', '>':
		default:
			continue
		}
		substituted := c == '`' || c == '(' && i > 0 && (low[i-1] == '$' || low[i-1] == '<' || low[i-1] == '>')
		if c == '(' && !substituted || c == '<' || c == '>' {
			continue
		}
		j := i + 1
		for j < len(low) && strings.IndexByte(" \t;|&(`{\"'!\\", low[j]) >= 0 {
			j++
		}
		tried++
		start := j
		// A path in front of the name: /bin/, ${HOME:0:1}bin, c:\windows\.
		for j < len(low) && (isWord(low[j]) || low[j] == '/' || low[j] == '.' || low[j] == '-' || low[j] == '\\' || low[j] == '\'' || low[j] == '"' || low[j] == '?' || low[j] == '*' || low[j] == ':') {
			j++
		}
		if j == start {
			i = j - 1 // nothing but separators
			continue
		}
		name := unquote.Replace(low[start:j])
		path := false
		if k := strings.LastIndexAny(name, "/:"); k >= 0 {
			path = strings.HasPrefix(name, "/") || name[k] == ':' || strings.HasPrefix(name, ".")
			name = name[k+1:]
		}
		if !commands[name] {
			continue
		}
		rest := low[j:]
		arg := strings.TrimLeft(rest, " \t")
		hasBlank := len(arg) < len(rest)
		ended := arg == "" || strings.IndexByte(";|&`)#\n'\"<>}%", arg[0]) >= 0
		if strings.HasPrefix(arg, "=") || strings.HasPrefix(arg, ":") {
			continue
		}
		argument := hasBlank && (strings.HasPrefix(arg, "-") || strings.HasPrefix(arg, "/") || strings.HasPrefix(arg, "$") || strings.HasPrefix(arg, "http") || strings.ContainsAny(firstField(arg), "/.\\:*|>-") || (name == "sleep" || name == "ping" || name == "echo" || name == "timeout") && arg != "")
		switch {
		case substituted && (ended && (c == '`' && ticks > 1 || c == '(' && strings.Contains(low[j:], ")")) || argument):
			return "command substitution", true
		case path && (ended || argument || hasBlank):
			return "command behind a separator", true
		case argument && (c == ';' || c == '|' || c == '&' || c == '\n'):
			return "command behind a separator", true
		case ended && bare[name] && (c == ';' || c == '|' || c == '&' || c == '\n') && (aloneBefore(low, i) || arg != "" && strings.IndexByte("#'\")`", arg[0]) >= 0 || name == "whoami" || name == "ifconfig" || name == "ipconfig" || name == "netstat" || name == "uname"):
			return "command behind a separator", true
		}
	}
	for _, p := range [...]string{"/bin/sh", "/bin/bash", "cmd.exe", "cmd /c", "powershell -", "powershell.exe", "/bin/cat ", "nc -e", "bash -i", "/dev/tcp/", "wget http", "curl http"} {
		if strings.Contains(low, p) && strings.ContainsAny(low, ";|&`$\n") {
			return "name of a shell", true
		}
	}
	return "", false
}

// maxSeparators bounds how many places of a value are looked at.
const maxSeparators = 64

var unquote = strings.NewReplacer("'", "", "\"", "", "\\", "")

// bare are commands that attackers call without an argument.
var bare = set("id", "ls", "dir", "pwd", "whoami", "uname", "ifconfig", "ipconfig", "netstat", "ps", "env", "set", "ver", "hostname", "uptime", "systeminfo", "tasklist", "reboot", "shutdown", "halt", "w", "who", "bash", "sh", "cmd", "powershell", "printenv", "net")

func firstField(s string) string {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i]
	}
	return s
}

// aloneBefore: the separator at i stands at the start, behind a blank, a quote
// or a bracket, or it is doubled: lists such as "name|id" have none of these.
func aloneBefore(s string, i int) bool {
	if i == 0 {
		return true
	}
	switch s[i-1] {
	case ' ', '\t', '\'', '"', ')', '}', '`', '|', '&', ';', '\n', '>':
		return true
	}
	return isDigit(s[i-1]) && s[i] == ';'
}
