package api

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/time/rate"
)

// maxLimiters bounds how many callers are told apart; those beyond share one limiter.
const maxLimiters = 10_000

// limits holds back who asks too often, each caller by itself.
type limits struct {
	every rate.Limit
	burst int

	mu     sync.Mutex
	by     map[string]*rate.Limiter
	others *rate.Limiter
}

// newLimits lets a caller come so many times a second, burst times at once;
// perSecond 0 is no limit.
func newLimits(perSecond float64, burst int) *limits {
	l := &limits{every: rate.Limit(perSecond), burst: max(burst, 1), by: map[string]*rate.Limiter{}}
	if perSecond <= 0 {
		l.every = rate.Inf
	}
	l.others = rate.NewLimiter(l.every, l.burst)
	return l
}

// take spends one turn of the caller, or tells how long to wait for the next.
func (l *limits) take(caller string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.limiter(caller, now)
	if of.AllowN(now, 1) {
		return 0
	}
	missing := 1 - of.TokensAt(now)
	return max(time.Duration(missing/float64(l.every)*float64(time.Second)), time.Millisecond)
}

func (l *limits) limiter(caller string, now time.Time) *rate.Limiter {
	if known, ok := l.by[caller]; ok {
		return known
	}
	if len(l.by) >= maxLimiters {
		for c, old := range l.by {
			if old.TokensAt(now) >= float64(l.burst) {
				delete(l.by, c)
			}
		}
	}
	if len(l.by) >= maxLimiters {
		return l.others
	}
	l.by[caller] = rate.NewLimiter(l.every, l.burst)
	return l.by[caller]
}

// address names who sits at a remote address: one household or machine has a
// whole /64 of IPv6.
func address(remote string) string {
	a, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ""
	}
	ip := a.Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return ""
	}
	return prefix.String()
}

// tooMany is the error of an operation that is asked for too often.
func tooMany(wait time.Duration) error {
	return huma.ErrorWithHeaders(huma.Error429TooManyRequests("too many requests; wait as long as Retry-After says"),
		http.Header{"Retry-After": {strconv.Itoa(int(wait/time.Second) + 1)}})
}
