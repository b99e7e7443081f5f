// Package platform starts Esteira as processes on the real engines, each test in a world of its own.
package platform

import (
	"os"
	"testing"
)

// Engines says where the real engines are.
type Engines struct{ MySQLDSN, KafkaBrokers, MongoURI string }

// engines reads the addresses from the environment. Without them the test is left out loudly, and fails where
// ESTEIRA_REQUIRE_ENGINES says that they must be there.
func engines(t testing.TB) Engines {
	t.Helper()
	found := Engines{os.Getenv("MYSQL_DSN"), os.Getenv("KAFKA_BROKERS"), os.Getenv("MONGO_URI")}
	for _, engine := range []struct{ variable, value string }{
		{"MYSQL_DSN", found.MySQLDSN}, {"KAFKA_BROKERS", found.KafkaBrokers}, {"MONGO_URI", found.MongoURI},
	} {
		if engine.value != "" {
			continue
		}
		if os.Getenv("ESTEIRA_REQUIRE_ENGINES") == "1" {
			t.Fatalf("%s is not set, and ESTEIRA_REQUIRE_ENGINES says that it must be", engine.variable)
		}
		t.Skipf("NOT TESTED: %s runs only on the real engines, and %s is not set", t.Name(), engine.variable)
	}
	return found
}
