// Package page writes the page at which people look up what the service says of
// an address or a prefix, and browse the most abusive addresses of a month.
//
// Pages are plain HTML with links and one form: no script, no cookie, nothing
// from elsewhere. Policy is the content security policy under which they are
// sent; it allows the style by its hash and nothing else.
//
// The package knows nothing of feeds or models: it is handed what to show, with
// addresses masked already where they have to be.
package page
