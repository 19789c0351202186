// Package cli is the train command: its subcommands, flags, help, exit
// statuses and the event stream that progress, tables and --json all read.
//
// Main is the whole program; it touches neither os.Args nor os.Exit, so tests
// run it in process. What a command does lies elsewhere (train/pipeline,
// featurestore, models); here it is only asked for and shown.
//
// Exit status: 0 done, 1 failed, 2 wrong usage, 3 a gate held the model back,
// 130 interrupted.
package cli
