//! The pages, on embedded engines of their own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod belt;
mod fixture;
mod odd_data;
mod operations;
mod pages;
mod watched;
