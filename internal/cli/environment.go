package cli

import (
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"

	"twincached/internal/node"
	"twincached/internal/nodelog"
)

// envNotes are the variables of our name that set nothing.
type envNotes struct {
	services []string // set by Kubernetes or Docker for a service of such a name
	unknown  []string // nobody knows what they should do: a typing error
}

// otherVariables are of our name and no flag.
var otherVariables = map[string]bool{
	node.SecretVariable:     true,
	daemonEnv:               true,
	envPrefix + "VERSION":   true, // images have it
	envPrefix + "HELP":      true,
	envPrefix + "IMAGE":     true, // of docker-compose.yml
	envPrefix + "CONTAINER": true,
}

// serviceVariable matches what Kubernetes sets in each container for a service, and
// Docker for a link, apart from NAME_PORT=tcp://HOST:PORT.
var serviceVariable = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR|START|END))?|ENV_[A-Za-z0-9_]+)$`)

// fromService tells whether a variable is one that Kubernetes or Docker sets for a
// service whose name begins as ours: of the service twincached-repl, for instance,
// TWINCACHED_REPL_PORT. No flag's value looks like that.
func fromService(name, value string) bool {
	if serviceVariable.MatchString(name) {
		return true
	}
	scheme, _, url := strings.Cut(value, "://")
	if url && strings.HasSuffix(name, "_PORT") && (scheme == "tcp" || scheme == "udp" || scheme == "sctp") {
		return true
	}
	return strings.HasSuffix(name, "_NAME") && strings.Count(value, "/") == 2 && value[0] == '/' // a Docker link's
}

// strangers are the variables of our name that set none of these flags.
func strangers(flags []string) (notes envNotes) {
	flagOf := map[string]bool{}
	for _, name := range flags {
		flagOf[envName(name)] = true
	}
	vars := os.Environ()
	slices.Sort(vars)
	for _, v := range vars {
		variable, value, _ := strings.Cut(v, "=")
		switch {
		case !strings.HasPrefix(variable, envPrefix):
		case fromService(variable, value):
			notes.services = append(notes.services, variable)
		case !otherVariables[variable] && !flagOf[variable]:
			note := variable
			if near := suggest(strings.TrimPrefix(variable, envPrefix), flags); near != "" {
				note += " (did you mean " + envName(near) + "?)"
			}
			notes.unknown = append(notes.unknown, note)
		}
	}
	return notes
}

// log says what of the environment counts for nothing.
func (e *envNotes) log(log *slog.Logger) {
	if len(e.services) > 0 {
		log.Info("variables left out: Kubernetes or Docker set them for a service of this name", nodelog.Ignored, "variables", strings.Join(e.services, " "))
	}
	if len(e.unknown) > 0 {
		log.Warn("unknown variables change nothing: twincached -h names the flags, each has one", nodelog.UnknownVariable, "variables", strings.Join(e.unknown, ", "))
	}
}

// lines are the same for a person who asks for the settings.
func (e *envNotes) lines() (lines []string) {
	for _, name := range e.services {
		lines = append(lines, fmt.Sprintf("note: %s is left out: Kubernetes or Docker set it for a service of this name", name))
	}
	for _, name := range e.unknown {
		lines = append(lines, fmt.Sprintf("note: %s is no variable of a flag and changes nothing", name))
	}
	return lines
}
