//go:build !linux

package load

// loops chooses the client and makes its loops.
func (r *run) loops() ([]func(), error) {
	if r.cfg.standard() {
		return r.httpLoops()
	}
	return r.netLoops()
}
