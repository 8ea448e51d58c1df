package file

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// lineReader reads lines of bounded length.
type lineReader struct {
	in     *bufio.Reader
	max    int
	number int   // of the last line
	offset int64 // bytes read
	buf    []byte
}

var errUTF16 = errors.New("the file is UTF-16; save it as UTF-8")

func newLineReader(in io.Reader, longest int) (*lineReader, error) {
	l := &lineReader{in: bufio.NewReaderSize(in, 64<<10), max: longest}
	head, err := l.in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xFF\xFE")), bytes.HasPrefix(head, []byte("\xFE\xFF")):
		return nil, errUTF16
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")):
		n, err := l.in.Discard(3)
		l.offset += int64(n)
		return l, err
	}
	return l, nil
}

// next returns the next line without its end, until io.EOF. Of a line that is
// too long it returns the beginning and skips the rest. The bytes hold until the
// next call.
func (l *lineReader) next() (line []byte, tooLong bool, err error) {
	l.buf = l.buf[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		l.offset += int64(len(part))
		room := l.max + 2 - len(l.buf) // the line's end doesn't count
		if len(part) > room {
			tooLong = true
		}
		l.buf = append(l.buf, part[:min(len(part), room)]...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && (!errors.Is(err, io.EOF) || len(l.buf) == 0) {
			return nil, false, err
		}
		break
	}
	l.number++
	line = bytes.TrimSuffix(l.buf, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	if len(line) > l.max {
		tooLong = true
	}
	return line, tooLong, nil
}
