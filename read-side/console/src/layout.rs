//! What every page has around it.

use esteira_web::Problem;
use maud::{DOCTYPE, Markup, html};

use crate::access::Visitor;
use crate::assets::{ICON, SCRIPT, STYLE};

/// The field of every form that changes something.
pub(crate) const FORM_TOKEN: &str = "form_token";

/// The parts of the console: where, what it is called.
const PARTS: [(&str, &str); 7] = [
    ("/", "Belt"),
    ("/topics", "Topics"),
    ("/views", "Views"),
    ("/dead-letters", "Dead letters"),
    ("/outbox", "Outbox"),
    ("/engines", "Engines"),
    ("/operations", "Operations"),
];

/// A page of the part at `part`.
pub(crate) fn page(visitor: &Visitor, part: &str, title: &str, content: &Markup) -> Markup {
    shell(title, Some((visitor, part)), content)
}

/// A page for whoever has not signed in.
pub(crate) fn bare(title: &str, content: &Markup) -> Markup {
    shell(title, None, content)
}

/// The part to which a page belongs.
fn part_of(path: &str) -> &str {
    let parts = PARTS.iter().map(|(part, _)| *part).filter(|part| path.starts_with(part));
    parts.max_by_key(|part| part.len()).unwrap_or_default()
}

fn shell(title: &str, inside: Option<(&Visitor, &str)>, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Esteira" }
                link rel="icon" href=(ICON.path);
                link rel="stylesheet" href=(STYLE.path);
                script defer src=(SCRIPT.path) {}
            }
            body {
                a.skip href="#content" { "Skip to the content" }
                header.top {
                    a.brand href="/" { img src=(ICON.path) alt="" width="26" height="26"; "Esteira" }
                    @if let Some((visitor, part)) = inside { (navigation(visitor, part)) }
                }
                main id="content" tabindex="-1" {
                    h1 { (title) }
                    (content)
                }
            }
        }
    }
}

fn navigation(visitor: &Visitor, part: &str) -> Markup {
    html! {
        nav aria-label="Console" {
            ul {
                @for (path, name) in PARTS {
                    li { a href=(path) aria-current=[(path == part).then_some("page")] { (name) } }
                }
                @if visitor.signed_in {
                    li { form method="post" action="/sign-out" { (token(visitor)) button.plain { "Sign out" } } }
                }
            }
        }
        search {
            form.find action="/orders" {
                label.unseen for="find-order" { "Order" }
                input id="find-order" name="id" inputmode="numeric" pattern="[0-9]+" placeholder="Order id" required autocomplete="off";
                button { "Trace" }
            }
        }
    }
}

/// What proves that a form is of this visitor's page.
pub(crate) fn token(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name=(FORM_TOKEN) value=(visitor.form_token); }
}

/// What went wrong at `path`, for people.
pub(crate) fn problem(visitor: Option<&Visitor>, path: &str, problem: &Problem) -> Markup {
    let content = html! {
        div.notice.bad role="alert" {
            p { (problem.detail) }
            @if problem.errors.len() > 1 {
                ul { @for error in &problem.errors { li { code { (error.field) } " " (error.message) } } }
            }
        }
        p.quiet { (problem.status) " · " code { (problem.code) } }
        p { a href="/" { "To the belt" } }
    };
    shell(&capitalized(&problem.title), visitor.map(|visitor| (visitor, part_of(path))), &content)
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// Links to what comes before and after.
pub(crate) fn pager(newer: Option<&str>, older: Option<&str>) -> Markup {
    html! {
        @if newer.is_some() || older.is_some() {
            nav.pager aria-label="Pages" {
                @if let Some(link) = newer { a href=(link) rel="prev" { "← Newer" } }
                @if let Some(link) = older { a href=(link) rel="next" { "Older →" } }
            }
        }
    }
}
