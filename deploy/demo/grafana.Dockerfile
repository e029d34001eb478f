# Grafana with the board of deploy/grafana as its first page, for whoever comes. Build
# it from the folder deploy. Debian has no Grafana, so this one needs a registry.
FROM grafana/grafana:11.6.0
ENV GF_AUTH_ANONYMOUS_ENABLED=true GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH=/boards/twincached.json
COPY demo/grafana /etc/grafana/provisioning
COPY grafana /boards
EXPOSE 3000
