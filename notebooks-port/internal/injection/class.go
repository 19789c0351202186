package injection

import (
	"math/bits"
	"strings"
)

// Class is a set of kinds of attack.
type Class uint16

// The kinds.
const (
	SQLi Class = 1 << iota
	XSS
	Traversal
	Command
	Code
	Secrets
	Scanner
	APIDocs

	numClasses = iota
)

// Attacks are the kinds that carry a payload, as against those that only look
// for something.
const Attacks = SQLi | XSS | Traversal | Command | Code

// Info is what a reader must know of one kind.
type Info struct {
	ID, Name          string
	Description, Risk string
	Action            string
}

var infos = [numClasses]Info{
	{"sqli", "SQL injection",
		"A value carries pieces of SQL that take effect where a program pastes it into a query.",
		"Reading or changing the database, bypassing a login, and with some databases running commands.",
		"Bind values as parameters in every query, give the database account only the rights it needs, and check types and ranges of input."},
	{"xss", "Cross-site scripting",
		"A value carries markup or script that runs in a visitor's browser where a page repeats it unencoded.",
		"Acting in the visitor's name: sessions, forms and pages are in the attacker's hands.",
		"Encode output for the place where it stands (text, attribute, script, URL), use templates that do so by default, and send a Content-Security-Policy."},
	{"traversal", "Path traversal",
		"A path climbs out of its folder, or names a file of the operating system.",
		"Files outside the web root are read: accounts, keys, configuration.",
		"Resolve a path and check that it stays below its root, or map names to files by a list; run the server without rights to anything else."},
	{"command", "Command injection",
		"A value ends one shell command and starts another.",
		"Commands run with the server's rights.",
		"Start programs with a list of arguments and without a shell, and accept only known values."},
	{"code", "Code and template injection",
		"A value is written for an interpreter: a template, PHP, Java's lookups and expressions, a NoSQL operator, a header.",
		"Code runs in the server's process, or a request is sent from inside the network.",
		"Never evaluate input, keep the interpreters patched, and let servers reach only the hosts they need."},
	{"secrets", "Probing for secrets and configuration",
		"A path names a file that no site means to serve: environment files, repositories, backups, keys, status pages.",
		"Passwords, keys and source code, if one of the files is there.",
		"Keep such files out of the web root, refuse dot files and backups at the edge, and change every secret that was ever served."},
	{"scanner", "Scanners",
		"The user agent names a scanner, or the path belongs to a product known for its holes.",
		"By itself none; it tells what will be tried next.",
		"Limit the rate of requests that end in errors, and keep every product patched."},
	{"apidocs", "API documentation",
		"A path of Swagger, OpenAPI, ReDoc or GraphiQL.",
		"If it answers, it lists every endpoint and its parameters to anybody.",
		"Put documentation behind a login, or leave it out of the build that is served."},
}

// Info describes a single kind; the zero Info for a set of none or several.
func (c Class) Info() Info {
	if bits.OnesCount16(uint16(c)) != 1 || c >= 1<<numClasses {
		return Info{}
	}
	return infos[bits.TrailingZeros16(uint16(c))]
}

// Classes are all single kinds, in their order.
func Classes() []Class {
	out := make([]Class, numClasses)
	for i := range out {
		out[i] = 1 << i
	}
	return out
}

// Split gives the single kinds of the set.
func (c Class) Split() []Class {
	var out []Class
	for _, k := range Classes() {
		if c&k != 0 {
			out = append(out, k)
		}
	}
	return out
}

// String is the kinds' identifiers joined by "+"; "" for none.
func (c Class) String() string {
	var names []string
	for _, k := range c.Split() {
		names = append(names, k.Info().ID)
	}
	return strings.Join(names, "+")
}
