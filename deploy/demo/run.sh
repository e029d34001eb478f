#!/bin/sh
# The demo without containers: two nodes (twincached pair) and the PHP page. Needs Go,
# and of Debian php-cli, php-memcache and php-memcached. Ctrl-C, or q, ends all of it.
# PORT_A, PORT_B, PORT_PHP, STATUS_A and STATUS_B choose other ports; what follows goes to pair.
set -eu
cd "$(dirname "$0")/../.."
a=${PORT_A:-11211} b=${PORT_B:-11221} page=${PORT_PHP:-8080} status_a=${STATUS_A:-8211} status_b=${STATUS_B:-8221}
for extension in memcache memcached; do
	php -r "exit(extension_loaded('$extension') ? 0 : 1);" || {
		echo "demo: PHP with the extension $extension is needed: apt-get install php-cli php-$extension" >&2
		exit 1
	}
done
work=$(mktemp -d)
php=
end() {
	[ -z "$php" ] || kill -- "-$php" 2>/dev/null || true # PHP's server and its workers
	rm -rf "$work"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

echo "demo: building the node; the first time takes a minute"
CGO_ENABLED=0 go build -o "$work/twincached" .
DEMO_NODES="a=127.0.0.1:$a b=127.0.0.1:$b" DEMO_STATUS="http://127.0.0.1:$status_a/ http://127.0.0.1:$status_b/" PHP_CLI_SERVER_WORKERS=8 \
	setsid php -q -S "127.0.0.1:$page" -t deploy/demo/www >"$work/php.log" 2>&1 &
php=$!
sleep 0.5
kill -0 "$php" 2>/dev/null || { cat "$work/php.log" >&2; echo "demo: PORT_PHP=PORT chooses another port" >&2; exit 1; }
trap : INT # it ends the pair, and that is the end as it is meant
echo "Open http://127.0.0.1:$page/ : a counter that never goes back. Then break a node, here:"
"$work/twincached" pair --port-a "$a" --port-b "$b" --status-port-a "$status_a" --status-port-b "$status_b" "$@"
