package platform

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// World is what one test has to itself on the engines: a MySQL database, the topics and groups under a prefix,
// and a Mongo database. All of it is dropped when the test ends.
type World struct {
	// DSN is in Go's form, with UTC times, for gorm as well as for the processes.
	DSN, Database, MongoURI, MongoDatabase, Brokers, TopicPrefix, GroupPrefix string

	directory string
	settings  map[string]string
}

// NewWorld makes a world for t. Its tables and topics are for the services to make.
func NewWorld(t testing.TB) *World {
	t.Helper()
	at := engines(t)
	name := "esteira_go_" + randomHex(t)
	w := &World{
		Database: name, MongoDatabase: name, MongoURI: withMongoDatabase(at.MongoURI, name),
		Brokers: at.KafkaBrokers, TopicPrefix: name + ".", GroupPrefix: name + ".",
		directory: t.TempDir(),
	}
	w.createDatabase(t, at.MySQLDSN)
	t.Cleanup(func() { w.dropViews(t) })
	t.Cleanup(func() { w.dropTopicsAndGroups(t) })
	w.settings = map[string]string{
		"MYSQL_DSN": w.DSN, "KAFKA_BROKERS": w.Brokers, "MONGO_URI": w.MongoURI,
		"ESTEIRA_TOPIC_PREFIX": w.TopicPrefix, "ESTEIRA_GROUP_PREFIX": w.GroupPrefix,
		// A killed dispatcher is followed by the next one within a test's patience.
		"ESTEIRA_LEASE_TTL": "6s",
	}
	return w
}

// Set gives whatever is started from now on the setting name=value.
func (w *World) Set(name, value string) { w.settings[name] = value }

// Topic is the full name of a topic of this world.
func (w *World) Topic(name string) string { return w.TopicPrefix + name }

// Group is the full name of a consumer group of this world.
func (w *World) Group(name string) string { return w.GroupPrefix + name }

// Run runs a subcommand to its end. What it says on standard error is shown if the test fails.
func (w *World) Run(t testing.TB, args ...string) (stdout string, exitCode int) {
	t.Helper()
	var out, problems strings.Builder
	command := w.command(t, nil, args...)
	command.Stdout, command.Stderr = &out, &problems
	err := command.Run()
	if command.ProcessState == nil {
		t.Fatalf("esteira %s does not run: %v", strings.Join(args, " "), err)
	}
	if problems.Len() > 0 {
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("esteira %s said:\n%s", strings.Join(args, " "), problems.String())
			}
		})
	}
	return out.String(), command.ProcessState.ExitCode()
}

// command is the program with this world's settings and no others, so that a developer's own change nothing.
func (w *World) command(t testing.TB, more map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	settings := maps.Clone(w.settings)
	maps.Copy(settings, more)
	command := exec.Command(binary(t), args...)
	command.Dir = w.directory
	command.Env = []string{}
	for name, value := range settings {
		command.Env = append(command.Env, name+"="+value)
	}
	return command
}

// binary is the program under test.
func binary(t testing.TB) string {
	t.Helper()
	path := os.Getenv("ESTEIRA_BINARY")
	if path == "" {
		path = filepath.Join(moduleRoot(t), "..", "target", "debug", "esteira")
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("cargo build --bin esteira makes the program, ESTEIRA_BINARY says where it is: %v", err)
	}
	return path
}

// moduleRoot is where go.mod is; tests run in the directory of their package.
func moduleRoot(t testing.TB) string {
	t.Helper()
	directory, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; directory = filepath.Dir(directory) {
		if _, err := os.Stat(filepath.Join(directory, "go.mod")); err == nil {
			return directory
		}
		if directory == filepath.Dir(directory) {
			t.Fatal("no go.mod above the working directory")
		}
	}
}

func randomHex(t testing.TB) string {
	t.Helper()
	bytes := make([]byte, 5)
	if _, err := rand.Read(bytes); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(bytes)
}
