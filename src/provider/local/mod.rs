//! This machine as an owned pool.
