package load

import (
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A poller waits for sockets, in nanoseconds.
type poller struct {
	fd     int // of epoll
	wakeFD int // an eventfd
	events [256]unix.EpollEvent
	coarse bool // no epoll_pwait2, which came with Linux 5.11
}

// kernelTimespec is what epoll_pwait2 takes, also on 32-bit systems.
type kernelTimespec struct{ sec, nsec int64 }

func newPoller() (*poller, error) {
	p := &poller{}
	var err error
	if p.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if p.wakeFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(p.fd)
		return nil, err
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(p.wakeFD)}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, p.wakeFD, &e); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *poller) close() {
	unix.Close(p.fd)
	unix.Close(p.wakeFD)
}

// wake ends a wait from another thread.
func (p *poller) wake() {
	one := [8]byte{0: 1, 7: 1}
	unix.Write(p.wakeFD, one[:]) // a full one is awake
}

// wait returns how many of p.events happened within d. A raw wait keeps the scheduler out:
// it costs less and blocks the processor's other goroutines.
func (p *poller) wait(d time.Duration, raw bool) int {
	if p.coarse {
		return p.waitCoarse(d)
	}
	ts := kernelTimespec{int64(d / time.Second), int64(d % time.Second)}
	call := syscall.Syscall6
	if raw {
		call = syscall.RawSyscall6
	}
	n, _, errno := call(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)),
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	switch errno {
	case 0:
		return int(n)
	case unix.ENOSYS, unix.EPERM: // an old kernel, or a sandbox that does not know the call
		p.coarse = true
		return p.waitCoarse(d)
	}
	return 0 // EINTR
}

// waitCoarse waits with ppoll, which has nanoseconds since Linux 2.6.16, and then asks epoll.
func (p *poller) waitCoarse(d time.Duration) int {
	if d > 0 {
		ts := unix.NsecToTimespec(int64(d))
		if n, err := unix.Ppoll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, &ts, nil); err != nil || n == 0 {
			return 0
		}
	}
	n, err := unix.EpollWait(p.fd, p.events[:], 0)
	if err != nil {
		return 0
	}
	return n
}

// send writes to a socket without the scheduler's knowledge: it does not block.
func send(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
	return int(n), errno
}

// receive reads from a socket likewise.
func receive(fd int, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(n), errno
}

// sharpen makes the timers of this thread exact to a nanosecond instead of 50 µs, and
// returns what undoes it.
func sharpen() func() {
	old, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil || unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) != nil {
		return func() {}
	}
	return func() { unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(old), 0, 0, 0) }
}

// awake is a flag a loop sets while it lacks a place, for others to wake it.
type awake struct {
	_       [64]byte
	lacking atomic.Bool
	_       [64]byte
}
