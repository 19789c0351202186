// Package injection judges what a request line, a user agent and a referer try
// to do: cross-site scripting, SQL injection, path traversal, command and code
// injection, probing for secrets, scanners, and looking at API documentation.
//
// # How a request is judged
//
// A value is first decoded as the programs behind a web server decode it:
// percent signs twice, plus signs, \xHH of log writers, HTML entities,
// JavaScript's and IIS's unicode escapes, overlong and full-width characters
// (see Decode). What it says is then read in the contexts in which it could
// take effect: as SQL bare and inside each kind of quote, as HTML in text and
// in attributes, as script behind a broken string. An attack is a structure
// found in such a context (a comparison behind a logical word, a subquery, a
// tag, a call of a function that attacks end in), not a word: "select" or
// "union" in a sentence is none.
//
// libinjection is asked first for SQL and HTML. Its verdict on SQL counts
// alone where its fingerprint cannot come from prose. The names of files that
// no site means to serve, of shell commands and of scanners are the OWASP Core
// Rule Set's, read from its module.
//
// # What it does not say
//
// Whether an attack succeeded. A verdict is about the request alone, and it is
// a reason to look, not a block list. Nothing is remembered between calls; all
// functions may be called from several goroutines.
package injection
