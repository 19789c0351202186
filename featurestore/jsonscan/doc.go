// Package jsonscan walks over JSON texts without building values: it reads what
// its caller asks for and passes the rest, and accepts exactly what encoding/json
// accepts. It is for lines that come by the million. It does not decode into Go
// types; encoding/json does.
package jsonscan
