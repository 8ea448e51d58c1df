package profile

import (
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// longest is the longest duration a profile may name: a hundred years.
const longest = 36500 * 24 * time.Hour

var dayPart = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)d`)

// parseDuration reads a Go duration in which days may come first: 90d, 1d12h.
func parseDuration(s string) (time.Duration, error) {
	var days time.Duration
	rest := s
	if m := dayPart.FindStringSubmatch(s); m != nil {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil || n > float64(longest/(24*time.Hour)) {
			return 0, errors.New("longer than a hundred years")
		}
		days = time.Duration(math.Round(n * float64(24*time.Hour)))
		rest = s[len(m[0]):]
		if rest == "" {
			return days, nil
		}
		if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
			return 0, errors.New("not a duration")
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, errors.New("not a duration")
	}
	if d > longest-days {
		return 0, errors.New("longer than a hundred years")
	}
	return days + d, nil
}
