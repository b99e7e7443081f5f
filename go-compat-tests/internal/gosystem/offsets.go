package gosystem

import (
	"context"
	"fmt"
	"strings"

	"github.com/segmentio/kafka-go"
)

// CommitAtEnd leaves a group without members where Go's consumer leaves it: with everything in `events` consumed.
func (k Kafka) CommitAtEnd(ctx context.Context, group string, events ...string) error {
	client, closed := k.client()
	defer closed()
	ends, err := k.ends(ctx, client, events)
	if err != nil {
		return err
	}
	commits := map[string][]kafka.OffsetCommit{}
	for topic, partitions := range ends {
		for partition, end := range partitions {
			commits[topic] = append(commits[topic], kafka.OffsetCommit{Partition: partition, Offset: end})
		}
	}
	request := kafka.OffsetCommitRequest{GroupID: group, GenerationID: -1, Topics: commits}
	answer, err := client.OffsetCommit(ctx, &request)
	if err != nil {
		return err
	}
	for topic, partitions := range answer.Topics {
		for _, partition := range partitions {
			if partition.Error != nil {
				return fmt.Errorf("%s %d: %w", topic, partition.Partition, partition.Error)
			}
		}
	}
	return nil
}

// Lag is how many records of the projector's topics its group has not committed.
func (p *Projector) Lag(ctx context.Context) (int64, error) {
	client, closed := p.Kafka.client()
	defer closed()
	ends, err := p.Kafka.ends(ctx, client, projected)
	if err != nil {
		return 0, err
	}
	partitions := map[string][]int{}
	for topic, found := range ends {
		for partition := range found {
			partitions[topic] = append(partitions[topic], partition)
		}
	}
	answer, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: p.Group, Topics: partitions})
	if err != nil {
		return 0, err
	}
	if answer.Error != nil {
		return 0, answer.Error
	}
	lag := int64(0)
	for topic, partitions := range answer.Topics {
		for _, partition := range partitions {
			lag += ends[topic][partition.Partition] - max(partition.CommittedOffset, 0)
		}
	}
	return lag, nil
}

// client has metadata of its own, as a Producer.
func (k Kafka) client() (client *kafka.Client, closed func()) {
	transport := &kafka.Transport{}
	return &kafka.Client{Addr: kafka.TCP(strings.Split(k.Brokers, ",")...), Transport: transport}, transport.CloseIdleConnections
}

func (k Kafka) ends(ctx context.Context, client *kafka.Client, events []string) (map[string]map[int]int64, error) {
	var topics []string
	for _, event := range events {
		topics = append(topics, k.Topic(event))
	}
	metadata, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: topics})
	if err != nil {
		return nil, err
	}
	requests := map[string][]kafka.OffsetRequest{}
	for _, topic := range metadata.Topics {
		if topic.Error != nil {
			return nil, fmt.Errorf("%s: %w", topic.Name, topic.Error)
		}
		for _, partition := range topic.Partitions {
			requests[topic.Name] = append(requests[topic.Name], kafka.LastOffsetOf(partition.ID))
		}
	}
	answer, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: requests})
	if err != nil {
		return nil, err
	}
	ends := map[string]map[int]int64{}
	for topic, partitions := range answer.Topics {
		ends[topic] = map[int]int64{}
		for _, partition := range partitions {
			if partition.Error != nil {
				return nil, fmt.Errorf("%s: %w", topic, partition.Error)
			}
			ends[topic][partition.Partition] = partition.LastOffset
		}
	}
	return ends, nil
}
