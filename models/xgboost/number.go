package xgboost

import "strconv"

// appendNumber writes f as XGBoost's model files do: the shortest digits that
// read back as the same float32, scientific, without zeros in the exponent:
// 1.5E-1, 0E0, -Infinity.
func appendNumber(b []byte, f float32) []byte {
	switch {
	case f != f:
		return append(b, "NaN"...)
	case f > 3.4028235e38:
		return append(b, "Infinity"...)
	case f < -3.4028235e38:
		return append(b, "-Infinity"...)
	}
	b = strconv.AppendFloat(b, float64(f), 'E', -1, 32)
	// strconv pads the exponent to two digits and signs it: E+00, E-01.
	i := len(b) - 1
	for b[i] != 'E' {
		i--
	}
	sign, exp := b[i+1], b[i+2:]
	for len(exp) > 1 && exp[0] == '0' {
		exp = exp[1:]
	}
	out := b[:i+1]
	if sign == '-' {
		out = append(out, '-')
	}
	out = append(out, exp...)
	return out
}
