//! Processes under a supervisor.
