package testredis

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// User of a server with an ACL.
type User struct {
	Name     string
	Password string
	Rules    string // as ACL SETUSER takes them, without the password
}

// Certificates are files in PEM form. The server's is for 127.0.0.1 and the
// name redis.test.
type Certificates struct {
	CA, ServerCert, ServerKey, ClientCert, ClientKey string
}

// StartTLS starts a server that speaks TLS alone, wants a client certificate,
// and lets nobody in but the users. URL is that of the first one.
func StartTLS(ctx context.Context, dir string, users ...User) (*Server, Certificates, error) {
	certs, err := NewCertificates(dir)
	if err != nil {
		return nil, certs, err
	}
	var acl strings.Builder
	acl.WriteString("user default off\n")
	for _, u := range users {
		fmt.Fprintf(&acl, "user %s on >%s %s\n", u.Name, u.Password, u.Rules)
	}
	file := filepath.Join(dir, "users.acl")
	if err := os.WriteFile(file, []byte(acl.String()), 0o600); err != nil {
		return nil, certs, fmt.Errorf("testredis: %w", err)
	}
	s, err := newServer(dir, "--aclfile", file)
	if err != nil {
		return nil, certs, err
	}
	s.args = append(s.args, "--tls-port", fmt.Sprint(s.Port()), "--tls-auth-clients", "yes",
		"--tls-ca-cert-file", certs.CA, "--tls-cert-file", certs.ServerCert, "--tls-key-file", certs.ServerKey)
	s.args[1] = "0" // no port without TLS
	config, err := certs.client()
	if err != nil {
		return nil, certs, err
	}
	s.url = certs.URL(s, users[0])
	s.ask = &redis.Options{Addr: s.Addr, Username: users[0].Name, Password: users[0].Password, TLSConfig: config}
	err = s.Restart(ctx)
	return s, certs, err
}

// URL returns the address of s as u, with these certificates.
func (c Certificates) URL(s *Server, u User) string {
	return fmt.Sprintf("rediss://%s@%s/0?%s", neturl.UserPassword(u.Name, u.Password), s.Addr,
		"ca="+neturl.PathEscape(c.CA)+"&cert="+neturl.PathEscape(c.ClientCert)+"&key="+neturl.PathEscape(c.ClientKey))
}

func (c Certificates) client() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.ClientCert, c.ClientKey)
	if err != nil {
		return nil, fmt.Errorf("testredis: %w", err)
	}
	ca, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("testredis: %w", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, RootCAs: pool}, nil
}

// NewCertificates makes an authority of its own and the two certificates that it signs.
func NewCertificates(dir string) (Certificates, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Certificates{}, fmt.Errorf("testredis: %w", err)
	}
	authority := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	ca, err := sign(dir, "ca", authority, nil)
	if err != nil {
		return Certificates{}, err
	}
	server, err := sign(dir, "server", &x509.Certificate{
		DNSNames: []string{"redis.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, // a replica is a client too
	}, ca)
	if err != nil {
		return Certificates{}, err
	}
	client, err := sign(dir, "client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ca)
	if err != nil {
		return Certificates{}, err
	}
	return Certificates{CA: ca.cert, ServerCert: server.cert, ServerKey: server.key, ClientCert: client.cert, ClientKey: client.key}, nil
}

// signed is a certificate with its key and files.
type signed struct {
	cert, key string
	parsed    *x509.Certificate
	private   *ecdsa.PrivateKey
}

// sign completes a certificate and writes it; without an authority it signs itself.
func sign(dir, name string, c *x509.Certificate, by *signed) (*signed, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("testredis: %w", err)
	}
	s := &signed{cert: filepath.Join(dir, name+".crt"), key: filepath.Join(dir, name+".key"), private: private}
	c.SerialNumber, c.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "weft test " + name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent, signer := c, private
	if by != nil {
		parent, signer = by.parsed, by.private
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &private.PublicKey, signer)
	if err != nil {
		return nil, fmt.Errorf("testredis: %w", err)
	}
	if s.parsed, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("testredis: %w", err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("testredis: %w", err)
	}
	var text strings.Builder
	if err := pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		return nil, fmt.Errorf("testredis: %w", err)
	}
	if err := os.WriteFile(s.cert, []byte(text.String()), 0o600); err != nil {
		return nil, fmt.Errorf("testredis: %w", err)
	}
	return s, os.WriteFile(s.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600)
}
