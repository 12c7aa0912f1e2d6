//! Who gets what now?
