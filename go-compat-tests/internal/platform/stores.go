package platform

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	mysqldriver "github.com/go-sql-driver/mysql"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

const storeTimeout = 20 * time.Second

// GormDB opens the world's MySQL database as the Go services do.
func (w *World) GormDB(t testing.TB) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(mysql.Open(w.DSN), &gorm.Config{Logger: logger.Default.LogMode(logger.Silent)})
	if err != nil {
		t.Fatalf("gorm: %v", err)
	}
	t.Cleanup(func() {
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	})
	return db
}

// Mongo opens the world's views.
func (w *World) Mongo(t testing.TB) *mongo.Database {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(w.MongoURI))
	if err != nil {
		t.Fatalf("mongo: %v", err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.Background()) })
	return client.Database(w.MongoDatabase)
}

func (w *World) createDatabase(t testing.TB, dsn string) {
	t.Helper()
	config, err := mysqldriver.ParseDSN(dsn)
	if err != nil {
		t.Fatalf("MYSQL_DSN: %v", err)
	}
	// Written out, not formatted by the driver, which leaves out what is its default and others' is not.
	w.DSN = fmt.Sprintf("%s:%s@%s(%s)/%s?charset=utf8mb4&parseTime=True&loc=UTC",
		config.User, config.Passwd, config.Net, config.Addr, w.Database)
	execute(t, dsn, "create database "+w.Database+" character set utf8mb4")
	t.Cleanup(func() { execute(t, dsn, "drop database "+w.Database) })
}

func execute(t testing.TB, dsn, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	server, err := sql.Open("mysql", dsn)
	if err != nil {
		t.Errorf("mysql: %v", err)
		return
	}
	defer server.Close()
	if _, err := server.ExecContext(ctx, statement); err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}

func (w *World) dropViews(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(w.MongoURI))
	if err != nil {
		t.Errorf("mongo: %v", err)
		return
	}
	defer func() { _ = client.Disconnect(ctx) }()
	if err := client.Database(w.MongoDatabase).Drop(ctx); err != nil {
		t.Errorf("mongo: %v", err)
	}
}

// withMongoDatabase puts a database into the path of a URI.
func withMongoDatabase(uri, database string) string {
	base, query, hasQuery := strings.Cut(uri, "?")
	if server := strings.Index(base, "://") + len("://"); strings.Contains(base[server:], "/") {
		base = base[:server+strings.Index(base[server:], "/")]
	}
	if hasQuery {
		return base + "/" + database + "?" + query
	}
	return base + "/" + database
}
