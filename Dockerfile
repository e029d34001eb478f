# The program is one static file: the last stage holds nothing else.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN mkdir /state
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /twincached .

FROM scratch
COPY --from=build /twincached /twincached
# For --state-dir /state: a volume that is mounted there belongs to the same user.
COPY --from=build --chown=65532:65532 /state /state
# A number, since there is no list of users; so -u is not needed.
USER 65532:65532
EXPOSE 11211 11212
# Healthy means: clients are served. A node that still copies is not. The check finds
# the node of its container, whatever its arguments are.
HEALTHCHECK --interval=3s --timeout=5s --start-period=60s CMD ["/twincached", "healthcheck"]
ENTRYPOINT ["/twincached"]
