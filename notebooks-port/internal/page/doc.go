// Package page renders one document twice: as a single HTML file without a
// script, under a content security policy that allows its own style and
// nothing else, and as Markdown. It serves the programs of notebooks-port.
//
// It draws nothing (see serve/chart) and knows nothing of logs.
package page
