// This file owns the orders that a running `up --node` takes: which of its servers ends, or starts again, while the others live on.
// Tests write one line to a socket in the node's folder and read one line, "done" or why not.
// It never acts itself: `cluster` does, on the main goroutine, where children may be started (see main.go).
package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

const (
	ordersSocket  = "orders.sock"
	orderPatience = 5 * time.Second
)

type order struct {
	words string
	done  chan error
}

// takeOrders listens for as long as the process lives; the socket goes with the node's folder.
func takeOrders() (<-chan order, error) {
	listener, err := net.Listen("unix", place(ordersSocket))
	if err != nil {
		return nil, fmt.Errorf("listen for orders: %w", err)
	}
	orders := make(chan order)
	go func() {
		for {
			asked, err := listener.Accept()
			if err != nil {
				return
			}
			go answer(asked, orders)
		}
	}()
	return orders, nil
}

func answer(asked net.Conn, orders chan<- order) {
	defer asked.Close()
	_ = asked.SetReadDeadline(time.Now().Add(orderPatience)) // Fails only on a connection that is closed.
	line, err := bufio.NewReader(asked).ReadString('\n')
	if err != nil {
		return
	}
	given := order{words: strings.TrimSpace(line), done: make(chan error)}
	orders <- given
	if err := <-given.done; err != nil {
		fmt.Fprintln(asked, err)
		return
	}
	fmt.Fprintln(asked, "done")
}

// obey does what "restart agents", "end ROLE" and "start ROLE" say; a role is what a log in the cluster's folder is called.
func (c *cluster) obey(words string) error {
	if words == "restart agents" {
		return c.restartNode()
	}
	what, role, _ := strings.Cut(words, " ")
	known := c.known(role)
	switch {
	case known == nil:
		return fmt.Errorf("cannot obey %q: no server is called %q", words, role)
	case what == "end":
		known.end()
		return nil
	case what != "start":
		return fmt.Errorf("cannot obey %q: an order begins with end or start", words)
	case !known.isGone():
		return errors.New("cannot start " + role + ": it is running; end it first")
	}
	return c.launch(known.again)
}
