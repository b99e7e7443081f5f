//! What the guides promise of what is beside them.

use std::collections::BTreeSet;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_alert_has_its_section_its_row_and_a_command() {
    let rules = read("docker/observability/alerts.yml");
    let alerts: BTreeSet<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 10, "{alerts:?}");
    let page = read("docs/alerts.md");
    let sections: Vec<&str> = page.split("\n## ").skip(1).collect();
    let titles: BTreeSet<&str> = sections.iter().map(|section| section.lines().next().unwrap()).collect();
    assert_eq!(titles, alerts, "the sections of docs/alerts.md and the rules");
    for section in sections {
        assert!(section.contains("esteira ") || section.contains("curl "), "no command: {section}");
    }
    let operating = read("docs/operating.md");
    for alert in alerts {
        let anchor = format!("docs/alerts.md#{}", alert.to_lowercase());
        assert!(rules.contains(&format!("runbook: {anchor}")), "the rule of {alert} has no runbook");
        let row = operating.lines().find(|line| line.starts_with(&format!("| [{alert}](alerts.md#")));
        let row = row.unwrap_or_else(|| panic!("docs/operating.md has no row for {alert}"));
        assert!(row.contains("`esteira "), "{row}");
    }
}

/// Links between the pages, and from them to files.
#[test]
fn no_link_of_the_documentation_leads_nowhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = docs.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    for page in pages.chain([root.join("README.md"), root.join("ARCHITECTURE.md")]) {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            if target.contains("://") || target.contains(' ') {
                continue;
            }
            let file = if target.is_empty() { page.clone() } else { page.parent().unwrap().join(target) };
            assert!(file.exists(), "{}: {link}", page.display());
            if !anchor.is_empty() {
                let titles = std::fs::read_to_string(&file).unwrap();
                let found =
                    titles.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor);
                assert!(found, "{}: {link}", page.display());
            }
        }
    }
}

/// A heading's anchor, as GitHub makes it.
fn slug(heading: &str) -> String {
    let title = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = title.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

/// Secrets that the guide names are those that the program takes from files, and no other.
#[test]
fn the_guide_to_security_names_every_secret() {
    let page = read("docs/security.md");
    for row in esteira_config::reference().unwrap().iter().filter(|row| row.secret) {
        assert!(page.contains(&format!("`{}`", row.env)), "docs/security.md does not name {}", row.env);
    }
}

#[test]
fn the_guide_to_security_has_the_limits_in_force() {
    let page = read("docs/security.md");
    let limits = esteira_web::Limits::default();
    for told in [
        format!("{} KiB, 100 headers, {} s", limits.head / 1024, limits.header.as_secs()),
        format!("| a body | {} MiB", limits.body / 1024 / 1024),
        format!("| a handler, with reading the body | {} s", limits.request.as_secs()),
        format!(
            "| connections of a listener | {},{:03} |",
            limits.connections / 1000,
            limits.connections % 1000
        ),
        format!("| an answer of which nothing is read | {} s", limits.write.as_secs()),
    ] {
        assert!(page.contains(&told), "docs/security.md does not say {told:?}");
    }
}
