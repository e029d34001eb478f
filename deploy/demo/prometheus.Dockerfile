# Prometheus with the configuration and the rules of deploy/prometheus. Build it from
# the folder deploy. images.sh gives another BASE where no registry can be reached.
ARG BASE=prom/prometheus:v2.53.4
FROM ${BASE}
COPY prometheus /etc/prometheus
EXPOSE 9090
ENTRYPOINT ["/bin/prometheus", "--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/tmp/prometheus"]
CMD []
