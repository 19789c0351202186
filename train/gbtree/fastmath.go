package gbtree

import "math"

// XGBoost's results depend on the last bit of the C library's expf and logf,
// so both are restated here: the table-driven float32 functions of glibc, all
// intermediate work in float64. Products are wrapped in float64() so that no
// compiler fuses them with the addition that follows.

// exp2Table holds 2^(i/32), correctly rounded.
var exp2Table = [32]float64{
	0x1.0000000000000p+0, 0x1.059b0d3158574p+0, 0x1.0b5586cf9890fp+0, 0x1.11301d0125b51p+0,
	0x1.172b83c7d517bp+0, 0x1.1d4873168b9aap+0, 0x1.2387a6e756238p+0, 0x1.29e9df51fdee1p+0,
	0x1.306fe0a31b715p+0, 0x1.371a7373aa9cbp+0, 0x1.3dea64c123422p+0, 0x1.44e086061892dp+0,
	0x1.4bfdad5362a27p+0, 0x1.5342b569d4f82p+0, 0x1.5ab07dd485429p+0, 0x1.6247eb03a5585p+0,
	0x1.6a09e667f3bcdp+0, 0x1.71f75e8ec5f74p+0, 0x1.7a11473eb0187p+0, 0x1.82589994cce13p+0,
	0x1.8ace5422aa0dbp+0, 0x1.93737b0cdc5e5p+0, 0x1.9c49182a3f090p+0, 0x1.a5503b23e255dp+0,
	0x1.ae89f995ad3adp+0, 0x1.b7f76f2fb5e47p+0, 0x1.c199bdd85529cp+0, 0x1.cb720dcef9069p+0,
	0x1.d5818dcfba487p+0, 0x1.dfc97337b9b5fp+0, 0x1.ea4afa2a490dap+0, 0x1.f50765b6e4540p+0,
}

const (
	expInvLn2N = 0x1.71547652b82fep+0 * 32
	expShift   = 0x1.8p+52 // adding it leaves the nearest integer in the low bits
	expC0      = 0x1.c6af84b912394p-5 / 32 / 32 / 32
	expC1      = 0x1.ebfce50fac4f3p-3 / 32 / 32
	expC2      = 0x1.62e42ff0c52d6p-1 / 32

	expUnderflow = -0x1.5d58ap+6 // ln of the smallest normal float32, nearly
)

// expf is e^x for x below 88.72, where e^x is a finite float32. Results that
// would not be normal float32 numbers are 0; NaN stays NaN.
func expf(x float32) float32 {
	if x < expUnderflow {
		return 0
	}
	z := float64(expInvLn2N * float64(x))
	kd := z + expShift
	k := math.Float64bits(kd)
	kd -= expShift
	r := z - kd
	s := math.Float64frombits(math.Float64bits(exp2Table[k%32]) + (k&^31)<<(52-5))
	p := float64(expC0*r) + expC1
	q := float64(expC2*r) + 1
	return float32(float64((float64(p*float64(r*r)) + q) * s))
}

// logTable holds 1/c and ln c for c near the middle of each of 16 intervals of
// the significand.
var logTable = [16]struct{ invc, logc float64 }{
	{0x1.661ec79f8f3bep+0, -0x1.57bf7808caadep-2},
	{0x1.571ed4aaf883dp+0, -0x1.2bef0a7c06ddbp-2},
	{0x1.49539f0f010bp+0, -0x1.01eae7f513a67p-2},
	{0x1.3c995b0b80385p+0, -0x1.b31d8a68224e9p-3},
	{0x1.30d190c8864a5p+0, -0x1.6574f0ac07758p-3},
	{0x1.25e227b0b8eap+0, -0x1.1aa2bc79c81p-3},
	{0x1.1bb4a4a1a343fp+0, -0x1.a4e76ce8c0e5ep-4},
	{0x1.12358f08ae5bap+0, -0x1.1973c5a611cccp-4},
	{0x1.0953f419900a7p+0, -0x1.252f438e10c1ep-5},
	{0x1p+0, 0x0p+0},
	{0x1.e608cfd9a47acp-1, 0x1.aa5aa5df25984p-5},
	{0x1.ca4b31f026aap-1, 0x1.c5e53aa362eb4p-4},
	{0x1.b2036576afce6p-1, 0x1.526e57720db08p-3},
	{0x1.9c2d163a1aa2dp-1, 0x1.bc2860d22477p-3},
	{0x1.886e6037841edp-1, 0x1.1058bc8a07ee1p-2},
	{0x1.767dcf5534862p-1, 0x1.4043057b6ee09p-2},
}

const (
	logLn2 = 0x1.62e42fefa39efp-1
	logA0  = -0x1.00ea348b88334p-2
	logA1  = 0x1.5575b0be00b6ap-2
	logA2  = -0x1.ffffef20a4123p-2
)

// logf is the natural logarithm of a positive, finite, normal float32; +Inf
// stays +Inf and 0 gives -Inf.
func logf(x float32) float32 {
	switch {
	case x == 1:
		return 0
	case x == 0:
		return float32(math.Inf(-1))
	case x < 0 || x != x:
		return float32(math.NaN())
	case math.IsInf(float64(x), 1):
		return x
	}
	ix := math.Float32bits(x)
	if ix < 0x00800000 { // subnormal
		ix = math.Float32bits(x*0x1p23) - 23<<23
	}
	tmp := ix - 0x3f330000
	e := &logTable[tmp>>19%16]
	k := int32(tmp) >> 23
	z := float64(math.Float32frombits(ix - tmp&0xff800000))
	r := float64(z*e.invc) - 1
	y0 := e.logc + float64(float64(k)*logLn2)
	r2 := float64(r * r)
	y := float64(logA1*r) + logA2
	y = float64(logA0*r2) + y
	y = float64(y*r2) + (y0 + r)
	return float32(y)
}

// sigmoid is 1/(1+e^-x) as XGBoost computes it in float32.
func sigmoid(x float32) float32 {
	x = -x
	if x > 88.7 {
		x = 88.7
	}
	return 1 / (expf(x) + 1 + 1e-16)
}

// logit is the inverse of sigmoid, as XGBoost computes it in float32.
func logit(p float32) float32 { return -logf(1/p - 1) }
