#include "textflag.h"

// Constants, each repeated to fill a vector. They are those of objective.go.

DATA invLn2N<>+0(SB)/8, $0x40471547652b82fe // 32/ln 2
DATA invLn2N<>+8(SB)/8, $0x40471547652b82fe
DATA invLn2N<>+16(SB)/8, $0x40471547652b82fe
DATA invLn2N<>+24(SB)/8, $0x40471547652b82fe
GLOBL invLn2N<>(SB), RODATA|NOPTR, $32

DATA shift<>+0(SB)/8, $0x4338000000000000 // leaves the nearest integer in the low bits
DATA shift<>+8(SB)/8, $0x4338000000000000
DATA shift<>+16(SB)/8, $0x4338000000000000
DATA shift<>+24(SB)/8, $0x4338000000000000
GLOBL shift<>(SB), RODATA|NOPTR, $32

DATA low5<>+0(SB)/8, $0x000000000000001f // mask of the table index
DATA low5<>+8(SB)/8, $0x000000000000001f
DATA low5<>+16(SB)/8, $0x000000000000001f
DATA low5<>+24(SB)/8, $0x000000000000001f
GLOBL low5<>(SB), RODATA|NOPTR, $32

DATA c0<>+0(SB)/8, $0x3ebc6af84b912394
DATA c0<>+8(SB)/8, $0x3ebc6af84b912394
DATA c0<>+16(SB)/8, $0x3ebc6af84b912394
DATA c0<>+24(SB)/8, $0x3ebc6af84b912394
GLOBL c0<>(SB), RODATA|NOPTR, $32

DATA c1<>+0(SB)/8, $0x3f2ebfce50fac4f3
DATA c1<>+8(SB)/8, $0x3f2ebfce50fac4f3
DATA c1<>+16(SB)/8, $0x3f2ebfce50fac4f3
DATA c1<>+24(SB)/8, $0x3f2ebfce50fac4f3
GLOBL c1<>(SB), RODATA|NOPTR, $32

DATA c2<>+0(SB)/8, $0x3f962e42ff0c52d6
DATA c2<>+8(SB)/8, $0x3f962e42ff0c52d6
DATA c2<>+16(SB)/8, $0x3f962e42ff0c52d6
DATA c2<>+24(SB)/8, $0x3f962e42ff0c52d6
GLOBL c2<>(SB), RODATA|NOPTR, $32

DATA one64<>+0(SB)/8, $0x3ff0000000000000
DATA one64<>+8(SB)/8, $0x3ff0000000000000
DATA one64<>+16(SB)/8, $0x3ff0000000000000
DATA one64<>+24(SB)/8, $0x3ff0000000000000
GLOBL one64<>(SB), RODATA|NOPTR, $32

DATA sign<>+0(SB)/8, $0x8000000080000000
DATA sign<>+8(SB)/8, $0x8000000080000000
GLOBL sign<>(SB), RODATA|NOPTR, $16

DATA limit<>+0(SB)/8, $0x42b1666642b16666 // largest argument of the exponential
DATA limit<>+8(SB)/8, $0x42b1666642b16666
GLOBL limit<>(SB), RODATA|NOPTR, $16

DATA underflow<>+0(SB)/8, $0xc2aeac50c2aeac50 // smallest argument that gives a normal number
DATA underflow<>+8(SB)/8, $0xc2aeac50c2aeac50
GLOBL underflow<>(SB), RODATA|NOPTR, $16

DATA one32<>+0(SB)/8, $0x3f8000003f800000
DATA one32<>+8(SB)/8, $0x3f8000003f800000
GLOBL one32<>(SB), RODATA|NOPTR, $16

DATA tiny<>+0(SB)/8, $0x24e6959524e69595
DATA tiny<>+8(SB)/8, $0x24e6959524e69595
GLOBL tiny<>(SB), RODATA|NOPTR, $16

// Gradients of four rows at a time, by the steps of logisticGradients: the
// exponential in float64, products fused where ensemble.Expf fuses them, the
// rest in float32.
//
//	SI margins, DI labels, DX gradient pairs, CX groups of four, AX table

// func logisticAVX2(margin, label *float32, gpair *gradientPair, groups int)
TEXT ·logisticAVX2(SB), NOSPLIT, $0-32
	MOVQ margin+0(FP), SI
	MOVQ label+8(FP), DI
	MOVQ gpair+16(FP), DX
	MOVQ groups+24(FP), CX
	LEAQ ·exp2Table(SB), AX
	VMOVUPD invLn2N<>(SB), Y8
	VMOVUPD shift<>(SB), Y9
	VMOVUPD c0<>(SB), Y10
	VMOVUPD c1<>(SB), Y11
	VMOVUPD c2<>(SB), Y12
	VMOVUPD one64<>(SB), Y13
	VMOVUPS one32<>(SB), X14
	VMOVUPS tiny<>(SB), X15

loop:
	VMOVUPS (SI), X0
	VXORPS  sign<>(SB), X0, X0
	VMOVUPS limit<>(SB), X1
	VMINPS  X0, X1, X0            // x = min(-margin, 88.7)
	VCMPPS  $5, underflow<>(SB), X0, X6
	VCVTPS2PD X0, Y0
	VMOVAPD Y9, Y2
	VFMADD231PD Y0, Y8, Y2        // the integer k nearest to 32 x / ln 2
	VSUBPD  Y9, Y2, Y1
	VFMSUB231PD Y0, Y8, Y1        // r = 32 x / ln 2 - k
	VPAND   low5<>(SB), Y2, Y4
	VPCMPEQD Y7, Y7, Y7
	VGATHERQPD Y7, (AX)(Y4*8), Y5 // 2^((k mod 32)/32)
	VPSRLQ  $5, Y2, Y2
	VPSLLQ  $52, Y2, Y2
	VPADDQ  Y2, Y5, Y5            // 2^(k/32)
	VMOVAPD Y11, Y3
	VFMADD231PD Y1, Y10, Y3       // c0 r + c1
	VMOVAPD Y13, Y4
	VFMADD231PD Y1, Y12, Y4       // c2 r + 1
	VMULPD  Y1, Y1, Y1
	VFMADD231PD Y1, Y3, Y4
	VMULPD  Y5, Y4, Y3
	VCVTPD2PSY Y3, X3
	VANDPS  X6, X3, X3            // e^x, 0 below the normal numbers
	VADDPS  X14, X3, X3
	VDIVPS  X3, X14, X0           // p
	VSUBPS  (DI), X0, X1          // g = p - y
	VSUBPS  X0, X14, X2
	VMULPS  X2, X0, X2
	VMAXPS  X15, X2, X2           // h = max(p (1 - p), 1e-16)
	VUNPCKLPS X2, X1, X4
	VUNPCKHPS X2, X1, X5
	VMOVUPS X4, (DX)
	VMOVUPS X5, 16(DX)
	ADDQ $16, SI
	ADDQ $16, DI
	ADDQ $32, DX
	DECQ CX
	JNZ  loop
	VZEROUPPER
	RET
