//! Erasing people from every store.
