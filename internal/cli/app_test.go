package cli

import (
	"bytes"
	"crypto/rand"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"twincached/internal/node"
	"twincached/internal/nodelog"
)

// asProgram makes the test binary behave as twincached, so that tests can start
// real processes without building one.
const asProgram = "RUN_AS_TWINCACHED"

func TestMain(m *testing.M) {
	if name := os.Getenv(healthNameVariable); name != "" {
		healthName = name
	} else {
		healthName += "-test-" + rand.Text() // other nodes of this machine are not found
		os.Setenv(healthNameVariable, healthName)
	}
	if os.Getenv(asProgram) != "" {
		os.Exit(Main())
	}
	for _, v := range os.Environ() { // a setting of the person who tests
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "TWINCACHED_") {
			os.Unsetenv(name)
		}
	}
	goleak.VerifyTestMain(m)
}

// parse runs a command line up to the point where a node would start.
func parse(args ...string) (s settings, code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	p := program{args: args, stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr}
	p.serve = func(got settings) error { s = got; return nil }
	code = p.run()
	return s, code, stdout.String(), stderr.String()
}

func mustParse(t *testing.T, line string) settings {
	t.Helper()
	s, code, _, stderr := parse(strings.Fields(line)...)
	if code != exitOK {
		t.Fatalf("%q: exit %d: %s", line, code, stderr)
	}
	return s
}

func TestCommandLine_DefaultsAreMemcachedsOwn(t *testing.T) {
	if got, want := mustParse(t, ""), (settings{Node: node.Default(), LogFormat: nodelog.FormatAuto}); !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v\nwant %+v", got, want)
	}
}

func TestCommandLine_SetsEachFlag(t *testing.T) {
	got := mustParse(t, "-p1 -l 127.0.0.1,::1 -s /tmp/s -a 0770 -m100 -M -I 2m -c10 -t2 --io epoll -b9 -R3 -F -B binary -U0 -U 11211"+
		" -unobody -d -P/tmp/pid -vv -x other -X2 --repl-listen 127.0.0.1 --repl-insecure --repl-compress zstd --cluster c"+
		" --peer-id 000102030405060708090A0B0C0D0E0F --state-dir /tmp/d --local-keys a*,b --peer-wait 1s --boot wait --refused-wait 4s"+
		" --drain-timeout 2s --handover 3s --copy-rate 7 -C -q 8192 -o modern,idle_timeout=60 -o hashpower=20 -Y /f -S -A"+
		" --disable-dumping -D / -o track_sizes,no_lru_crawler --log-file /f --log-format text --warm=any -e /m")
	want := settings{
		Node: node.Config{
			Port: 1, Listen: []string{"127.0.0.1", "::1"}, UnixSocket: "/tmp/s", UnixMask: 0o770, MemoryMiB: 100, NoEviction: true, MaxItemBytes: 2 << 20,
			MaxConns: 10, Threads: 2, IO: "epoll", Backlog: 9, RequestsPerEvent: 3, NoFlush: true, Protocol: node.ProtocolBinary, Verbosity: 2, IdleTimeout: time.Minute,
			TLS: node.TLS{MinVersion: 2, WriteBufKiB: 16}, AuthFile: "/f", SASL: true, AllowShutdown: true,
			NoCAS: true, NoDumps: true, PrefixDelimiter: '/', TrackSizes: true, NoCrawler: true,
			Peer: "other:11212", ReplPort: 2, ReplListen: "127.0.0.1", ReplInsecure: true, Compress: node.CompressZstd, Cluster: "c",
			PeerID: "000102030405060708090a0b0c0d0e0f", StateDir: "/tmp/d", Warm: node.WarmAny, MemoryFile: "/m", LocalKeys: []string{"a*", "b"},
			PeerWait: time.Second, Boot: node.BootWait, RefusedWait: 4 * time.Second, DrainTimeout: 2 * time.Second, Handover: 3 * time.Second, CopyMiB: 7,
		},
		User: "nobody", Daemon: true, PidFile: "/tmp/pid", LogFile: "/f", LogFormat: nodelog.FormatText, UDPPort: 11211,
		Ignored: []string{"--extended=modern,hashpower", "--queue-length"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func TestCommandLine_FlagWinsOverEnvironmentOverDefault(t *testing.T) {
	t.Setenv("TWINCACHED_MEMORY_LIMIT", "100")
	t.Setenv("TWINCACHED_CONN_LIMIT", "7")
	t.Setenv("TWINCACHED_VERBOSE", "2")
	t.Setenv("TWINCACHED_DISABLE_EVICTIONS", "1")
	t.Setenv("TWINCACHED_LOCAL_KEYS", "")
	t.Setenv("TWINCACHED_PEER", "") // as compose files leave it when it is not set
	t.Setenv("TWINCACHED_PORT", "tcp://10.0.0.1:11211")
	s := mustParse(t, "-m 200")
	n := s.Node
	if n.MemoryMiB != 200 || n.MaxConns != 7 || n.Verbosity != 2 || !n.NoEviction || len(n.LocalKeys) != 0 || n.Peer != "" || n.Port != 11211 {
		t.Fatalf("got %+v", n)
	}
}

// As memcached reads it: a zero in front makes no other number of it.
func TestCommandLine_NumbersAreDecimal(t *testing.T) {
	if n := mustParse(t, "-m 064 -p 0100").Node; n.MemoryMiB != 64 || n.Port != 100 {
		t.Errorf("%d MiB, port %d", n.MemoryMiB, n.Port)
	}
	for _, line := range []string{"-m 0x40", "-m 1_000", "-m 6.4"} {
		if _, code, _, stderr := parse(strings.Fields(line)...); code != exitUsage || !strings.Contains(stderr, "is not a whole number") {
			t.Errorf("%s: exit %d, %s", line, code, stderr)
		}
	}
}

func TestCommandLine_ANumberWithoutAUnitIsSeconds(t *testing.T) {
	n := mustParse(t, "--peer-wait 10 --drain-timeout 1.5").Node
	if n.PeerWait != 10*time.Second || n.DrainTimeout != 1500*time.Millisecond {
		t.Errorf("%v, %v", n.PeerWait, n.DrainTimeout)
	}
}

func TestCommandLine_TheProgramsNameMayStandInFront(t *testing.T) {
	for _, line := range []string{"memcached -m 65", "twincached -m 65", "/usr/local/bin/memcached -m65"} {
		if n := mustParse(t, line).Node; n.MemoryMiB != 65 {
			t.Errorf("%q: %d MiB", line, n.MemoryMiB)
		}
	}
}

// As memcached 1.6.45 does.
func TestCommandLine_UDPPortMovesTCPUnlessThatIsGiven(t *testing.T) {
	for line, want := range map[string]int{
		"-U 11222": 11222, "-U 11222 -l 127.0.0.1": 11222, "-U 0": 11211, "-U -1": -1, "-U 11222 -p 11223": 11223, "-p 11223 -U 11222": 11223,
	} {
		if got := mustParse(t, line).Node.Port; got != want {
			t.Errorf("%q: port %d, want %d", line, got, want)
		}
	}
	if _, _, out, _ := parse("config", "-U", "11222"); !regexp.MustCompile(`(?m)^port +11222 +flag$`).MatchString(out) {
		t.Errorf("config says %s", out)
	}
}

func TestCommandLine_ListenIsSplitAsMemcachedDoes(t *testing.T) {
	got := mustParse(t, "-l 127.0.0.1;::1,,10.0.0.1;, -l proto[ascii]:127.0.0.2").Node.Listen
	if want := []string{"127.0.0.1", "::1", "10.0.0.1", "proto[ascii]:127.0.0.2"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCommandLine_EachFlagHasItsVariable(t *testing.T) {
	for _, o := range newNodeOptions().all {
		if o.Category == groupIgnored {
			continue
		}
		t.Run(o.Name, func(t *testing.T) {
			variable := envName(o.Name)
			t.Setenv(variable, "bad value")
			switch o.word {
			case "", "N", "PORT", "MASK", "MIB", "TIME", "SIZE": // those that "bad value" cannot be
				if _, code, _, stderr := parse(); code != exitUsage || !strings.Contains(stderr, "--"+o.Name) {
					t.Fatalf("%s is not read: exit %d, %s", variable, code, stderr)
				}
			}
		})
	}
}

func TestCommandLine_BadInputIsAnsweredClearly(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"--pear x", "twincached: unknown flag --pear; did you mean --peer?"},
		{"-z", "unknown flag -z"},
		{"stats", `unexpected word "stats"`},
		{"-m pair", `-m, --memory-limit: "pair" is not a whole number`},
		{"-m 1", "-m, --memory-limit 1 is too small to be useful: 2 MiB at least"},
		{"-m -64", "-m, --memory-limit -64 is too small"},
		{"-m 99999999", "-m, --memory-limit 99999999 is out of range"},
		{"-m 99999999999999999999", "is not a whole number"},
		{"-m 64 -I 33m", "-I, --max-item-size 34603008 bytes is more than half of -m, --memory-limit 64 MiB"},
		{"-I 512", "-I, --max-item-size 512 is out of range"},
		{"-I 2g -m 9999", "-I, --max-item-size 2147483648 is out of range"},
		{"-I 9999999999999g", "is not a size"},
		{"-I much", `-I, --max-item-size: "much" is not a size`},
		{"-c 0", "-c, --conn-limit 0 is out of range"},
		{"-c -1", "-c, --conn-limit -1 is out of range"},
		{"-c 1000000000", "-c, --conn-limit 1000000000 is out of range"},
		{"-t 0", "-t, --threads 0 is out of range"},
		{"-t 1000", "-t, --threads 1000 is out of range"},
		{"-b 0", "-b, --listen-backlog 0"},
		{"-R 0", "-R, --max-reqs-per-event 0"},
		{"-vvvv", "-v, --verbose 4 is out of range"},
		{"-p 0", "-p, --port 0 leaves no port"},
		{"-p 65536", "-p, --port 65536 is out of range"},
		{"-l 1.2.3.4:99999", "-l, --listen 1.2.3.4:99999"},
		{"-l 1:2:3", "-l, --listen 1:2:3"},
		{"-l ,", `-l, --listen: "," has no address`},
		{"-l notls:127.0.0.1", "notls means nothing without -Z, --enable-ssl"},
		{"-U 65536", "-U, --udp-port: 65536 is out of range: -1 to 65535"},
		{"-U x", `-U, --udp-port: "x" is not a whole number`},
		{"-B smoke", `"smoke" is neither`},
		{"-s /" + strings.Repeat("x", 200), "-s, --unix-socket: the path has 201 bytes, a socket's has 10"},
		{"-s", "-s, --unix-socket needs a value"},
		{"-s /s -a 999", `-a, --unix-mask: "999" is not an octal number such as 700`},
		{"-s /s -a rwx", `"rwx" is not an octal number`},
		{"-s /s -a -1", `"-1" is not an octal number`},
		{"-s /s -a 77777777777777777777777", "is not an octal number"},
		{"-s /s -a 1777", "-a, --unix-mask 1777 is out of range: 0 to 777, in octal"},
		{"-o modern,idle_timeuot=5", `-o, --extended: illegal suboption "idle_timeuot=5"`},
		{"-o idle_timeout", "-o, --extended: idle_timeout needs a number of seconds"},
		{"-o idle_timeout=", "-o, --extended: idle_timeout= is not a number of seconds"},
		{"-o modern,idle_timeout=1h", "-o, --extended: idle_timeout=1h is not a number of seconds"},
		{"-o idle_timeout=99999999999", "is not a number of seconds"},
		{"-o idle_timeout=-1", "-o idle_timeout=-1 is out of range: 0 to "},
		{"-o idle_timeout=2000000000", "-o idle_timeout=2000000000 is out of range: 0 to "},
		{"-s /s -l 1:2:3", "-l, --listen 1:2:3"},
		{"-S", "-S, --enable-sasl has no logins: name a file of lines name:password with -Y, --auth-file"},
		{"-Y f -B binary", "-Y, --auth-file and -B, --protocol binary: "},
		{"-Y f -B auto", "-Y, --auth-file and -B, --protocol auto: "},
		{"-S -Y f -B ascii", "-S, --enable-sasl and -B, --protocol ascii: the text protocol has no SASL"},
		{"-Z", "-Z, --enable-ssl needs a certificate: -o ssl_chain_cert=FILE"},
		{"-Z -s /s -o ssl_chain_cert=f", "there is no TLS on a unix socket"},
		{"-Z -o ssl_chain_cert=f,ssl_verify_mode=4", "-o ssl_verify_mode 4 is out of range"},
		{"-Z -o ssl_chain_cert=f,ssl_min_version=tlsv9", "ssl_min_version: "},
		{"--boot wait", "--boot wait contradicts a missing -x, --peer"},
		{"--boot later", `--boot "later": it is auto, serve or wait`},
		{"--secret-file f", "--secret-file has no use without -x, --peer"},
		{"--peer-id 00", "--peer-id"},
		{"--repl-insecure", "--repl-insecure has no use without -x, --peer"},
		{"-x o --secret-file f --repl-insecure", "--secret-file and --repl-insecure contradict each other"},
		{"-x o -l 127.0.0.1 -p 11212", "-p, --port and -X, --repl-port are both 11212"},
		{"-x o -l 127.0.0.1:7 -X 7", "-p, --port and -X, --repl-port are both 7"},
		{"-X 0", "-X, --repl-port: 0 is no port"},
		{"-x :11212 -l 127.0.0.1", "-x, --peer :11212 has no host name"},
		{"-x other -l 127.0.0.1 --repl-listen 127.0.0.1:21212", "--repl-listen 127.0.0.1:21212: an address without a port; the port is -X, --repl-port 21212"},
		{"-x other -l 127.0.0.1 --repl-listen [::1]:21212", "--repl-listen [::1]:21212: an address without a port"},
		{"-x o:0 -l 127.0.0.1", `-x, --peer o:0: port "0"`},
		{"-x o:x -l 127.0.0.1", `-x, --peer: o:x`},
		{"-x 0.0.0.0 -l 127.0.0.1", "-x, --peer 0.0.0.0:11212 is every address of this machine"},
		{"--peer-wait ten", `--peer-wait: "ten" is not a time such as 10s`},
		{"--foo", "unknown flag --foo (-h lists them)"},
		{"--host 1.2.3.4", "unknown flag --host; did you mean --listen?"},
		{"helthcheck", `unexpected word "helthcheck": did you mean healthcheck?`},
		{"help replication", `unexpected word "replication": the commands are pair, config, cert`},
		{"version 2", `unexpected word "2": the commands are`},
		{"memcached memcached -m 64", `unexpected word "memcached"`},
		{"--peer-wait -1s", "--peer-wait -1s is out of range"},
		{"--drain-timeout 100h", "--drain-timeout 100h0m0s is out of range"},
		{"--local-keys [", `--local-keys: "[" is not a pattern: a [ has no ]: \[ is the bracket itself`},
		{"--warm", "--warm needs --state-dir DIR, a directory of this node's own"},
		{"--warm=maybe", `--warm: "maybe" is neither last nor any: --warm, which is --warm=last, or --warm=any`},
		{"--state-dir /d --warm any", "the value of --warm stands behind an equals sign: --warm=any"},
		{"-e /d/", "-e, --memory-file /d/ is a directory: name a file in it"},
		{"--repl-compress gzip", `--repl-compress "gzip": it is off or zstd`},
		{"--local-keys a,,b", "--local-keys has an empty pattern"},
		{"--cluster " + strings.Repeat("x", 251), "--cluster needs a name of 1 to 250 bytes"},
		{"-m 64 pair", "flags of pair go behind the word pair"},
		{"pair --port-c 1", "pair: unknown flag --port-c; did you mean --port-"},
		{"pair -m abc", `pair: -m, --memory-limit: "abc" is not a whole number`},
		{"pair -m 1", "pair: -m, --memory-limit 1 is too small to be useful"},
		{"pair --port-a 0", `pair: --port-a "0" is not a port`},
		{"pair --port-a 7 --port-b 7", "pair: --port-a and --port-b are both 7"},
		{"pair more", `pair: unexpected word "more"`},
		{"healthcheck a b", "healthcheck takes one HOST:PORT or socket"},
		{"healthcheck a:b", "healthcheck: port"},
		{"verify", "verify: it takes the two nodes to compare, HOST[:PORT] or a socket each, not 0"},
		{"verify a", "socket each, not 1"},
		{"verify a b c", "socket each, not 3"},
		{"verify a a:11211", "verify: both nodes are a:11211"},
		{"verify a b:x", `verify: b:x: port "x"`},
		{"verify a b --strict", "verify: the flag --strict goes before the nodes"},
		{"verify --strickt a b", "verify: unknown flag --strickt; did you mean --strict?"},
		{"verify --settle x a b", `verify: --settle "x" is not a time such as 2s`},
		{"verify --settle -1s a b", `verify: --settle "-1s" is not a time`},
		{"verify --settle 2h a b", `verify: --settle "2h" is not a time`},
		{"verify --show -1 a b", `verify: --show "-1" is not a number of keys`},
		{"verify --show many a b", `verify: --show "many" is not a number`},
		{"verify -Y /none/file a b", "verify: -Y, --auth-file: open /none/file"},
		{"verify -Y /dev/null a b", "the first line of /dev/null is not a name, a colon and a password"},
		{"verify --tls-ca /none/file a b", "verify: --tls-ca: open /none/file"},
		{"verify --tls-ca /dev/null a b", "--tls-ca /dev/null holds no certificate in PEM"},
		{"-m 64 verify a b", "flags of verify go behind the word verify"},
	} {
		_, code, out, stderr := parse(strings.Fields(c.line)...)
		if code != exitUsage || !strings.HasPrefix(stderr, "twincached: ") || !strings.Contains(stderr, c.want) || out != "" {
			t.Errorf("%q: exit %d, stdout %q, stderr %q; want exit %d and %q", c.line, code, out, stderr, exitUsage, c.want)
		}
	}
}

func TestCommandLine_OpenReplicationPortNeedsASecret(t *testing.T) {
	for line, refused := range map[string]bool{
		"-x other":                       true,
		"-X 11212":                       true,
		"-x other -l 127.0.0.1,10.0.0.1": true,
		"-x other -l 127.0.0.1 --repl-listen 0.0.0.0":  true,
		"-x other -l example.com":                      true,
		"-x other -l 127.0.0.1":                        false,
		"-x other -l ::1":                              false,
		"-x other -l localhost:3":                      false,
		"-x other -l 10.0.0.1 --repl-listen localhost": false,
		"-x other --repl-insecure":                     false,
		"-x other --secret-file f":                     false,
		"-l 0.0.0.0":                                   false, // replicates nothing
		"-x other -s /s":                               true,  // -s is for clients only
		"-x other -s /s -l 127.0.0.1":                  false,
		"-x other -s /s -l 127.0.0.1 -p11212":          false, // -p opens nothing
		"-s /s -p0":                                    false,
	} {
		_, code, _, stderr := parse(strings.Fields(line)...)
		if refused != (code == exitUsage) {
			t.Errorf("%q: exit %d: %s", line, code, stderr)
		}
		if refused && !(strings.Contains(stderr, "head -c 32 /dev/urandom | base64") && strings.Contains(stderr, "--repl-insecure")) {
			t.Errorf("%q: the message names no way out: %s", line, stderr)
		}
	}
}

func TestCommandLine_TLSWords(t *testing.T) {
	got := mustParse(t, "-Z -o ssl_chain_cert=/c,ssl_key=/k -o ssl_ca_cert=/a,ssl_verify_mode=2,ssl_min_version=3,ssl_session_cache,ssl_wbuf_size=64,no_maxconns_fast")
	want := node.TLS{Enabled: true, ChainCert: "/c", Key: "/k", CACert: "/a", VerifyMode: 2, MinVersion: 3, SessionCache: true, WriteBufKiB: 64}
	if got.Node.TLS != want || !got.Node.WaitAtLimit || !reflect.DeepEqual(got.Ignored, []string{"--extended=ssl_wbuf_size"}) {
		t.Errorf("%+v, %q", got.Node.TLS, got.Ignored)
	}
	if v := mustParse(t, "-Z -o ssl_chain_cert=/c,ssl_min_version=tlsv1.3").Node.TLS.MinVersion; v != 3 {
		t.Errorf("%d", v)
	}
}
