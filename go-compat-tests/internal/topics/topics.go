// Package topics names the topics of CONTRACTS.md.
package topics

// All are the topics, one an event type. Each has a dead letter queue besides.
var All = []string{
	"user.created", "user.updated", "user.deleted", "product.created", "product.updated", "product.deleted",
	"stock.reserved", "stock.released", "stock.rejected",
	"order.created", "order.updated", "order.paid", "order.canceled", "order.deleted",
}

// DeadLetters is what the dead letter queue of a topic has after the topic's name.
const DeadLetters = ".dlq"
