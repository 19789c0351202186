// Package study is what the programs on the study of abusive addresses share:
// which logs, label exports, silent-drop records and attack windows are read,
// and how; the requests, handed out file by file; months of rows, from a home
// or built of logs for the occasion; addresses masked; the published figures.
//
// It analyses nothing itself. Memory is the programs' own, and a store's where
// one is built.
package study
