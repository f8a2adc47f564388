package load

// loops chooses the client and makes its loops.
func (r *run) loops() ([]func(), error) {
	if r.cfg.standard() {
		return r.httpLoops()
	}
	for _, e := range r.cfg.Targets.endpoints {
		if e.tls || r.cfg.Dial != nil {
			return r.netLoops()
		}
	}
	if r.cfg.Dial != nil {
		return r.netLoops()
	}
	return r.eventLoops()
}
