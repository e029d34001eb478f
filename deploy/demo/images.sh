#!/bin/sh
# Builds the images of docker-compose.yml from this machine's own files, where no
# registry can be reached: Debian, with the packages golang (or Go), php-cli,
# php-memcache, php-memcached, memcached and, if you like, prometheus. They are what "docker compose build"
# makes, but for their base: in place of Debian's image they have those files of its
# packages that the programs need.
#
#   deploy/demo/images.sh && docker compose up -d --no-build
#
# The names of the images are those of the compose file's variables.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# loaded prints files, each with the libraries that it loads.
loaded() {
	for file; do
		echo "$file"
		ldd "$file" 2>/dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }'
	done
}

# whole prints each file behind the names that it reads, with all links on the way.
whole() {
	while read -r file; do
		while :; do
			echo "$(readlink -f "${file%/*}")/${file##*/}"
			[ -L "$file" ] || break
			to=$(readlink "$file")
			case $to in /*) file=$to ;; *) file=${file%/*}/$to ;; esac
		done
	done | sort -u
}

# base makes an image of the files that it reads the names of.
base() {
	whole >"$work/files"
	for link in /bin /lib /lib64; do [ ! -L $link ] || echo $link; done >>"$work/files"
	echo /tmp >>"$work/files"
	tar -cf - --no-recursion -T "$work/files" 2>/dev/null | docker import -c 'ENV PATH=/usr/bin:/bin' - "$1" >/dev/null
}

# The node: the Dockerfile's program, and its last stage.
build=$(sed -n 's|^RUN \(CGO_ENABLED=0 go build .*\) -o /twincached \.$|\1|p' Dockerfile)
eval "$build" -o "$work/twincached" .
mkdir "$work/state"
sed -n '/^FROM scratch$/,$ { s|--from=build \(--chown=[0-9:]* \)\{0,1\}/|\1|; p }' Dockerfile >"$work/Dockerfile"
docker build -q -t "${TWINCACHED_IMAGE:-twincached}" "$work"

# The page: PHP with its settings, all its extensions, and memcached.
image=${DEMO_IMAGE:-twincached-demo}
{
	loaded /bin/sh /usr/bin/php /usr/bin/memcached "$(php -r 'echo PHP_EXTENSION_DIR;')"/*.so
	php -r 'echo dirname(PHP_CONFIG_FILE_PATH);' | xargs -I{} find {}/cli {}/mods-available ! -type d
	echo /usr/share/zoneinfo/UTC
} | base "$image-base"
docker build -q -t "$image" --build-arg BASE="$image-base" -f deploy/demo/Dockerfile deploy
docker rmi "$image-base" >/dev/null # its files stay, within the image

# Prometheus, without its own pages; Debian has no Grafana.
prometheus=$(command -v prometheus) || exit 0
image=${PROMETHEUS_IMAGE:-twincached-prometheus}
loaded "$prometheus" | base "$image-base"
docker build -q -t "$image" --build-arg BASE="$image-base" -f deploy/demo/prometheus.Dockerfile deploy
docker rmi "$image-base" >/dev/null
