package gazetteer

import (
	"bytes"
	_ "embed" // the tables
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// The tables are made by scripts/gazetteer from GeoNames (CC BY 4.0), Unicode
// CLDR and iso3166-2-db; data/NOTICE.md says what is owed to them.
var (
	//go:embed data/places.tsv.gz
	placesGzip []byte
	//go:embed data/names.tsv.gz
	namesGzip []byte
)

// level is how fine a place is.
type level int

const (
	country level = iota
	region
	city
)

// place is a country, a region of the first level, or a city.
type place struct {
	level         level
	country, code string // ISO 3166-1 alpha-2; ISO 3166-2, which a city may lack
	name          string
	people        float64
	weight        float64 // people, less when the place is seldom called so
}

// table holds the built-in data as text, one line a record, and finds records
// in it by binary search. Go maps of 240,000 names would cost four times the
// memory and most of the loading time.
type table struct {
	places, names   string
	placeAt, nameAt []uint32
}

func load() (*table, error) {
	places, err := unpack("places", placesGzip)
	if err != nil {
		return nil, err
	}
	names, err := unpack("names", namesGzip)
	if err != nil {
		return nil, err
	}
	return &table{places: places, names: names, placeAt: lines(places), nameAt: lines(names)}, nil
}

func unpack(name string, b []byte) (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return "", fmt.Errorf("built-in gazetteer, %s: %w", name, err)
	}
	var s strings.Builder
	s.Grow(int(uint32(b[len(b)-4]) | uint32(b[len(b)-3])<<8 | uint32(b[len(b)-2])<<16 | uint32(b[len(b)-1])<<24)) // gzip ends with the size
	if _, err := io.Copy(&s, z); err != nil {
		return "", fmt.Errorf("built-in gazetteer, %s: %w", name, err)
	}
	return s.String(), nil
}

// lines returns where each line of s begins.
func lines(s string) []uint32 {
	at := make([]uint32, 0, strings.Count(s, "\n"))
	for i := 0; i < len(s); {
		at = append(at, uint32(i))
		n := strings.IndexByte(s[i:], '\n')
		if n < 0 {
			break
		}
		i += n + 1
	}
	return at
}

func line(s string, at uint32) string {
	l, _, _ := strings.Cut(s[at:], "\n")
	return l
}

// find returns the places that are called folded.
func (t *table) find(folded string) []place {
	i := sort.Search(len(t.nameAt), func(i int) bool {
		name, _, _ := strings.Cut(line(t.names, t.nameAt[i]), "\t")
		return name >= folded
	})
	if i == len(t.nameAt) {
		return nil
	}
	name, ids, _ := strings.Cut(line(t.names, t.nameAt[i]), "\t")
	if name != folded {
		return nil
	}
	var found []place
	for id := range strings.FieldsSeq(ids) {
		number, seldom := strings.CutSuffix(id, "~")
		n, err := strconv.ParseUint(number, 36, 32)
		if err != nil || n >= uint64(len(t.placeAt)) {
			continue
		}
		p := parse(line(t.places, t.placeAt[n]))
		if seldom {
			p.weight /= 10 // among places of one name, the one that is mainly called so
		}
		found = append(found, p)
	}
	return found
}

func parse(record string) place {
	f := strings.Split(record, "\t")
	if len(f) != 5 {
		return place{}
	}
	people, err := strconv.ParseFloat(f[4], 64)
	if err != nil {
		people = 0
	}
	levels := map[string]level{"C": country, "R": region, "T": city}
	return place{level: levels[f[0]], country: f[1], code: f[2], name: f[3], people: max(people, 1), weight: max(people, 1)}
}
