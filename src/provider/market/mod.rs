//! A market of cloud offers, run on this machine.
