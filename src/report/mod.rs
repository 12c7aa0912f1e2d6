//! Reports of runs.
