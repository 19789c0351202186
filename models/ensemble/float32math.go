package ensemble

import "math"

// The last bit of a probability is decided by expf and logf. Training compares
// gradients that come from it, so these two follow the C library that XGBoost
// is linked with on Linux: the table-driven single-precision routines of Arm's
// optimized-routines, which glibc uses since 2.27. Everything between argument
// and result is float64. Where glibc's build for current x86-64 fuses a product
// and a sum, so does this, by name; elsewhere float64(…) keeps the compiler
// from fusing, so that all machines give the same bits.

// Expf is e to the x, in float32, equal to glibc's expf in every bit.
// It is 0 below about -103.97, +Inf above about 88.72, NaN for NaN.
func Expf(x float32) float32 {
	switch {
	case x != x:
		return x
	case x > 0x1.62e42ep6:
		return float32(math.Inf(1))
	case x < -0x1.9fe368p6:
		return 0
	}
	const (
		shift   = 0x1.8p52
		invLn2N = 0x1.71547652b82fep+0 * 32
		c0      = 0x1.c6af84b912394p-5 / (32 * 32 * 32)
		c1      = 0x1.ebfce50fac4f3p-3 / (32 * 32)
		c2      = 0x1.62e42ff0c52d6p-1 / 32
	)
	kd := math.FMA(float64(x), invLn2N, shift)
	ki := math.Float64bits(kd)
	kd = float64(kd - shift)
	r := math.FMA(float64(x), invLn2N, -kd)
	// 2^(k/32): the table holds the fractions, the exponent is shifted in.
	s := math.Float64frombits(math.Float64bits(exp2Fractions[ki%32]) + (ki/32)<<52)
	y := math.FMA(math.FMA(c0, r, c1), float64(r*r), math.FMA(c2, r, 1))
	return float32(float64(y * s))
}

// Logf is the natural logarithm of x, in float32, equal to glibc's logf in
// every bit. It is -Inf at 0 and NaN below.
func Logf(x float32) float32 {
	ix := math.Float32bits(x)
	if ix == 0x3f800000 {
		return 0
	}
	if ix-0x00800000 >= 0x7f800000-0x00800000 { // zero, subnormal, negative, Inf, NaN
		switch {
		case ix<<1 == 0:
			return float32(math.Inf(-1))
		case ix == 0x7f800000 || x != x:
			return x
		case ix&0x80000000 != 0:
			return float32(math.NaN())
		}
		ix = math.Float32bits(x * 0x1p23)
		ix -= 23 << 23
	}
	const (
		ln2 = 0x1.62e42fefa39efp-1
		a0  = -0x1.00ea348b88334p-2
		a1  = 0x1.5575b0be00b6ap-2
		a2  = -0x1.ffffef20a4123p-2
	)
	t := ix - 0x3f330000
	e := &logFractions[t>>19%16]
	k := int32(t) >> 23
	z := float64(math.Float32frombits(ix - t&0xff800000))
	r := float64(z*e[0]) - 1
	y0 := e[1] + float64(float64(k)*ln2)
	r2 := float64(r * r)
	y := float64(a1*r) + a2
	y = float64(a0*r2) + y
	y = float64(y*r2) + (y0 + r)
	return float32(y)
}

// Sigmoid is the logistic function as XGBoost computes it for the logistic
// objectives: the margin is capped from below at -88.7 and the whole is done
// in float32.
func Sigmoid(m float32) float32 {
	x := -m
	if x > 88.7 {
		x = 88.7
	}
	// The tiny term is XGBoost's guard against a zero denominator; in float32
	// it never changes the sum, which is at least 1.
	return 1 / (Expf(x) + 1)
}

// logit is the margin of a probability, XGBoost's inverse of Sigmoid; p is
// first moved into [1e-6, 1-1e-6].
func logit(p float32) float32 {
	const eps = 1e-6
	p = min(max(p, eps), 1-float32(eps))
	return -Logf(1/p - 1)
}

// exp2Fractions[i] is 2^(i/32), correctly rounded.
var exp2Fractions = [32]float64{
	0x1.0000000000000p+0, 0x1.059b0d3158574p+0, 0x1.0b5586cf9890fp+0, 0x1.11301d0125b51p+0,
	0x1.172b83c7d517bp+0, 0x1.1d4873168b9aap+0, 0x1.2387a6e756238p+0, 0x1.29e9df51fdee1p+0,
	0x1.306fe0a31b715p+0, 0x1.371a7373aa9cbp+0, 0x1.3dea64c123422p+0, 0x1.44e086061892dp+0,
	0x1.4bfdad5362a27p+0, 0x1.5342b569d4f82p+0, 0x1.5ab07dd485429p+0, 0x1.6247eb03a5585p+0,
	0x1.6a09e667f3bcdp+0, 0x1.71f75e8ec5f74p+0, 0x1.7a11473eb0187p+0, 0x1.82589994cce13p+0,
	0x1.8ace5422aa0dbp+0, 0x1.93737b0cdc5e5p+0, 0x1.9c49182a3f090p+0, 0x1.a5503b23e255dp+0,
	0x1.ae89f995ad3adp+0, 0x1.b7f76f2fb5e47p+0, 0x1.c199bdd85529cp+0, 0x1.cb720dcef9069p+0,
	0x1.d5818dcfba487p+0, 0x1.dfc97337b9b5fp+0, 0x1.ea4afa2a490dap+0, 0x1.f50765b6e4540p+0,
}

// logFractions holds, for sixteen intervals of the significand, 1/c and ln c
// of a c near the interval's middle.
var logFractions = [16][2]float64{
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
