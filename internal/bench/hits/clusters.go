package hits

// A cluster is what a study tells of one production cache: Juncheng Yang, Yao Yue and
// K. V. Rashmi, "A large scale analysis of hundreds of in-memory cache clusters at
// Twitter", OSDI 2020; the numbers are from the table of March 2020 that its authors
// published with their traces (github.com/twitter/cache-trace).
type cluster struct {
	number     int
	keyBytes   int     // mean
	valueBytes int     // mean
	reads      float64 // requests of a key, mean
	once       float64 // part of the keys that is asked for only once
	ttls       []ttlPart
}

// ttlPart says for which part of the values an expiry was set.
type ttlPart struct {
	part    float64
	seconds int
}

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
)

// clusters are ten of the 54: small and large values, few and many reads of a key,
// expiries from seconds to days.
var clusters = []cluster{
	{4, 67, 2439, 26.5, 0.2933, []ttlPart{{0.39, 60}, {0.24, 5 * minute}, {0.13, hour}, {0.12, 10 * minute}, {0.09, 4 * hour}, {0.03, day}}},
	{13, 44, 4266, 1.6, 0.6439, []ttlPart{{1, 5 * minute}}},
	{19, 42, 101, 4.7, 0.0746, []ttlPart{{0.5, 7 * hour}, {0.5, 7*hour + hour/2}}},
	{27, 66, 8, 9.0, 0.2221, []ttlPart{{0.28, 92 * day}, {0.25, day}, {0.20, hour}, {0.18, 4 * hour}, {0.06, 6 * hour}, {0.02, 12 * hour}}},
	{29, 36, 799, 22.5, 0.2304, []ttlPart{{0.67, hour}, {0.33, 2 * hour}}},
	{37, 72, 20134, 3.8, 0.1488, []ttlPart{{0.91, 20}, {0.06, 5 * minute}, {0.02, 2 * hour}, {0.01, 10 * minute}}},
	{45, 10, 120, 2.9, 0.4874, []ttlPart{{1, 15 * day}}},
	{50, 18, 67485, 22.1, 0.0786, []ttlPart{{0.73, 15 * minute}, {0.27, 20 * minute}}},
	{52, 20, 273, 32.6, 0.1936, []ttlPart{{0.65, day}, {0.27, 14 * day}, {0.07, 12 * hour}}},
	{54, 19, 246, 9.8, 0.5483, []ttlPart{{1, 3*hour + hour/2}}},
}
