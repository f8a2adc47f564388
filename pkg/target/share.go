package target

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseShare reads a share of requests such as "1%" or "0.01".
func ParseShare(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	x, err := strconv.ParseFloat(number, 64)
	if percent {
		x /= 100
	}
	if err != nil || !(x >= 0 && x <= 1) {
		return 0, fmt.Errorf("%q is not a share such as 1%% or 0.01", s)
	}
	return x, nil
}
