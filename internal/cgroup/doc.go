// Package cgroup finds out how much memory the container of this process may use.
package cgroup
