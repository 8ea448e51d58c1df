package config

import (
	"errors"
	"fmt"
	"net"
	neturl "net/url"
	"slices"
	"strconv"
	"strings"
)

// The kinds of Redis that redis.url can name, by their scheme.
const (
	RedisSingle   = "redis"          // one server
	RedisTLS      = "rediss"         // one server, by TLS
	RedisSentinel = "redis-sentinel" // a master that Sentinels watch over
	RedisCluster  = "redis-cluster"
)

// RedisServer is what a redis.url says.
type RedisServer struct {
	Kind     string
	Addrs    []string // of the server, the Sentinels, or some members of the cluster
	Master   string   // its name among the Sentinels
	User     string   // of the ACL; empty: the default user
	Password string
	DB       int

	SentinelUser     string
	SentinelPassword string

	TLS        bool
	CA         string // file of the authorities that may sign the servers' certificates; empty: the system's
	Cert, Key  string // files of the client's certificate; empty: none
	ServerName string // the name that certificates are checked for; empty: the host that is dialled
}

// ParseRedis reads a redis.url. No error holds any part of it that may be a
// piece of a password.
func ParseRedis(text string) (RedisServer, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	s := RedisServer{Kind: scheme, TLS: scheme == RedisTLS}
	if !slices.Contains([]string{RedisSingle, RedisTLS, RedisSentinel, RedisCluster}, scheme) || rest == "" {
		return s, errors.New("not of the form redis://, rediss://, redis-sentinel:// or redis-cluster:// [user:password@]host:port")
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	if strings.ContainsAny(path+query, "@#") || strings.Contains(authority, "#") {
		return s, errors.New("there is an @ or # where none can be: in passwords and parameters write @ as %40, / as %2F, ? as %3F, # as %23 and % as %25")
	}
	if err := s.users(authority); err != nil {
		return s, err
	}
	if err := s.place(path); err != nil {
		return s, err
	}
	err := s.parameters(query)
	return s, err
}

// users reads [user:password@]host:port[,host:port].
func (s *RedisServer) users(authority string) error {
	port := "6379"
	if s.Kind == RedisSentinel {
		port = "26379"
	}
	hosts := authority
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, password, ok := strings.Cut(authority[:at], ":")
		var err, err2 error
		s.User, err = neturl.PathUnescape(user)
		s.Password, err2 = neturl.PathUnescape(password)
		hosts = authority[at+1:]
		switch {
		case err != nil || err2 != nil:
			return errors.New("user or password are not percent-encoded: write % as %25")
		case !ok || s.Password == "":
			return errors.New("before the @ there is no user:password; :password is the default user's")
		}
	}
	for i, host := range strings.Split(hosts, ",") {
		addr, ok := hostPort(host, port)
		if !ok {
			return fmt.Errorf("host %d is not of the form host:port with a port from 1 to 65535", i+1)
		}
		s.Addrs = append(s.Addrs, addr)
	}
	if len(s.Addrs) > 1 && s.Kind != RedisSentinel && s.Kind != RedisCluster {
		return errors.New("several hosts: that is for redis-sentinel:// and redis-cluster://")
	}
	return nil
}

// hostPort completes [host][:port].
func hostPort(text, port string) (string, bool) {
	host := strings.Trim(text, "[]")
	if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	} else if strings.Contains(text, ":") && !strings.HasSuffix(text, "]") {
		return "", false
	}
	if host == "" {
		host = "localhost"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return net.JoinHostPort(host, port), text != "" && err == nil && n > 0 && !strings.ContainsAny(host, " %[]")
}

// place reads what follows the slash: the database, or the master's name.
func (s *RedisServer) place(path string) error {
	var err error
	switch s.Kind {
	case RedisSentinel:
		if s.Master, err = neturl.PathUnescape(path); err != nil || s.Master == "" {
			return errors.New("the master's name is missing after the hosts: redis-sentinel://host:port,host:port/NAME")
		}
	case RedisCluster:
		if path != "" && path != "0" {
			return errors.New("a cluster has no databases: nothing but /0 can follow its hosts")
		}
	default:
		if path != "" {
			return s.database("the database after the slash", path)
		}
	}
	return nil
}

func (s *RedisServer) database(what, text string) error {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return fmt.Errorf("%s is not a number from 0 to 65535", what)
	}
	s.DB = int(n)
	return nil
}

// parameters reads what follows the question mark.
func (s *RedisServer) parameters(query string) error {
	texts := map[string]*string{"ca": &s.CA, "cert": &s.Cert, "key": &s.Key, "server_name": &s.ServerName}
	allowed := []string{"ca", "cert", "key", "server_name"}
	if s.Kind == RedisSentinel {
		texts["sentinel_user"], texts["sentinel_password"] = &s.SentinelUser, &s.SentinelPassword
		allowed = append(allowed, "db", "sentinel_user", "sentinel_password")
	}
	if s.Kind == RedisSentinel || s.Kind == RedisCluster {
		allowed = append(allowed, "tls")
	}
	seen := map[string]bool{}
	for i, part := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' }) {
		name, value, _ := strings.Cut(part, "=")
		value, err := neturl.PathUnescape(value)
		switch {
		case !slices.Contains(allowed, name):
			what := strconv.Quote(name)
			if seen["sentinel_password"] { // an & in it would make its rest look like a name
				what = strconv.Itoa(i + 1)
			}
			return fmt.Errorf("parameter %s is unknown; allowed: %s", what, strings.Join(allowed, ", "))
		case err != nil || seen[name]:
			return fmt.Errorf("parameter %s is there twice, or not percent-encoded", name)
		case value == "":
			return fmt.Errorf("parameter %s is empty", name)
		}
		seen[name] = true
		switch {
		case name == "db":
			err = s.database("parameter db", value)
		case name == "tls" && value != "true" && value != "false":
			err = errors.New("parameter tls is neither true nor false")
		case name == "tls":
			s.TLS = value == "true"
		default:
			*texts[name] = value
		}
		if err != nil {
			return err
		}
	}
	return s.consistent()
}

// consistent finds parameters that would go unheeded.
func (s *RedisServer) consistent() error {
	switch {
	case !s.TLS && s.CA+s.Cert+s.Key+s.ServerName != "" && s.Kind == RedisSingle:
		return errors.New("ca, cert, key and server_name are for TLS, which is rediss://")
	case !s.TLS && s.CA+s.Cert+s.Key+s.ServerName != "":
		return errors.New("ca, cert, key and server_name are for TLS, which is tls=true")
	case (s.Cert == "") != (s.Key == ""):
		return errors.New("cert and key belong together: one of them is missing")
	case s.SentinelUser != "" && s.SentinelPassword == "":
		return errors.New("sentinel_user is there without sentinel_password")
	}
	return nil
}

// checkRedis wants a redis.url that can be read.
func (l *loader) checkRedis() {
	url, before := l.config.Redis.URL, len(l.problems)
	l.scheme("redis.url", url, Embedded, RedisSingle, RedisTLS, RedisSentinel, RedisCluster)
	if url == Embedded || len(l.problems) > before {
		return
	}
	if _, err := ParseRedis(url); err != nil {
		l.refuse("redis.url", "%s", err)
	}
}
