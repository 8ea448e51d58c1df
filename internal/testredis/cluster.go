package testredis

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

const (
	masters = 3
	slots   = 16384
)

// Cluster is three masters, and replicas if they were asked for.
type Cluster struct {
	Nodes []*Server // the masters, then the replica of each
}

// StartCluster starts a cluster of three masters, each with a replica or none,
// and returns when all know that it is whole.
func StartCluster(ctx context.Context, dir string, replicas bool) (*Cluster, error) {
	c := &Cluster{}
	if err := c.start(ctx, dir, replicas); err != nil {
		return nil, errors.Join(err, c.Kill())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context, dir string, replicas bool) error {
	n := masters
	if replicas {
		n = 2 * masters
	}
	for i := range n {
		bus, err := FreeAddr()
		if err != nil {
			return err
		}
		node, err := newServer(filepath.Join(dir, "node"+strconv.Itoa(i)), "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
			"--cluster-node-timeout", "1000", "--cluster-port", bus[strings.LastIndex(bus, ":")+1:], "--repl-diskless-sync-delay", "0")
		if err != nil {
			return err
		}
		if err := node.Restart(ctx); err != nil {
			return err
		}
		c.Nodes = append(c.Nodes, node)
		if err := c.join(ctx, i); err != nil {
			return err
		}
	}
	if err := wait(ctx, func() error { return c.whole(ctx, n) }); err != nil || !replicas {
		return err
	}
	for i := range masters {
		if err := c.follow(ctx, i); err != nil {
			return err
		}
	}
	return wait(ctx, func() error { return c.whole(ctx, n) })
}

// join makes node i known to the first one, and gives a master its third of the slots.
func (c *Cluster) join(ctx context.Context, i int) error {
	rdb := redis.NewClient(&redis.Options{Addr: c.Nodes[i].Addr})
	defer rdb.Close()
	if i < masters {
		if err := rdb.ClusterAddSlotsRange(ctx, slots*i/masters, slots*(i+1)/masters-1).Err(); err != nil {
			return fmt.Errorf("testredis: slots: %w", err)
		}
	}
	if i == 0 {
		return nil
	}
	first := c.Nodes[0]
	if err := rdb.Do(ctx, "CLUSTER", "MEET", "127.0.0.1", first.Port(), first.bus()).Err(); err != nil {
		return fmt.Errorf("testredis: meet: %w", err)
	}
	return nil
}

// bus is the port on which members talk to each other.
func (s *Server) bus() string {
	for i, a := range s.args {
		if a == "--cluster-port" {
			return s.args[i+1]
		}
	}
	return ""
}

// follow makes node i+masters the replica of node i, and waits until it is in step.
func (c *Cluster) follow(ctx context.Context, i int) error {
	master := redis.NewClient(&redis.Options{Addr: c.Nodes[i].Addr})
	defer master.Close()
	id, err := master.Do(ctx, "CLUSTER", "MYID").Text()
	if err != nil {
		return fmt.Errorf("testredis: %w", err)
	}
	replica := redis.NewClient(&redis.Options{Addr: c.Nodes[i+masters].Addr})
	defer replica.Close()
	// once it was heard it must not be said again: that would start it over
	if err := wait(ctx, func() error { return replica.ClusterReplicate(ctx, id).Err() }); err != nil {
		return fmt.Errorf("testredis: replicate: %w", err)
	}
	return wait(ctx, func() error {
		info, err := replica.Info(ctx, "replication").Result()
		if err == nil && !strings.Contains(info, "master_link_status:up") {
			err = errors.New("testredis: the replica doesn't follow")
		}
		return err
	})
}

// whole reports whether all nodes see n members and all slots.
func (c *Cluster) whole(ctx context.Context, n int) error {
	for _, node := range c.Nodes {
		rdb := redis.NewClient(&redis.Options{Addr: node.Addr})
		info, err := rdb.ClusterInfo(ctx).Result()
		_ = rdb.Close() // it was only asked
		if err != nil {
			return fmt.Errorf("testredis: %w", err)
		}
		if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(n)+"\r") {
			return fmt.Errorf("testredis: the cluster isn't whole: %s", info)
		}
	}
	return nil
}

// Holder returns the master that holds key.
func (c *Cluster) Holder(ctx context.Context, key string) (*Server, error) {
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{c.Nodes[0].Addr}})
	defer rdb.Close()
	node, err := rdb.MasterForKey(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("testredis: %w", err)
	}
	for _, n := range c.Nodes {
		if n.Addr == node.Options().Addr {
			return n, nil
		}
	}
	return nil, fmt.Errorf("testredis: nobody holds %s", key)
}

// URL returns the address as Weft's configuration takes it.
func (c *Cluster) URL() string {
	var addrs []string
	for _, n := range c.Nodes {
		addrs = append(addrs, n.Addr)
	}
	return "redis-cluster://" + strings.Join(addrs, ",")
}

// Kill ends all members by SIGKILL.
func (c *Cluster) Kill() error {
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.Kill())
	}
	return errors.Join(errs...)
}
