package ensemble

import (
	"math"
	"os"
	"testing"
)

// hashAll folds f's results for all 2^32 arguments, in the order of their
// bits, into an FNV-1a of 32-bit words; every NaN counts as one value.
func hashAll(f func(float32) float32, from, to uint64, h uint64) uint64 {
	for i := from; i < to; i++ {
		y := f(math.Float32frombits(uint32(i)))
		b := math.Float32bits(y)
		if y != y {
			b = 0x7fc00000
		}
		h = (h ^ uint64(b)) * 1099511628211
	}
	return h
}

const fnvOffset = 14695981039346656037

// The sums were made by a C program that calls expf and logf of glibc 2.36 on
// x86-64 for every argument.
func TestEveryFloatLikeGlibc(t *testing.T) {
	if os.Getenv("SLUICE_LONG") == "" {
		t.Skip("all 2^32 arguments take a minute: set SLUICE_LONG=1")
	}
	for _, c := range []struct {
		name string
		f    func(float32) float32
		want uint64
	}{
		{"expf", Expf, 0x83cf1f7aae7e58ac},
		{"logf", Logf, 0xe84e0d5b240a5659},
	} {
		if got := hashAll(c.f, 0, 1<<32, fnvOffset); got != c.want {
			t.Errorf("%s: sum of all results is %016x, want %016x", c.name, got, c.want)
		}
	}
}

func TestFloat32Functions(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		name    string
		got     float32
		want    float32
		comment string
	}{
		{"Expf(0)", Expf(0), 1, ""},
		{"Expf(-0)", Expf(float32(math.Copysign(0, -1))), 1, ""},
		{"Expf(Inf)", Expf(inf), inf, ""},
		{"Expf(-Inf)", Expf(-inf), 0, ""},
		{"Expf(88.73)", Expf(88.73), inf, "overflow"},
		{"Expf(-104)", Expf(-104), 0, "underflow"},
		{"Expf(-103)", Expf(-103), math.Float32frombits(1), "subnormal"},
		// Two of the few arguments where the fused form differs in the last bit.
		{"Expf(32.564632)", Expf(math.Float32frombits(0x4202422f)), math.Float32frombits(0x56fc9f1c), ""},
		{"Expf(-63.09946)", Expf(math.Float32frombits(0xc27c65d9)), math.Float32frombits(0x11fa2993), ""},
		{"Logf(1)", Logf(1), 0, ""},
		{"Logf(0)", Logf(0), -inf, ""},
		{"Logf(Inf)", Logf(inf), inf, ""},
		{"Sigmoid(0)", Sigmoid(0), 0.5, ""},
		{"Sigmoid(Inf)", Sigmoid(inf), 1, ""},
		{"Sigmoid(-Inf)", Sigmoid(-inf), 1 / (Expf(88.7) + 1), "capped"},
		{"logit(0.5)", logit(0.5), float32(math.Copysign(0, -1)), "as XGBoost has it"},
		{"logit(0)", logit(0), logit(1e-6), "clamped"},
	} {
		if math.Float32bits(c.got) != math.Float32bits(c.want) {
			t.Errorf("%s is %v, want %v %s", c.name, c.got, c.want, c.comment)
		}
	}
	for _, v := range []float32{Expf(nan), Logf(nan), Logf(-1), Sigmoid(nan)} {
		if v == v {
			t.Errorf("%v where NaN is due", v)
		}
	}
	// Against float64: within one unit in the last place everywhere.
	for b := uint32(0x2f000000); b < 0x42b00000; b += 99991 {
		x := math.Float32frombits(b)
		for _, c := range [][2]float32{
			{Expf(x), float32(math.Exp(float64(x)))},
			{Expf(-x), float32(math.Exp(float64(-x)))},
			{Logf(x), float32(math.Log(float64(x)))},
		} {
			if d := int64(math.Float32bits(c[0])) - int64(math.Float32bits(c[1])); d < -1 || d > 1 {
				t.Fatalf("at %v: %v, in float64 %v", x, c[0], c[1])
			}
		}
	}
}
