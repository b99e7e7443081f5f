//! Newtype ids that read signed and unsigned columns (GORM makes ids `BIGINT UNSIGNED`).

/// Defines a newtype over `i64` with serde, `OpenAPI` and both engines.
#[macro_export]
macro_rules! sql_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, $crate::serde::Serialize, $crate::serde::Deserialize)]
        #[serde(crate = "esteira_sql::serde", transparent)]
        pub struct $name(pub i64);

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl $crate::utoipa::PartialSchema for $name {
            fn schema() -> $crate::utoipa::openapi::RefOr<$crate::utoipa::openapi::Schema> {
                <i64 as $crate::utoipa::PartialSchema>::schema()
            }
        }

        impl $crate::utoipa::ToSchema for $name {}

        impl $crate::sqlx::Type<$crate::sqlx::MySql> for $name {
            fn type_info() -> $crate::sqlx::mysql::MySqlTypeInfo {
                <i64 as $crate::sqlx::Type<$crate::sqlx::MySql>>::type_info()
            }

            fn compatible(ty: &$crate::sqlx::mysql::MySqlTypeInfo) -> bool {
                <i64 as $crate::sqlx::Type<$crate::sqlx::MySql>>::compatible(ty)
                    || <u64 as $crate::sqlx::Type<$crate::sqlx::MySql>>::compatible(ty)
            }
        }

        impl $crate::sqlx::Type<$crate::sqlx::Sqlite> for $name {
            fn type_info() -> $crate::sqlx::sqlite::SqliteTypeInfo {
                <i64 as $crate::sqlx::Type<$crate::sqlx::Sqlite>>::type_info()
            }

            fn compatible(ty: &$crate::sqlx::sqlite::SqliteTypeInfo) -> bool {
                <i64 as $crate::sqlx::Type<$crate::sqlx::Sqlite>>::compatible(ty)
            }
        }

        impl<'q, DB: $crate::sqlx::Database> $crate::sqlx::Encode<'q, DB> for $name
        where
            i64: $crate::sqlx::Encode<'q, DB>,
        {
            fn encode_by_ref(
                &self,
                buf: &mut <DB as $crate::sqlx::Database>::ArgumentBuffer,
            ) -> ::std::result::Result<$crate::sqlx::encode::IsNull, $crate::sqlx::error::BoxDynError> {
                <i64 as $crate::sqlx::Encode<'q, DB>>::encode_by_ref(&self.0, buf)
            }
        }

        impl<'r, DB: $crate::sqlx::Database> $crate::sqlx::Decode<'r, DB> for $name
        where
            i64: $crate::sqlx::Decode<'r, DB>,
        {
            fn decode(
                value: <DB as $crate::sqlx::Database>::ValueRef<'r>,
            ) -> ::std::result::Result<Self, $crate::sqlx::error::BoxDynError> {
                <i64 as $crate::sqlx::Decode<'r, DB>>::decode(value).map(Self)
            }
        }
    };
}
