//! What would do?
