package pseudonym

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"runtime"

	"sluice/featurestore/fault"
)

// KeyLen is the length of a key in bytes.
const KeyLen = 32

// Key maps addresses to pseudonyms and back. It is safe for concurrent use.
type Key struct {
	block cipher.Block
	pad   [16]byte
	check string
}

// howTo is the command that makes a key file.
func howTo(path string) string {
	return fmt.Sprintf("head -c %d /dev/urandom > %s && chmod 600 %s", KeyLen, path, path)
}

// New makes a Key of KeyLen bytes: the first half is an AES key, the second
// half, encrypted with it, the padding. Error: Invalid.
func New(key []byte) (*Key, error) {
	if len(key) != KeyLen {
		return nil, fault.Field(fault.Invalid, "pseudonymise", "the key has %d bytes; want %d, as in: %s", len(key), KeyLen, howTo("KEYFILE"))
	}
	if bytes.Count(key, key[:1]) == KeyLen {
		return nil, fault.Field(fault.Invalid, "pseudonymise", "all bytes of the key are the same; make one with: %s", howTo("KEYFILE"))
	}
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return nil, err
	}
	k := &Key{block: block}
	block.Encrypt(k.pad[:], key[16:])
	sum := sha256.Sum256(append([]byte("sluice pseudonyms\n"), key...))
	k.check = "crypto-pan:" + hex.EncodeToString(sum[:8])
	return k, nil
}

// ReadKey reads a key file: KeyLen bytes, or as many in hexadecimal on one
// line. As whoever has the key has the addresses, a file that is open to every
// user of the machine is refused. Errors: NotFound, Invalid.
func ReadKey(path string) (*Key, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Field(fault.NotFound, "pseudonymise", "key file %s: there is no such file; make one with: %s", path, howTo(path))
	} else if err != nil {
		return nil, fault.Field(fault.Invalid, "pseudonymise", "key file %w", err)
	}
	defer f.Close()
	// Windows has no such bits, and reports them all as set.
	if st, err := f.Stat(); err == nil && st.Mode().IsRegular() && st.Mode().Perm()&0o007 != 0 && runtime.GOOS != "windows" {
		return nil, fault.Field(fault.Invalid, "pseudonymise", "key file %s can be read or written by every user of this machine (mode %04o); run: chmod 600 %s", path, st.Mode().Perm(), path)
	}
	b, err := io.ReadAll(io.LimitReader(f, 4*KeyLen))
	if err != nil {
		return nil, fault.Field(fault.Invalid, "pseudonymise", "key file %w", err)
	}
	if len(b) != KeyLen {
		if text := bytes.TrimSpace(b); len(text) == 2*KeyLen {
			raw := make([]byte, KeyLen)
			if _, err := hex.Decode(raw, text); err == nil {
				b = raw
			}
		}
	}
	k, err := New(b)
	if err != nil {
		return nil, fault.Wrap(err, "key file %s", path)
	}
	return k, nil
}

// Check names the scheme and the key without giving the key away: equal for
// equal keys only.
func (k *Key) Check() string { return k.check }

// Pseudonym is the pseudonym of an address, of the same family. IPv4-mapped
// IPv6 is IPv4, zones are dropped, and an invalid address stays one.
func (k *Key) Pseudonym(a netip.Addr) netip.Addr { return k.convert(a, false) }

// Address is the address of a pseudonym: the inverse of Pseudonym.
func (k *Key) Address(p netip.Addr) netip.Addr { return k.convert(p, true) }

// convert computes, for every i, whether bit i is flipped: by the first bit of
// the cipher of the i bits before it, filled up with the padding. Turning back,
// the bits before it are those found so far.
func (k *Key) convert(a netip.Addr, back bool) netip.Addr {
	a = a.Unmap()
	if !a.IsValid() {
		return a
	}
	b := a.As16()
	// The address stands left-aligned in hi and lo.
	size, hi, lo := 128, binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	if a.Is4() {
		size, hi, lo = 32, lo<<32, 0
	}
	padHi, padLo := binary.BigEndian.Uint64(k.pad[:8]), binary.BigEndian.Uint64(k.pad[8:])
	outHi, outLo := hi, lo
	var in, enc [16]byte
	for i := range size {
		fromHi, fromLo := hi, lo
		if back {
			fromHi, fromLo = outHi, outLo
		}
		maskHi, maskLo := ^uint64(0), uint64(0)
		if i < 64 {
			maskHi = ^(^uint64(0) >> i)
		} else {
			maskLo = ^(^uint64(0) >> (i - 64))
		}
		binary.BigEndian.PutUint64(in[:8], fromHi&maskHi|padHi&^maskHi)
		binary.BigEndian.PutUint64(in[8:], fromLo&maskLo|padLo&^maskLo)
		k.block.Encrypt(enc[:], in[:])
		flip := uint64(enc[0] >> 7)
		if i < 64 {
			outHi ^= flip << (63 - i)
		} else {
			outLo ^= flip << (127 - i)
		}
	}
	if size == 32 {
		return netip.AddrFrom4([4]byte{byte(outHi >> 56), byte(outHi >> 48), byte(outHi >> 40), byte(outHi >> 32)})
	}
	binary.BigEndian.PutUint64(b[:8], outHi)
	binary.BigEndian.PutUint64(b[8:], outLo)
	return netip.AddrFrom16(b)
}

// A Mapper remembers the pseudonyms of addresses seen lately. It belongs to
// one goroutine.
type Mapper struct {
	key   *Key
	known []mapped
}

type mapped struct{ from, to netip.Addr }

const mapperSlots = 1 << 16 // times 48 bytes

// Mapper makes a Mapper.
func (k *Key) Mapper() *Mapper { return &Mapper{key: k, known: make([]mapped, mapperSlots)} }

// Pseudonym is Key.Pseudonym.
func (m *Mapper) Pseudonym(a netip.Addr) netip.Addr {
	b := a.As16()
	h := (binary.LittleEndian.Uint64(b[:8]) ^ binary.LittleEndian.Uint64(b[8:])*0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd
	s := &m.known[h>>48]
	if s.from != a || !a.IsValid() {
		*s = mapped{a, m.key.Pseudonym(a)}
	}
	return s.to
}
