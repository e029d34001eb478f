package bench

import (
	"crypto/tls"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// quick is a load of some milliseconds.
func quick() Options {
	o := Default()
	o.Connections, o.Keys, o.Duration, o.Warmup = 3, 50, 30*time.Millisecond, 5*time.Millisecond
	o.Gets, o.NeedHits, o.MinValue, o.MaxValue = 50, true, 0, 3000
	return o
}

// sound holds what each run has to show.
func sound(t *testing.T, r *Report, o *Options) {
	t.Helper()
	for _, s := range r.Servers {
		if len(s.Rounds) != o.Rounds || s.Median.Rate <= 0 || s.Median.P50 <= 0 || s.Median.Max < s.Median.P99 || s.Median.P99 < s.Median.P50 {
			t.Errorf("%+v", s)
		}
		for _, one := range s.Rounds {
			if one.Requests != one.Gets+one.Sets || one.Requests == 0 || one.Hits < one.Gets || one.Misses > 0 {
				t.Errorf("%+v", one)
			}
		}
	}
}

func TestRun_MeasuresServersInTurn(t *testing.T) {
	a, b := &fake{}, &fake{}
	o := quick()
	o.Rounds, o.Multiget = 3, 2
	var order []string
	o.Progress = func(p Progress) { order = append(order, p.Server) }
	servers := []string{a.serve(t, listen(t)), b.serve(t, listenUnix(t))}
	r, err := Run(servers, o)
	if err != nil {
		t.Fatal(err)
	}
	sound(t, r, &o)
	if len(r.Ratios) != 1 || r.Ratios[0].Address != servers[1] {
		t.Fatalf("%+v", r.Ratios)
	}
	x := r.Ratios[0].Rate
	if want := r.Servers[1].Median.Rate / r.Servers[0].Median.Rate; x.Median != want || x.Low <= 0 || x.High < x.Low {
		t.Errorf("%+v, want %v", x, want)
	}
	if want := min(loadConnections, o.Keys) + o.Rounds*o.Connections; a.conns != want || b.conns != want {
		t.Errorf("%d and %d connections, want %d", a.conns, b.conns, want)
	}
	for i := 1; i < len(order); i++ { // some rounds are too short to tell of
		if order[i] != servers[0] && order[i] != servers[1] {
			t.Errorf("%q", order)
		}
	}
}

func TestRun_OpenLoop(t *testing.T) {
	f := &fake{}
	o := quick()
	o.Rate, o.Duration = 2000, 200*time.Millisecond
	r, err := Run([]string{f.serve(t, listen(t))}, o)
	if err != nil {
		t.Fatal(err)
	}
	sound(t, r, &o)
	if got := r.Servers[0].Rounds[0].Requests; got > 2000 { // due are 400, and what the warm-up left
		t.Errorf("%d requests in %v at %d a second", got, o.Duration, o.Rate)
	}
}

// TLS takes a goroutine for each connection.
func TestRun_OverTLSAndBehindALogin(t *testing.T) {
	https := httptest.NewUnstartedServer(nil)
	https.StartTLS()
	defer https.Close()
	cfg := &tls.Config{Certificates: https.TLS.Certificates}
	for _, rate := range []int{0, 2000} {
		f := &fake{login: "ann secret"}
		address := f.serve(t, tls.NewListener(listen(t), cfg))
		o := quick()
		o.Rate, o.TLS = rate, &tls.Config{InsecureSkipVerify: true}
		o.Name, o.Password = "ann", "secret"
		r, err := Run([]string{address}, o)
		if err != nil {
			t.Fatal(err)
		}
		sound(t, r, &o)
		o.Password = "wrong"
		if _, err = Run([]string{address}, o); err == nil || !strings.Contains(err.Error(), "refused the login") {
			t.Errorf("%v", err)
		}
		o.TLS = &tls.Config{}
		if _, err = Run([]string{address}, o); err == nil || !strings.Contains(err.Error(), "over TLS: ") {
			t.Errorf("%v", err)
		}
	}
}

// Large batches are written beside the reading, in either way of serving connections.
func TestRun_LargeBatches(t *testing.T) {
	f := &fake{}
	o := quick()
	o.MinValue, o.MaxValue, o.Depth, o.Keys = 100_000, 100_000, 20, 40
	r, err := Run([]string{f.serve(t, listen(t))}, o)
	if err != nil {
		t.Fatal(err)
	}
	sound(t, r, &o)
	https := httptest.NewUnstartedServer(nil)
	https.StartTLS()
	defer https.Close()
	o.TLS = &tls.Config{InsecureSkipVerify: true}
	if r, err = Run([]string{f.serve(t, tls.NewListener(listen(t), &tls.Config{Certificates: https.TLS.Certificates}))}, o); err != nil {
		t.Fatal(err)
	}
	sound(t, r, &o)
}

func TestRun_WrongValueEndsIt(t *testing.T) {
	f := &fake{}
	address := f.serve(t, listen(t))
	o := quick()
	o.Keys, o.MinValue, o.MaxValue = 1, 20, 20
	if _, err := Run([]string{address}, o); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	for k := range f.items {
		f.items[k] = "another value of it."
	}
	f.lost = func(string) bool { return true } // a set of that run may still be on its way
	f.mu.Unlock()
	o.Load, o.Gets, o.Duration = false, 100, time.Hour
	if _, err := Run([]string{address}, o); err == nil || !strings.Contains(err.Error(), address+": connection ") || !strings.Contains(err.Error(), "a wrong value: bench:") {
		t.Errorf("%v", err)
	}
	o.MinValue, o.MaxValue = 21, 21
	if _, err := Run([]string{address}, o); err == nil || !strings.Contains(err.Error(), `where "VALUE bench:`) {
		t.Errorf("%v", err)
	}
}

func TestRun_ServerThatIsNotThere(t *testing.T) {
	l := listen(t)
	l.Close()
	if _, err := Run([]string{l.Addr().String()}, quick()); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
	}
}

func TestRun_ServerThatHangsUp(t *testing.T) {
	l := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	defer func() { l.Close(); <-done }()
	o := quick()
	o.Duration = time.Hour
	if _, err := Run([]string{l.Addr().String()}, o); err == nil {
		t.Error("no error")
	}
}

func TestCheck_NamesTheFlag(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"--connections 0 is out of range": func(o *Options) { o.Connections = 0 },
		"--threads 60: there are only 50": func(o *Options) { o.Threads = 60 },
		"--depth has to be 1":             func(o *Options) { o.Rate, o.Depth = 1, 2 },
		"--size 5 is out of range":        func(o *Options) { o.MinValue, o.MaxValue = 5, 4 },
		"more than 64 MiB at once":        func(o *Options) { o.Depth, o.MaxValue = 10_000, 1<<20 },
		"without login and TLS":           func(o *Options) { o.Protocol, o.Name = RESP, "ann" },
		"--pid names 1 processes for 2":   func(o *Options) { o.PIDs = []int{1} },
		"have to be more than 0":          func(o *Options) { o.Duration = 0 },
	} {
		o := Default()
		change(&o)
		if err := o.Check(2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	o := Default()
	if err := o.Check(1); err != nil {
		t.Error(err)
	}
	if err := o.Check(0); err == nil {
		t.Error("no server passes")
	}
}
