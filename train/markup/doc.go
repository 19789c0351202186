// Package markup writes what all reports have in common: a page that is one
// file, under a content security policy that allows its own style and nothing
// else, with a way past the contents, sections with anchors, tables that scroll
// by keyboard too; and the same content as Markdown. What a report says, and
// what kinds of blocks it is made of, is its own: train/report has figures that
// link to definitions, notebooks-port text as strangers logged it.
package markup
