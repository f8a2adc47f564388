package stat

import (
	"cmp"
	"math"
	"slices"
)

// signedRank returns the Hodges-Lehmann estimate of the centre of values, the median of all means of
// two of them (Walsh averages), with its interval: between the k-th smallest and greatest of them, k
// by the distribution of Wilcoxon's signed-rank statistic (M. Hollander, D. A. Wolfe and E. Chicken, "Nonparametric
// Statistical Methods", 3rd ed., Sections 3.2 and 3.3). values are not sorted.
func signedRank(values []float64, confidence float64) Interval {
	n := len(values)
	walsh := make([]float64, 0, n*(n+1)/2)
	for i := range values {
		for j := i; j < n; j++ {
			walsh = append(walsh, (values[i]+values[j])/2)
		}
	}
	return ofSorted(walsh, lowerCritical(signedRankCounts(n), confidence))
}

// signedRankCounts returns how likely each sum of ranks is that random signs make positive.
func signedRankCounts(n int) []float64 {
	p := make([]float64, n*(n+1)/2+1)
	p[0] = 1
	top := 0
	for rank := 1; rank <= n; rank++ {
		top += rank
		for s := top; s >= 0; s-- {
			with := 0.0
			if s >= rank {
				with = p[s-rank]
			}
			p[s] = (p[s] + with) / 2
		}
	}
	return p
}

// signedRankP returns the two-sided probability, without knowing the centre, of a rank sum as
// extreme as that of values. Ties share their ranks; zeros count half to either side.
func signedRankP(values []float64) float64 {
	order := slices.Clone(values)
	slices.SortFunc(order, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
	w := 0.0
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && math.Abs(order[j]) == math.Abs(order[i]) {
			j++
		}
		rank := float64(i+j+1) / 2
		for ; i < j; i++ {
			switch {
			case order[i] > 0:
				w += rank
			case order[i] == 0:
				w += rank / 2
			}
		}
	}
	p := signedRankCounts(len(values))
	w = math.Min(w, float64(len(p)-1)-w)
	sum := 0.0
	for s := 0; s <= int(math.Floor(w)); s++ {
		sum += p[s]
	}
	return math.Min(1, 2*sum)
}

// rankSum returns the Hodges-Lehmann estimate of the shift from a to b, the median of all differences,
// with the interval of the Mann-Whitney statistic (Hollander, Wolfe and Chicken, Sections 4.2 and 4.3).
func rankSum(a, b []float64, confidence float64) Interval {
	differences := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			differences = append(differences, y-x)
		}
	}
	return ofSorted(differences, lowerCritical(rankSumCounts(len(a), len(b)), confidence))
}

// rankSumCounts returns how likely each number of pairs (x from one side, y from the other) with
// y > x is, if both sides are of one distribution. Up to 20 on a side it is exact, beyond that
// the normal distribution of the same mean and variance.
func rankSumCounts(m, n int) []float64 {
	p := make([]float64, m*n+1)
	if max(m, n) > 20 {
		mean := float64(m*n) / 2
		sd := math.Sqrt(float64(m*n) * float64(m+n+1) / 12)
		for u := range p {
			p[u] = normalBelow((float64(u)+0.5-mean)/sd) - normalBelow((float64(u)-0.5-mean)/sd)
		}
		return p
	}
	// w[i][u]: ways to order i of the one side and j of the other; after D. Mann and H. Whitney's recurrence
	// over which side holds the greatest value.
	w := make([][]float64, m+1)
	for i := range w {
		w[i] = make([]float64, m*n+1)
		w[i][0] = 1 // j = 0
	}
	for j := 1; j <= n; j++ {
		for i := 1; i <= m; i++ {
			next := make([]float64, m*n+1)
			for u := 0; u <= i*j; u++ {
				next[u] = w[i-1][u] * float64(i) / float64(i+j)
				if u >= i {
					next[u] += w[i][u-i] * float64(j) / float64(i+j)
				}
			}
			w[i] = next
		}
	}
	copy(p, w[m])
	return p
}

// lowerCritical returns how many of the sorted values may be cut off at each end so that
// the rest still covers the centre with the given confidence; -1 if not even none.
func lowerCritical(p []float64, confidence float64) int {
	tail := (1 - confidence) / 2
	sum := 0.0
	for s, v := range p {
		if sum += v; sum > tail {
			return s - 1
		}
	}
	return len(p) - 1
}

// ofSorted returns the median of values, and the bounds that are left when cut of them, and
// no more, lie beyond each.
func ofSorted(values []float64, cut int) Interval {
	slices.Sort(values)
	n := len(values)
	i := Interval{(values[(n-1)/2] + values[n/2]) / 2, math.Inf(-1), math.Inf(1)}
	if cut >= 0 && cut < n {
		i.Low, i.High = values[cut], values[n-1-cut]
	}
	return i
}

// Dependence returns by how much the variance of the mean of values, in the order of measurement, exceeds that
// of independent ones: (1 + r)/(1 - r) with r the correlation of neighbours, as in a first-order
// autoregression, at least 1 and at most 19. The correlation is of ranks, so that a few
// wild values do not hide it. Under eight values it is 1.
func Dependence(values []float64) float64 {
	n := len(values)
	if n < 8 {
		return 1
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	ranks := make([]float64, n)
	for i := 0; i < n; {
		j := i
		for j < n && values[order[j]] == values[order[i]] {
			j++
		}
		for k := i; k < j; k++ {
			ranks[order[k]] = float64(i+j-1)/2 - float64(n-1)/2
		}
		i = j
	}
	var cross, square float64
	for i, x := range ranks {
		square += x * x
		if i > 0 {
			cross += x * ranks[i-1]
		}
	}
	if square == 0 {
		return 1
	}
	r := math.Min(math.Max(cross/square, 0), 0.9)
	return (1 + r) / (1 - r)
}

// center returns the centre of values with the shorter of two intervals: that of the median,
// which up to a third of wild values leave alone, and that of [signedRank], which
// is shorter if there are few.
func center(values []float64, confidence float64) Interval {
	ranks := signedRank(values, confidence)
	middle := Quantile(slices.Sorted(slices.Values(values)), 0.5, confidence)
	if middle.High-middle.Low < ranks.High-ranks.Low {
		middle.Value = median(values)
		return middle
	}
	return ranks
}
