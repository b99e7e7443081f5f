//! Where spans go.

use std::fmt;

use url::Url;

use crate::rule::{Rule, Show};

const TRACES: &str = "/v1/traces";

/// The URL of an OpenTelemetry collector.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OtlpEndpoint(Url);

impl OtlpEndpoint {
    /// The URL that traces are posted to: `/v1/traces` under the collector's, as `OTEL_EXPORTER_OTLP_ENDPOINT` means it, or
    /// what was given where it ends so already, as `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` does.
    pub fn traces(&self) -> String {
        let base = self.0.as_str().trim_end_matches('/');
        if base.ends_with(TRACES) { base.to_owned() } else { format!("{base}{TRACES}") }
    }

    pub(crate) fn rule() -> Rule<Self> {
        let rule = Rule::new(
            "address",
            "http://host[:port] or https://host[:port], of a collector's OTLP receiver for HTTP",
            |text| {
                let url = Url::parse(text).map_err(|error| error.to_string())?;
                if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
                    return Err("it does not begin with http:// or https://".into());
                }
                if url.port() == Some(4317) {
                    return Err("4317 is the port for gRPC; that for HTTP is 4318".into());
                }
                if !url.username().is_empty() || url.password().is_some() {
                    return Err("credentials go into OTEL_EXPORTER_OTLP_HEADERS".into());
                }
                if url.query().is_some() || url.fragment().is_some() {
                    return Err("it has a query".into());
                }
                Ok(Self(url))
            },
        );
        rule.showing(Show::Checked)
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traces(text: &str) -> Result<String, String> {
        (OtlpEndpoint::rule().parse)(text).map(|endpoint| endpoint.traces())
    }

    #[test]
    fn traces_have_their_path_under_the_collectors() {
        let usual = Ok("http://localhost:4318/v1/traces".to_owned());
        for text in ["http://localhost:4318", "http://localhost:4318/", "http://localhost:4318/v1/traces"] {
            assert_eq!(traces(text), usual, "{text}");
        }
        assert_eq!(
            traces("https://otlp.example.com/otlp"),
            Ok("https://otlp.example.com/otlp/v1/traces".into())
        );
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for (text, reason) in [
            ("localhost:4318", "http://"),
            ("http://localhost:4317", "4318"),
            ("http://user:secret@collector:4318", "OTEL_EXPORTER_OTLP_HEADERS"),
            ("http://collector:4318?key=secret", "query"),
            ("grpc://collector", "http://"),
        ] {
            let error = traces(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
