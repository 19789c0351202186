// Package program is what the programs of notebooks-port share as commands:
// flags that take lists, patterns for files, the three reports written whole or
// not at all, progress on a terminal, exit statuses.
//
// It knows nothing of what is analysed.
package program
