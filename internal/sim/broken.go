package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
)

// What is wrong with the images of broken posts.
const (
	Truncated  = "truncated image" // the download stopped half way
	NotAnImage = "not an image"    // an error page in the place of a photo
	BombHeader = "bomb header"     // a few bytes that claim 60,000 × 60,000 pixels
	Empty      = "empty file"
	Garbage    = "garbage" // begins like a JPEG
)

// Breakages returns the ways in which an image can be broken.
func Breakages() []string { return []string{Truncated, NotAnImage, BombHeader, Empty, Garbage} }

// spoil returns the bytes of a broken image.
func spoil(p Picture) ([]byte, error) {
	switch p.Broken {
	case Truncated:
		whole, err := JPEG(p.Garment, p.Seed)
		if err != nil {
			return nil, err
		}
		return whole[:len(whole)/3], nil
	case NotAnImage:
		return []byte("<!doctype html>\n<html><head><title>403 Forbidden</title></head>" +
			"<body><h1>403 Forbidden</h1><p>This media is no longer available.</p></body></html>\n"), nil
	case BombHeader:
		return bomb(60_000), nil
	case Empty:
		return []byte{}, nil
	case Garbage:
		rng := rand.New(rand.NewPCG(p.Seed, 1))
		b := []byte{0xFF, 0xD8, 0xFF, 0xE0, 0, 16, 'J', 'F', 'I', 'F', 0}
		for range 400 {
			b = binary.LittleEndian.AppendUint64(b, rng.Uint64())
		}
		return b, nil
	default:
		return nil, fmt.Errorf("sim: unknown breakage %q", p.Broken)
	}
}

// bomb is a PNG whose header is in order and asks for side × side pixels.
func bomb(side uint32) []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	head := binary.BigEndian.AppendUint32(nil, side)
	head = binary.BigEndian.AppendUint32(head, side)
	head = append(head, 8, 6, 0, 0, 0) // 8 bits, RGBA
	chunk(&b, "IHDR", head)
	chunk(&b, "IDAT", []byte{0x78, 0x9c, 0x63, 0, 0, 0, 1, 0, 1})
	chunk(&b, "IEND", nil)
	return b.Bytes()
}

func chunk(b *bytes.Buffer, name string, data []byte) {
	body := append([]byte(name), data...)
	b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(data))))
	b.Write(body)
	b.Write(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(body)))
}
