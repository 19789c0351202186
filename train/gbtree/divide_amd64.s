#include "textflag.h"

// Rows to the left or right child without a branch: every row is written to
// both ends, and only the end that it belongs to moves on.
//
//	R8 rows, R9 rows to go, SI bins of the column, DX table of what goes left,
//	DI left end, R10 right end, R11 start of the left

#define BEGIN \
	MOVQ rows+0(FP), R8   \
	MOVQ count+8(FP), R9  \
	MOVQ col+16(FP), SI   \
	MOVQ table+24(FP), DX \
	MOVQ left+32(FP), DI  \
	MOVQ right+40(FP), R10 \
	MOVQ DI, R11

// PUT writes row AX, whose table entry is BX.
#define PUT \
	MOVL AX, (DI)           \
	MOVL AX, (R10)          \
	LEAQ (DI)(BX*4), DI     \
	XORL $1, BX             \
	LEAQ (R10)(BX*4), R10   \
	ADDQ $4, R8

// func divideNarrow(rows *uint32, count int, col *uint8, table *uint8, left, right *uint32) int
TEXT ·divideNarrow(SB), NOSPLIT, $0-56
	BEGIN
	SUBQ $32, R9
	JLE  last

far:
	MOVL 128(R8), CX // the row 32 rows later
	PREFETCHT0 (SI)(CX*1)
	MOVL (R8), AX
	MOVBLZX (SI)(AX*1), BX
	MOVBLZX (DX)(BX*1), BX
	PUT
	DECQ R9
	JNZ  far

last:
	ADDQ $32, R9
	JZ   done

near:
	MOVL (R8), AX
	MOVBLZX (SI)(AX*1), BX
	MOVBLZX (DX)(BX*1), BX
	PUT
	DECQ R9
	JNZ  near

done:
	SUBQ R11, DI
	SHRQ $2, DI
	MOVQ DI, ret+48(FP)
	RET

// func divideWide(rows *uint32, count int, col *uint16, table *uint8, left, right *uint32) int
TEXT ·divideWide(SB), NOSPLIT, $0-56
	BEGIN
	SUBQ $32, R9
	JLE  last

far:
	MOVL 128(R8), CX // the row 32 rows later
	PREFETCHT0 (SI)(CX*2)
	MOVL (R8), AX
	MOVWLZX (SI)(AX*2), BX
	MOVBLZX (DX)(BX*1), BX
	PUT
	DECQ R9
	JNZ  far

last:
	ADDQ $32, R9
	JZ   done

near:
	MOVL (R8), AX
	MOVWLZX (SI)(AX*2), BX
	MOVBLZX (DX)(BX*1), BX
	PUT
	DECQ R9
	JNZ  near

done:
	SUBQ R11, DI
	SHRQ $2, DI
	MOVQ DI, ret+48(FP)
	RET
