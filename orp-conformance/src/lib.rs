//! The laws of every Open Resource Planning contract as callable tests.
