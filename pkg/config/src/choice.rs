//! Settings with a few named values.

use crate::rule::Rule;

/// Declares an enum whose variants are read, without regard to case, and shown by name.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name, as the setting has it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            pub(crate) fn rule() -> Rule<Self> {
                Rule::new("choice", [$($text),+].join(", "), |text| {
                    let chosen = Self::ALL.iter().find(|choice| choice.as_str().eq_ignore_ascii_case(text));
                    chosen.copied().ok_or_else(String::new)
                })
            }
        }
    };
}

choice! {
    /// Whose price an order takes.
    PricePolicy {
        /// The client's `unit_price`, as Go did.
        Trust = "trust",
        /// The catalogue's; a `unit_price` that differs is refused.
        Catalog = "catalog",
    }
}

choice! {
    /// How log lines look.
    LogFormat {
        /// For people.
        Pretty = "pretty",
        /// One JSON object a line.
        Json = "json",
    }
}

choice! {
    /// How connections to Kafka are protected (librdkafka's `security.protocol`).
    SecurityProtocol {
        /// Neither encrypted nor authenticated.
        Plaintext = "plaintext",
        /// Encrypted.
        Ssl = "ssl",
        /// Authenticated.
        SaslPlaintext = "sasl_plaintext",
        /// Encrypted and authenticated.
        SaslSsl = "sasl_ssl",
    }
}

choice! {
    /// How Kafka clients authenticate (librdkafka's `sasl.mechanism`).
    SaslMechanism {
        /// User and password as they are.
        Plain = "PLAIN",
        /// Salted challenge, SHA-256.
        ScramSha256 = "SCRAM-SHA-256",
        /// Salted challenge, SHA-512.
        ScramSha512 = "SCRAM-SHA-512",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_without_regard_to_case() {
        let rule = SaslMechanism::rule();
        assert_eq!((rule.parse)("scram-sha-512"), Ok(SaslMechanism::ScramSha512));
        assert!((rule.parse)("GSSAPI").is_err());
        assert_eq!(PricePolicy::rule().allowed, "trust, catalog");
    }
}
