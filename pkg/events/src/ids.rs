//! The ids that events and tables share.

use esteira_sql::sql_id;

sql_id!(
    /// Identifies a user.
    UserId
);
sql_id!(
    /// Identifies a product.
    ProductId
);
sql_id!(
    /// Identifies an order.
    OrderId
);
