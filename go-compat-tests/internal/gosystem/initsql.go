package gosystem

import (
	_ "embed"
	"strings"

	"gorm.io/gorm"
)

// InitSQL is the init.sql shape with BIGINT ids, which AutoMigrate can retype: the one that was recorded from.
//
//go:embed testdata/init.sql
var InitSQL string

// InitSQLInt is the init.sql shape with INT ids and an ENUM of the states that Go writes.
//
//go:embed testdata/init-int.sql
var InitSQLInt string

// RunInit runs an init.sql on an empty database.
func RunInit(db *gorm.DB, script string) error {
	for _, statement := range strings.Split(script, ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if err := db.Exec(statement).Error; err != nil {
			return err
		}
	}
	return nil
}
