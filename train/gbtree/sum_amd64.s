#include "textflag.h"

// Sums of gradient pairs into the narrow layout: 260 slots of 16 bytes a
// feature. A slot is read, added to and written as one pair of float64, so
// every sum has the order and the rounding of the plain loop. Instructions are
// those of any amd64.
//
//	DI histogram, SI bins, DX gradient pairs, R8 rows, R13 bytes a row of bins,
//	R9 rows to go, R10 how many of them may fetch ahead

#define BEGIN \
	MOVQ hist+0(FP), DI    \
	MOVQ bins+8(FP), SI    \
	MOVQ gpair+16(FP), DX  \
	MOVQ rows+24(FP), R8   \
	MOVQ count+32(FP), R9  \
	MOVQ ahead+40(FP), R10 \
	MOVQ width+48(FP), R13 \
	SUBQ R10, R9

// AHEAD fetches what the row 48 rows later needs.
#define AHEAD \
	MOVL 192(R8), CX          \
	PREFETCHT0 (DX)(CX*8)    \
	IMULQ R13, CX            \
	PREFETCHT0 (SI)(CX*1)

// ROW leaves the row's gradients in X0 and the offset of its bins in BX.
#define ROW \
	MOVL (R8), BX            \
	MOVSD (DX)(BX*8), X0     \
	CVTPS2PD X0, X0          \
	IMULQ R13, BX            \
	ADDQ $4, R8

#define ADD(k, r, x) \
	SHLL $4, r                     \
	MOVUPD (k*4160)(DI)(r*1), x    \
	ADDPD X0, x                    \
	MOVUPD x, (k*4160)(DI)(r*1)

#define NARROW(k, r, x) \
	MOVBLZX k(SI)(BX*1), r \
	ADD(k, r, x)

#define WIDE(k, r, x) \
	MOVWLZX (2*k)(SI)(BX*1), r \
	ADD(k, r, x)

#define SUMNARROW1 \
	NARROW(0, AX, X1)

// func sumNarrow1(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)
TEXT ·sumNarrow1(SB), NOSPLIT, $0-56
	BEGIN
	TESTQ R10, R10
	JZ    rest

far:
	AHEAD
	ROW
	SUMNARROW1
	DECQ R10
	JNZ  far

rest:
	TESTQ R9, R9
	JZ    done

near:
	ROW
	SUMNARROW1
	DECQ R9
	JNZ  near

done:
	RET

#define SUMNARROW2 \
	NARROW(0, AX, X1) \
	NARROW(1, R11, X2)

// func sumNarrow2(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)
TEXT ·sumNarrow2(SB), NOSPLIT, $0-56
	BEGIN
	TESTQ R10, R10
	JZ    rest

far:
	AHEAD
	ROW
	SUMNARROW2
	DECQ R10
	JNZ  far

rest:
	TESTQ R9, R9
	JZ    done

near:
	ROW
	SUMNARROW2
	DECQ R9
	JNZ  near

done:
	RET

#define SUMNARROW3 \
	NARROW(0, AX, X1) \
	NARROW(1, R11, X2) \
	NARROW(2, R12, X3)

// func sumNarrow3(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)
TEXT ·sumNarrow3(SB), NOSPLIT, $0-56
	BEGIN
	TESTQ R10, R10
	JZ    rest

far:
	AHEAD
	ROW
	SUMNARROW3
	DECQ R10
	JNZ  far

rest:
	TESTQ R9, R9
	JZ    done

near:
	ROW
	SUMNARROW3
	DECQ R9
	JNZ  near

done:
	RET

#define SUMNARROW4 \
	NARROW(0, AX, X1) \
	NARROW(1, R11, X2) \
	NARROW(2, R12, X3) \
	NARROW(3, AX, X4)

// func sumNarrow4(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)
TEXT ·sumNarrow4(SB), NOSPLIT, $0-56
	BEGIN
	TESTQ R10, R10
	JZ    rest

far:
	AHEAD
	ROW
	SUMNARROW4
	DECQ R10
	JNZ  far

rest:
	TESTQ R9, R9
	JZ    done

near:
	ROW
	SUMNARROW4
	DECQ R9
	JNZ  near

done:
	RET

#define SUMNARROW5 \
	NARROW(0, AX, X1) \
	NARROW(1, R11, X2) \
	NARROW(2, R12, X3) \
	NARROW(3, AX, X4) \
	NARROW(4, R11, X5)

// func sumNarrow5(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)
TEXT ·sumNarrow5(SB), NOSPLIT, $0-56
	BEGIN
	TESTQ R10, R10
	JZ    rest

far:
	AHEAD
	ROW
	SUMNARROW5
	DECQ R10
	JNZ  far

rest:
	TESTQ R9, R9
	JZ    done

near:
	ROW
	SUMNARROW5
	DECQ R9
	JNZ  near

done:
	RET

#define SUMNARROW6 \
	NARROW(0, AX, X1) \
	NARROW(1, R11, X2) \
	NARROW(2, R12, X3) \
	NARROW(3, AX, X4) \
	NARROW(4, R11, X5) \
	NARROW(5, R12, X6)

// func sumNarrow6(hist *float64, bins *uint8, gpair *gradientPair, rows *uint32, count, ahead, width int)
TEXT ·sumNarrow6(SB), NOSPLIT, $0-56
	BEGIN
	TESTQ R10, R10
	JZ    rest

far:
	AHEAD
	ROW
	SUMNARROW6
	DECQ R10
	JNZ  far

rest:
	TESTQ R9, R9
	JZ    done

near:
	ROW
	SUMNARROW6
	DECQ R9
	JNZ  near

done:
	RET

#define SUMWIDE1 \
	WIDE(0, AX, X1)

// func sumWide1(hist *float64, bins *uint16, gpair *gradientPair, rows *uint32, count, ahead, width int)
TEXT ·sumWide1(SB), NOSPLIT, $0-56
	BEGIN
	TESTQ R10, R10
	JZ    rest

far:
	AHEAD
	ROW
	SUMWIDE1
	DECQ R10
	JNZ  far

rest:
	TESTQ R9, R9
	JZ    done

near:
	ROW
	SUMWIDE1
	DECQ R9
	JNZ  near

done:
	RET

#define SUMWIDE2 \
	WIDE(0, AX, X1) \
	WIDE(1, R11, X2)

// func sumWide2(hist *float64, bins *uint16, gpair *gradientPair, rows *uint32, count, ahead, width int)
TEXT ·sumWide2(SB), NOSPLIT, $0-56
	BEGIN
	TESTQ R10, R10
	JZ    rest

far:
	AHEAD
	ROW
	SUMWIDE2
	DECQ R10
	JNZ  far

rest:
	TESTQ R9, R9
	JZ    done

near:
	ROW
	SUMWIDE2
	DECQ R9
	JNZ  near

done:
	RET

#define SUMWIDE3 \
	WIDE(0, AX, X1) \
	WIDE(1, R11, X2) \
	WIDE(2, R12, X3)

// func sumWide3(hist *float64, bins *uint16, gpair *gradientPair, rows *uint32, count, ahead, width int)
TEXT ·sumWide3(SB), NOSPLIT, $0-56
	BEGIN
	TESTQ R10, R10
	JZ    rest

far:
	AHEAD
	ROW
	SUMWIDE3
	DECQ R10
	JNZ  far

rest:
	TESTQ R9, R9
	JZ    done

near:
	ROW
	SUMWIDE3
	DECQ R9
	JNZ  near

done:
	RET

#define SUMWIDE4 \
	WIDE(0, AX, X1) \
	WIDE(1, R11, X2) \
	WIDE(2, R12, X3) \
	WIDE(3, AX, X4)

// func sumWide4(hist *float64, bins *uint16, gpair *gradientPair, rows *uint32, count, ahead, width int)
TEXT ·sumWide4(SB), NOSPLIT, $0-56
	BEGIN
	TESTQ R10, R10
	JZ    rest

far:
	AHEAD
	ROW
	SUMWIDE4
	DECQ R10
	JNZ  far

rest:
	TESTQ R9, R9
	JZ    done

near:
	ROW
	SUMWIDE4
	DECQ R9
	JNZ  near

done:
	RET

#define SUMWIDE5 \
	WIDE(0, AX, X1) \
	WIDE(1, R11, X2) \
	WIDE(2, R12, X3) \
	WIDE(3, AX, X4) \
	WIDE(4, R11, X5)

// func sumWide5(hist *float64, bins *uint16, gpair *gradientPair, rows *uint32, count, ahead, width int)
TEXT ·sumWide5(SB), NOSPLIT, $0-56
	BEGIN
	TESTQ R10, R10
	JZ    rest

far:
	AHEAD
	ROW
	SUMWIDE5
	DECQ R10
	JNZ  far

rest:
	TESTQ R9, R9
	JZ    done

near:
	ROW
	SUMWIDE5
	DECQ R9
	JNZ  near

done:
	RET

#define SUMWIDE6 \
	WIDE(0, AX, X1) \
	WIDE(1, R11, X2) \
	WIDE(2, R12, X3) \
	WIDE(3, AX, X4) \
	WIDE(4, R11, X5) \
	WIDE(5, R12, X6)

// func sumWide6(hist *float64, bins *uint16, gpair *gradientPair, rows *uint32, count, ahead, width int)
TEXT ·sumWide6(SB), NOSPLIT, $0-56
	BEGIN
	TESTQ R10, R10
	JZ    rest

far:
	AHEAD
	ROW
	SUMWIDE6
	DECQ R10
	JNZ  far

rest:
	TESTQ R9, R9
	JZ    done

near:
	ROW
	SUMWIDE6
	DECQ R9
	JNZ  near

done:
	RET
