package weibo

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// chinaOffset is +08:00. The mobile pages say in words when a post was
// written, and mean the time in China, wherever the reader is.
const chinaOffset = 8 * 60 * 60

var (
	agoPattern = regexp.MustCompile(`^(\d{1,4})\s*(秒|分钟|小时|天)前$`)
	dayPattern = regexp.MustCompile(`^(今天|昨天|前天)\s*(\d{1,2}):(\d{2})$`)
	// chinesePattern is a date as weibo.cn and the search of the web pages write it.
	chinesePattern = regexp.MustCompile(`^(?:(\d{4})年)?(\d{1,2})月(\d{1,2})日(?:\s*(\d{1,2}):(\d{2})(?::(\d{2}))?)?$`)

	datePattern = regexp.MustCompile(`^(?:(\d{4})-)?(\d{1,2})-(\d{1,2})(?:\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?$`)
)

// parseTime reads created_at. Base is when the answer was given: what relative
// times count from.
func parseTime(s string, base time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	china := time.FixedZone("+0800", chinaOffset)
	base = base.In(china)
	if t, err := time.Parse(time.RubyDate, s); err == nil {
		return t.UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	if s == "刚刚" {
		return base.UTC(), nil
	}
	if m := agoPattern.FindStringSubmatch(s); m != nil {
		unit := map[string]time.Duration{"秒": time.Second, "分钟": time.Minute, "小时": time.Hour, "天": 24 * time.Hour}[m[2]]
		return base.Add(-time.Duration(atoi(m[1])) * unit).UTC(), nil
	}
	if m := dayPattern.FindStringSubmatch(s); m != nil {
		back := map[string]int{"今天": 0, "昨天": 1, "前天": 2}[m[1]]
		day := base.AddDate(0, 0, -back)
		return time.Date(day.Year(), day.Month(), day.Day(), atoi(m[2]), atoi(m[3]), 0, 0, china).UTC(), nil
	}
	for _, p := range []*regexp.Regexp{datePattern, chinesePattern} {
		if m := p.FindStringSubmatch(s); m != nil {
			return date(m, base), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: wants one such as %q, %q, %q or %q", clip(s), "Thu Apr 19 10:35:57 +0800 2018", "06-27", "5分钟前", "昨天 12:30")
}

// date reads what datePattern found. Without a year it is the last such day.
func date(m []string, base time.Time) time.Time {
	year := base.Year()
	if m[1] != "" {
		year = atoi(m[1])
	}
	at := func(year int) time.Time {
		return time.Date(year, time.Month(atoi(m[2])), atoi(m[3]), atoi(m[4]), atoi(m[5]), atoi(m[6]), 0, base.Location())
	}
	t := at(year)
	if m[1] == "" && t.After(base) {
		t = at(year - 1)
	}
	return t.UTC()
}

// bound replaces a time that can't be by the one at which the post was read.
func bound(t, read time.Time) time.Time {
	if t.Year() < 1990 || t.After(read.Add(time.Minute)) {
		return read.UTC()
	}
	return t
}

// atoi reads digits that a pattern has found; none are 0.
func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// clip shortens what goes into an error.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}
