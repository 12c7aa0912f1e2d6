//! CUDA devices as resources of Open Resource Planning.
