// This file owns the choice of loopback ports.
// `up` holds one port per server and tells the server its number.
// It never lets go of a port while `up` lives, so nothing else can take it between the choice and the server's own bind.
package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// holdPort binds a free loopback port without listening on it, and returns its number.
// The server binds the same port beside it, for which both need SO_REUSEPORT; a socket that does not listen
// receives no connections. Asking the kernel for a port and closing it again was refused: ports get lost that way
// on a machine where several clusters and hundreds of test servers start at once.
func holdPort() (int, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open a socket to hold a loopback port: %w", err)
	}
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return 0, fmt.Errorf("share a loopback port with the server that will listen on it: %w", err)
	}
	if err := unix.Bind(socket, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, fmt.Errorf("bind a free port on 127.0.0.1: %w", err)
	}
	address, err := unix.Getsockname(socket)
	if err != nil {
		return 0, fmt.Errorf("read which loopback port was bound: %w", err)
	}
	return address.(*unix.SockaddrInet4).Port, nil
}
