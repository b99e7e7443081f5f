package gosystem

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
)

// Dispatcher is the Go dispatcher: it claims nothing, so that several publish the same rows.
type Dispatcher struct {
	DB       *gorm.DB
	Producer *Producer
	// Page is how many rows are read at once; what was read is published, whoever has published it meanwhile.
	Page int
	// Interval is the pause between two pages.
	Interval time.Duration

	published atomic.Int64
}

// Published counts the rows that this dispatcher has published.
func (d *Dispatcher) Published() int64 { return d.published.Load() }

// Run publishes until ctx ends; what it returns then is no error.
func (d *Dispatcher) Run(ctx context.Context) error {
	ticker := time.NewTicker(d.Interval)
	defer ticker.Stop()
	for {
		if err := d.Sweep(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Sweep publishes a page of unprocessed rows.
func (d *Dispatcher) Sweep(ctx context.Context) error {
	var rows []OutboxEvent
	query := d.DB.WithContext(ctx).Where("processed_at IS NULL").Order("id").Limit(d.Page)
	if err := query.Find(&rows).Error; err != nil {
		return err
	}
	for _, row := range rows {
		if err := d.publish(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// publish passes the payload through a map, as the recorded records show: their nested keys are in alphabetical order.
func (d *Dispatcher) publish(ctx context.Context, row OutboxEvent) error {
	var payload map[string]any
	if err := json.Unmarshal([]byte(row.Payload), &payload); err != nil {
		return errors.Join(errors.New("outbox payload"), err)
	}
	value, err := json.Marshal(payload)
	if err != nil {
		return err
	}
	if err := d.Producer.PublishThrice(ctx, row.EventType, value); err != nil {
		return err
	}
	d.published.Add(1)
	mark := d.DB.WithContext(ctx).Model(&OutboxEvent{}).Where("id = ?", row.ID)
	return mark.Update("processed_at", time.Now().UTC()).Error
}
