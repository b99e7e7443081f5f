package contract

import "esteira.dev/go-compat-tests/internal/gosystem"

// UserViews is a list of the query side.
type UserViews struct {
	Users []gosystem.UserView `json:"users"`
	Total int                 `json:"total"`
}

// ProductViews is a list of the query side.
type ProductViews struct {
	Products []gosystem.ProductView `json:"products"`
	Total    int                    `json:"total"`
}

// OrderViews is a list of the query side.
type OrderViews struct {
	Orders []gosystem.OrderView `json:"orders"`
	Total  int                  `json:"total"`
}
