// Package redisconn connects to Redis as redis.url says: one server, with TLS
// or without, one that Sentinels watch over, or a cluster. Queue, limiter and
// asynqmon all use the one client that it returns.
//
// Reads go to masters alone: a replica may be behind, and the reconciler would
// take a task that it doesn't show for lost.
package redisconn

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"weft/internal/config"
)

const (
	// poolSize is how many connections a process holds at most, to each node of a
	// cluster. A command takes well under a millisecond and a worker at a task
	// holds none, so this serves hundreds of workers.
	poolSize = 64
	// answer is how long a server may take: a busy machine is no reason to give up an enqueue.
	answer = 10 * time.Second
	dial   = 5 * time.Second
	// retries bridge a lost connection and a quick failover, some two seconds in
	// all. Longer is not worth it: who calls gets an unavailable fault, and knows
	// what to do about it. A command that was done before its answer got lost is
	// harmless: an id that is there already is no error, and a task that was
	// fetched for nobody comes back when its lease is over.
	retries    = 5
	minBackoff = 100 * time.Millisecond
	maxBackoff = 2 * time.Second
	// idle is when an unused connection is closed, before a firewall forgets it.
	idle = 5 * time.Minute
)

// Connect returns a client for s, which connects when it is first used. Only
// the files of its certificates are read at once.
func Connect(s config.RedisServer) (redis.UniversalClient, error) {
	secure, err := tlsConfig(s)
	if err != nil {
		return nil, err
	}
	switch s.Kind {
	case config.RedisSentinel:
		return redis.NewFailoverClient(failover(s, secure)), nil
	case config.RedisCluster:
		return redis.NewClusterClient(cluster(s, secure)), nil
	default:
		return redis.NewClient(single(s, secure)), nil
	}
}

// Nobody needs CLIENT SETINFO, and maintenance notices are of Redis' own cloud:
// without both, an ACL user needs fewer rights, and a new connection fewer round trips.

func single(s config.RedisServer, secure *tls.Config) *redis.Options {
	return &redis.Options{
		Addr: s.Addrs[0], Username: s.User, Password: s.Password, DB: s.DB, TLSConfig: secure,
		PoolSize: poolSize, ConnMaxIdleTime: idle, DialTimeout: dial, DialerRetries: 1, ReadTimeout: answer, ContextTimeoutEnabled: true,
		MaxRetries: retries, MinRetryBackoff: minBackoff, MaxRetryBackoff: maxBackoff,
		DisableIdentity: true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

func failover(s config.RedisServer, secure *tls.Config) *redis.FailoverOptions {
	return &redis.FailoverOptions{
		MasterName: s.Master, SentinelAddrs: s.Addrs, SentinelUsername: s.SentinelUser, SentinelPassword: s.SentinelPassword,
		Username: s.User, Password: s.Password, DB: s.DB, TLSConfig: secure,
		PoolSize: poolSize, ConnMaxIdleTime: idle, DialTimeout: dial, DialerRetries: 1, ReadTimeout: answer, ContextTimeoutEnabled: true,
		MaxRetries: retries, MinRetryBackoff: minBackoff, MaxRetryBackoff: maxBackoff, DisableIdentity: true,
	}
}

func cluster(s config.RedisServer, secure *tls.Config) *redis.ClusterOptions {
	return &redis.ClusterOptions{
		Addrs: s.Addrs, Username: s.User, Password: s.Password, TLSConfig: secure,
		PoolSize: poolSize, ConnMaxIdleTime: idle, DialTimeout: dial, DialerRetries: 1, ReadTimeout: answer, ContextTimeoutEnabled: true,
		MaxRedirects: retries, MinRetryBackoff: minBackoff, MaxRetryBackoff: maxBackoff,
		ClusterStateReloadInterval: 2 * time.Second, // a dead master tells nobody of its successor
		DisableIdentity:            true, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

// tlsConfig reads the files that s names; nil without TLS. The servers'
// certificates are always checked: for who only wants encryption, ca is the
// certificate itself.
func tlsConfig(s config.RedisServer) (*tls.Config, error) {
	if !s.TLS {
		return nil, nil //nolint:nilnil // no TLS is an answer
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.ServerName}
	if s.CA != "" {
		pem, err := os.ReadFile(s.CA)
		if err != nil {
			return nil, fmt.Errorf("redis.url: parameter ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("redis.url: parameter ca: there is no certificate in PEM form in %s", s.CA)
		}
	}
	if s.Cert != "" {
		pair, err := tls.LoadX509KeyPair(s.Cert, s.Key)
		if err != nil {
			return nil, fmt.Errorf("redis.url: parameters cert and key: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
