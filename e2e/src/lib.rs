//! End-to-end tests of Upsurge on a real cluster.
