//! Emails compare the same way on both engines and in `fold_email`.

use std::collections::HashMap;

use esteira_sql::{fold_email, on};
use esteira_testkit::{TestDb, on_every_engine, on_mysql};

on_every_engine!(the_unique_key_takes_for_the_same_what_folds_the_same);
on_mysql!(every_letter_of_europe_folds_as_mysql_compares_it);

const SAME: [(&str, &str); 10] = [
    ("ana@example.com", "ANA@Example.COM"),
    ("josé@example.com", "JOSE@example.com"),
    ("é@x", "E\u{301}@x"),
    ("straße@x", "STRASSE@x"),
    ("ægir@x", "AEGIR@x"),
    ("œuvre@x", "OEUVRE@x"),
    ("søren@x", "SOREN@x"),
    ("łukasz@x", "Lukasz@x"),
    ("ΣΊΣΥΦΟΣ@x", "σίσυφος@x"),
    ("ﬁn@x", "fin@x"),
];

const OTHER: [(&str, &str); 6] = [
    ("ana@x", "anna@x"),
    ("a.b@x", "ab@x"),
    ("a+b@x", "ab@x"),
    ("þor@x", "thor@x"),
    ("a-b@x", "a_b@x"),
    ("йод@x", "иод@x"),
];

async fn takes(test: &TestDb, first: &str, second: &str) -> bool {
    let mut tx = test.db.begin().await.unwrap();
    for email in [first, second] {
        let inserted = on!(&mut tx.conn(), c => {
            sqlx::query("insert into emails values (?)").bind(email.to_owned()).execute(&mut *c).await.map(drop)
        });
        if let Err(error) = inserted {
            assert!(error.as_database_error().unwrap().is_unique_violation(), "{error}");
            return false;
        }
    }
    true
}

async fn the_unique_key_takes_for_the_same_what_folds_the_same(test: TestDb) {
    if test.mysql_options().is_some() {
        test.execute("create table emails (email varchar(191) not null unique) default charset utf8mb4")
            .await;
    } else {
        test.execute("create table emails (email text not null collate email unique)").await;
    }
    for (first, second) in SAME {
        assert_eq!(fold_email(first), fold_email(second), "{first} {second}");
        assert!(!takes(&test, first, second).await, "{first} and {second} are the same to us");
    }
    for (first, second) in OTHER {
        assert_ne!(fold_email(first), fold_email(second), "{first} {second}");
        assert!(takes(&test, first, second).await, "{first} and {second} are two to us");
    }
}

/// Latin, Greek and Cyrillic, letter by letter: those that MySQL takes for the same and no others.
async fn every_letter_of_europe_folds_as_mysql_compares_it(test: TestDb) {
    // Without phonetic letters and those that stand above others.
    let letters: Vec<char> = ('\u{21}'..='\u{24f}')
        .chain('\u{37b}'..='\u{52f}')
        .chain('\u{1e00}'..='\u{1fff}')
        .filter(|c| c.is_alphanumeric() && *c != '\u{1fbe}')
        .collect();
    let mut reader = test.db.read().await.unwrap();
    let mut ours: HashMap<String, Vec<String>> = HashMap::new();
    for letter in letters {
        let weight: String = on!(&mut reader.conn(), c => {
            sqlx::query_scalar("select hex(weight_string(cast(? as char) collate utf8mb4_0900_ai_ci))")
                .bind(letter.to_string())
                .fetch_one(&mut *c)
                .await
        })
        .unwrap();
        ours.entry(weight).or_default().push(letter.to_string());
    }
    let mut folds: HashMap<String, String> = HashMap::new();
    let mut wrong = Vec::new();
    for (weight, letters) in &ours {
        for letter in letters {
            if fold_email(letter) != fold_email(&letters[0]) {
                wrong.push(format!("{letter} is {} to MySQL", letters[0]));
            }
            let other = folds.entry(fold_email(letter)).or_insert_with(|| weight.clone());
            if other != weight {
                wrong.push(format!("{letter} is not {} to MySQL", fold_email(letter)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differences: {}", wrong.len(), wrong.join(", "));
}
